"""A batch-shaped HTTP/2 client: `send_many` and one ending per request. Knows no provider."""

from push_workers.senders.http2.call import HeadersOf, StopsAt
from push_workers.senders.http2.endings import Ended, Ending, Replies
from push_workers.senders.http2.patience import Patience
from push_workers.senders.http2.requests import Column
from push_workers.senders.http2.stats import Stats
from push_workers.senders.http2.transport import Transport

__all__ = [
    "Column",
    "Ended",
    "Ending",
    "HeadersOf",
    "Patience",
    "Replies",
    "Stats",
    "StopsAt",
    "Transport",
]
