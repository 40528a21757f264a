"""apublish: publish from a coroutine, without holding up its event loop."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session, scoped_session

from push_pipeline.host import joined
from push_pipeline.ledger.messages import Receipt
from push_pipeline.options import DeliveryOptions, PublishOptions
from push_pipeline.publishing.draft import UserIds
from push_pipeline.publishing.publish import publish

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


async def apublish(  # noqa: PLR0913 - every one of them is the API's
    channel: str | None,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None = None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None = None,
    *,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: "AsyncSession | Session | scoped_session[Session] | None" = None,
    users: UserIds | None = None,
    rate: float | None = None,
    over: timedelta | int | None = None,
    strict: bool = False,
) -> Receipt:
    """Publish as `publish`, which blocks its thread for some milliseconds, on another thread.

    With an `AsyncSession` the message is written in its transaction, by its own connection. A
    coroutine that is cancelled meanwhile cannot tell whether the message was committed: give it
    a `dedupe_key`, and publish again.

    Raises:
        as `publish`.
    """
    call = partial(publish, channel, message, publish_options, delivery_options)
    call = partial(call, app=app, dedupe_key=dedupe_key, users=users, strict=strict)
    call = partial(call, rate=rate, over=over)
    if not isinstance(session, Session | scoped_session | None):
        return await session.run_sync(lambda own: call(session=own))
    host = joined()
    in_thread = asyncio.to_thread if host is None else host.in_thread
    return await in_thread(partial(call, session=session))
