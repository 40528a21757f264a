"""Broadcast channels of Apple's: made, listed, looked at, deleted."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from push_pipeline.errors import InvalidParameter
from push_pipeline.gateway.auth import Asking, Publishing
from push_pipeline.gateway.body import JsonObject
from push_pipeline.gateway.idempotency import IdempotencyKey, say_if_replayed
from push_pipeline.gateway.paths import Listed, Named
from push_pipeline.gateway.wire import MessageStatus
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions
from push_pipeline.options.activity import ActivityOptions
from push_pipeline.options.broadcast_channel import read_event
from push_pipeline.publishing import broadcast_channels
from push_pipeline.publishing.broadcasts import publish_broadcast

router = APIRouter(tags=["broadcast channels"])

#: What of a message's delivery a push to a broadcast channel has, too.
_WHEN = frozenset(("publishAt", "unknownPolicy"))

Environment = Annotated[Listed | None, Query(description="production or sandbox; the app's first.")]


@router.post("/messaging/broadcast-channels", summary="Make a broadcast channel at Apple")
def create(asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Make a broadcast channel; phones listen to the `channelId` that is answered.

    The body has `name`, and maybe `stores` (`latest` or `nothing`) and `environment`.
    """
    asking.require("admin")
    for name in ("stores", "environment"):
        if not isinstance(body.get(name), str | None):
            raise InvalidParameter(f"{name} is text")
    return broadcast_channels.create_broadcast_channel(
        body.get("name", ""),
        stores=body.get("stores") or "latest",
        environment=body.get("environment"),
        app=asking.app_id,
    )


@router.get("/messaging/broadcast-channels", summary="List broadcast channels")
def list_all(
    asking: Asking,
    environment: Environment = None,
    at_apple: Annotated[
        bool, Query(alias="atApple", description="Ask Apple which there are.")
    ] = False,
) -> list[dict[str, Any]]:
    """List the app's broadcast channels; with `atApple` also those that have no name here."""
    asking.require("admin" if at_apple else "read")
    return broadcast_channels.list_broadcast_channels(
        at_apple=at_apple, environment=environment, app=asking.app_id
    )


@router.get("/messaging/broadcast-channels/{name}", summary="Read a broadcast channel")
def show(name: Named, asking: Asking, environment: Environment = None) -> dict[str, Any]:
    """Read a broadcast channel, with whether Apple has it."""
    asking.require("admin")
    return broadcast_channels.show_broadcast_channel(
        name, environment=environment, app=asking.app_id
    )


@router.post("/messaging/broadcast-channels/{name}", summary="Push to a broadcast channel")
def push(
    name: Named,
    asking: Publishing,
    body: JsonObject,
    dedupe_key: IdempotencyKey,
    response: Response,
    environment: Environment = None,
) -> MessageStatus:
    """Tell all activities that listen to a broadcast channel of an update, or of their end.

    The body has `event` (`update`, `end`) and `state`, and maybe `alert` (or `template` with
    `templateValues`), `staleDate`, `dismissalDate`, `relevanceScore`, `priority`, `ttl`,
    `publishAt` and `unknownPolicy`. It is one request, whose audience is unknown. Whoever asks
    must be allowed to publish to all channels.
    """
    asking.require_publish(EVERY_CHANNEL)
    ttl = body.get("ttl")
    if not isinstance(ttl, int | None) or isinstance(ttl, bool):
        raise InvalidParameter("ttl is a number of seconds")
    when = {name: value for name, value in body.items() if name in _WHEN}
    event = read_event(body.get("event", "update"))
    receipt = publish_broadcast(
        ActivityOptions.from_wire({**body, "event": event, "activityId": name}),
        DeliveryOptions.from_wire(when),
        ttl=ttl,
        environment=environment,
        app=asking.app_id,
        dedupe_key=dedupe_key,
    )
    say_if_replayed(response, receipt)
    return MessageStatus.of(receipt)


@router.delete("/messaging/broadcast-channels/{name}", summary="Delete a broadcast channel")
def delete(name: Named, asking: Asking, environment: Environment = None) -> bool:
    """Delete a broadcast channel at Apple for good: its id never comes back."""
    asking.require("admin")
    broadcast_channels.delete_broadcast_channel(name, environment=environment, app=asking.app_id)
    return True
