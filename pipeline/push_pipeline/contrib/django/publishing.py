"""Publishing from Django code: inside `atomic()` it is part of that transaction."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction

import push_pipeline
from push_pipeline.clock import now_ms
from push_pipeline.contrib.django.conf import shared_alias
from push_pipeline.contrib.django.devices import user_id
from push_pipeline.contrib.django.host import DjangoHost
from push_pipeline.ledger.messages import Receipt
from push_pipeline.options import DeliveryOptions, PublishOptions
from push_pipeline.publishing.draft import UserIds, draft_message, to_users


def publish(channel: str | None, message: Any, *options: Any, **named: Any) -> Receipt:
    """Publish as `push_pipeline.publish`, in the transaction that is open.

    The message is committed or rolled back with it, savepoints included, and workers hear of it
    after the commit. Where none is open it is committed when this returns. Where the pipeline's
    tables are in another database than the transaction, the message is checked now, written
    after the commit, and not written at all after a rollback: a process that dies between the
    commit and that write loses it.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
    """
    return push_pipeline.publish(channel, message, *options, **named)


def push_to_user(user: Any, message: Any, *options: Any, **named: Any) -> Receipt:
    """Publish to the devices of one user: a user of Django's, or an id. The rest as `publish`.

    Raises:
        as `publish`.
    """
    to = user_id(user) if hasattr(user, "pk") else user
    return push_pipeline.push_to_user(to, message, *options, **named)


async def apublish(channel: str | None, message: Any, *options: Any, **named: Any) -> Receipt:
    """Publish from a coroutine, on the thread of Django's other calls. The rest as `publish`."""
    return await DjangoHost().in_thread(partial(publish, channel, message, *options, **named))


def publish_on_commit(
    channel: str | None,
    message: Any,
    publish_options: PublishOptions | Mapping[str, Any] | None = None,
    delivery_options: DeliveryOptions | Mapping[str, Any] | None = None,
    *,
    users: UserIds | None = None,
    using: str | None = None,
    **named: Any,
) -> None:
    """Publish when Django's transaction is committed; at once where none is open.

    As `publish`, for who needs no receipt, or waits for the transaction of another database than
    that of our tables: `using` is its alias.

    Raises:
        RequestError: a typed error with the API's code; nothing was written.
    """
    to = to_users(DeliveryOptions.of(delivery_options), users)
    call = partial(push_pipeline.publish, channel, message, publish_options, to, **named)
    if using in (None, shared_alias()):
        call()
        return
    strict = named.get("strict", False)
    draft_message(channel, message, publish_options, to, strict=strict, now=now_ms())
    transaction.on_commit(call, using=using, robust=True)
