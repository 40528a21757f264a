"""publish: check, write once, wake. The row is the truth; the wake-up only makes it quick."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session, scoped_session

from push_pipeline.clock import now_ms
from push_pipeline.ledger.messages import Receipt
from push_pipeline.options import DeliveryOptions, PublishOptions
from push_pipeline.publishing.dedupe import key_of_host
from push_pipeline.publishing.draft import UserIds, draft_message, paced, to_users
from push_pipeline.publishing.recorder import check_broker
from push_pipeline.publishing.write import write


def publish(  # noqa: PLR0913 - every one of them is the API's
    channel: str | None,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None = None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None = None,
    *,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
    users: UserIds | None = None,
    rate: float | None = None,
    over: timedelta | int | None = None,
    strict: bool = False,
) -> Receipt:
    """Publish a message to the devices of a channel, of users, or of users in a channel.

    When this returns, the message and its run are committed and cannot be lost; with a
    `session` of yours they are committed with it. Redis being away costs at most two seconds
    and loses nothing. The same `dedupe_key` returns the same receipt, `replayed`, and sends nothing
    again. It blocks its thread for some milliseconds: a coroutine calls `apublish`.

    Args:
        channel: its name; created if it does not exist. None needs `users`: their devices.
        message: any JSON value; the text of the notification where no header gives one. An
            object of texts by language with a `default` gives each device that of its locale.
        publish_options: publisher id and headers.
        delivery_options: which devices, when, how long.
        app: an app's id; the default app without it.
        dedupe_key: at most 255 characters, one per thing that is to be said once: no number that
            another row may get. A later call with it has to say the same, its times included.
        session: write in this SQLAlchemy session's transaction; the wake-up follows its commit.
            Flask-SQLAlchemy's `db.session` is as good.
        users: only the devices of these users, by the ids that they were registered with.
        rate: send to so many devices a second, instead of as fast as it can.
        over: send to all within this time (a timedelta or seconds), evenly; instead of `rate`.
        strict: refuse it where anything of it has no effect, or another one; otherwise it is
            published, and `receipt.warnings` say what.

    Raises:
        StrictRefusal: it is strict, and the receipt would have warnings (code 8008).
        EmptyAudience: `users` is a list without anybody (code 8008).
        DedupeKeyReused: the key was used for another message (code 5061).
        RequestError: a typed error with the API's code; nothing was written.
        SetupError: the database or a setting; nothing was written.
    """
    check_broker()
    to = paced(to_users(DeliveryOptions.of(delivery_options), users), rate, over)
    key = key_of_host(dedupe_key)
    draft = draft_message(
        channel, message, publish_options, to, dedupe_key=key, strict=strict, now=now_ms()
    )
    return write(draft, app=app, session=session)


def push_to_user(  # noqa: PLR0913 - every one of them is the API's
    user_id: str | int,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None = None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None = None,
    *,
    app: str | None = None,
    dedupe_key: str | None = None,
    session: Session | scoped_session[Session] | None = None,
    strict: bool = False,
) -> Receipt:
    """Publish a message to the devices of one user, whatever channels they are in.

    The rest is as for `publish`.
    """
    return publish(
        None,
        message,
        publish_options,
        delivery_options,
        app=app,
        dedupe_key=dedupe_key,
        session=session,
        users=[user_id],
        strict=strict,
    )
