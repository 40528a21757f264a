"""The header `Idempotency-Key`: whose it is, and the answer to one that was used before."""

from typing import Annotated, Final

from fastapi import Depends, Header, Response

from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.permissions import Caller
from push_pipeline.ledger.messages import Receipt
from push_pipeline.publishing.dedupe import DedupeKey, key_of_request

#: Tells that an answer is one to an earlier request, as others who take the header call it.
REPLAYED: Final = "Idempotent-Replayed"


async def read_key(
    asking: Asking, idempotency_key: Annotated[str | None, Header()] = None
) -> DedupeKey | None:
    """Return the key of a request, as `key_of`."""
    return key_of(asking, idempotency_key)


def key_of(asking: Caller, idempotency_key: str | None) -> DedupeKey | None:
    """Return the key of a request: of this API key and user only, so that nobody meets another's.

    Raises:
        InvalidParameter: it is empty or too long.
    """
    return key_of_request(f"{asking.grant.key_id}\n{asking.user_id}", idempotency_key)


def say_if_replayed(response: Response, receipt: Receipt) -> None:
    """Put into an answer's head that its message existed already."""
    response.headers.update(replayed(receipt))


def replayed(receipt: Receipt) -> dict[str, str]:
    """Return the headers that tell that a message existed already."""
    return {REPLAYED: "true"} if receipt.replayed else {}


IdempotencyKey = Annotated[DedupeKey | None, Depends(read_key)]
