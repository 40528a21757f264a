"""One call of `send_many`: what is still to be sent, what came back, and until when."""

from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import cast

from push_workers.senders.http2.answers import Returned
from push_workers.senders.http2.endings import Ended, Ending, Kept
from push_workers.senders.http2.hpack_encoder import Field
from push_workers.senders.http2.requests import Requests

#: Times a request that was surely not processed is given to a connection in one call. Each is
#: safe (RFC 9113, 8.7); a bound keeps a peer that refuses everything from keeping us here.
MAX_TRIES = 3

HeadersOf = Callable[[int], Sequence[Field]]
StopsAt = Callable[[Ending], bool]


class Call:
    """Requests, and one ending for each when nothing is pending nor in flight."""

    def __init__(
        self,
        requests: Requests,
        headers: HeadersOf,
        leading: Sequence[Field],
        deadline: float,
        stops_at: StopsAt | None = None,
        *,
        brief: bool = False,
    ) -> None:
        self.requests = requests
        self.deadline = deadline
        self.brief = brief  # of an answer 200 the body is enough
        self.results: list[Kept | None] = [None] * len(requests)
        self.failure: str | None = None  # why no connection could be had, if this call saw it
        self._stops_at = stops_at
        self._stopped = False
        self._headers = headers
        self._leading = tuple(leading)
        self._fields: dict[int, tuple[Field, ...]] = {}
        self._next = 0  # the first request that was never given to a connection
        self._again: list[int] = []
        self._tries: dict[int, int] = {}
        self._last: dict[int, Returned] = {}

    @property
    def pending(self) -> int:
        """How many requests wait for a connection."""
        return len(self._again) + len(self.results) - self._next

    @property
    def begun(self) -> bool:
        """Whether some request was given to a connection."""
        return self._next > 0

    def fields(self, connection: int) -> tuple[Field, ...]:
        """The headers that all requests on a connection share; its owner is asked once."""
        if connection not in self._fields:
            self._fields[connection] = (*self._leading, *self._headers(connection))
        return self._fields[connection]

    def peek(self, limit: int) -> Sequence[int]:
        """The next requests to send."""
        if self._again:
            return self._again[:limit]
        return range(self._next, min(self._next + limit, len(self.results)))

    def took(self, count: int) -> None:
        """The first of what `peek` showed are with a connection now."""
        if self._again:
            del self._again[:count]
        else:
            self._next += count

    def give_back(self, returned: Iterable[Returned], *, counts: bool = True) -> None:
        """Plan what was not processed again, or end it after too many tries.

        One on a connection that had answered others and was retired in good order does not count:
        a server that does so after each hundred would refuse the last of many over and over.
        """
        for one in returned:
            tries = self._tries.get(one.request, 1)
            if counts and tries >= MAX_TRIES:
                self.results[one.request] = Ending(one.kind, detail=one.detail)
                continue
            self._tries[one.request] = tries + counts
            self._last[one.request] = one
            self._again.append(one.request)

    def hear(self, complaints: Iterable[Ending]) -> None:
        """Send nothing more, now and later, once an answer says so."""
        if self._stops_at is not None and not self._stopped:
            self._stopped = any(map(self._stops_at, complaints))
        if self._stopped and self.pending:
            self.settle_pending("ToldToWait")

    def settle_pending(self, detail: str) -> None:
        """Nothing more is sent: what is pending ends as refused before, or as not sent."""
        for index in (*self._again, *range(self._next, len(self.results))):
            last = self._last.get(index, Returned(index, Ended.NOT_SENT, detail))
            self.results[index] = Ending(last.kind, detail=last.detail)
        self._again.clear()
        self._next = len(self.results)

    def kept(self) -> list[Kept]:
        """What is kept of each request's end, in their order."""
        if NoneType in {*map(type, self.results)}:
            raise AssertionError("a request was left without an ending")
        return cast("list[Kept]", self.results)
