"""The console's routes: templates of all kinds and channels, for a key with the scope admin.

They stand below `/{appId}/console/messaging`, with the key in the header `auth-key`. Publishing
there is the same as elsewhere, and has its routes there.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices.channels import (
    create_channel,
    delete_channel,
    find_channel,
    list_channels,
    rename_channel,
)
from push_pipeline.directory.templates import (
    CHANNEL,
    PUSH,
    Kind,
    buttons_for,
    change_template,
    create_template,
    delete_templates,
    get_template,
    list_templates,
)
from push_pipeline.errors import MissingParameter, UnknownOs
from push_pipeline.gateway.auth import Asking
from push_pipeline.gateway.body import JsonObject
from push_pipeline.gateway.paging import ListRows, Paging
from push_pipeline.gateway.paths import Listed, Named
from push_pipeline.ledger.channel_messages import keep_with_channel
from push_pipeline.options.channel import normal_name
from push_pipeline.platform import NAMES, Platform

#: Left out of the API's description, whose two base URLs are not the console's.
router = APIRouter(prefix="/console/messaging", include_in_schema=False)

PlatformName = Annotated[str, Query(alias="platform")]


@router.get("/channels")
def channels(asking: Asking, rows: ListRows) -> list[dict[str, Any]]:
    """List the channels by name."""
    asking.require("admin")
    with db.reading() as connection:
        found = list_channels(connection, asking.app_id, limit=rows.limit, offset=rows.offset)
    return [_channel(key, name) for key, name in found]


@router.post("/channels")
def add_channel(asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Make a channel."""
    asking.require("admin")
    name = _name_in(body)
    with db.writing() as connection:
        key = create_channel(connection, asking.app_id, name, now_ms())
    return _channel(key, name)


@router.put("/channels/{channel}")
def change_channel(channel: Named, asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Rename a channel; its devices and messages stay with it.

    Whoever names it elsewhere keeps the old name: apps, push templates, keys and publish rules.
    """
    asking.require("admin")
    name = _name_in(body)
    with db.writing() as connection:
        key, old = find_channel(connection, asking.app_id, channel)
        if name != old:
            rename_channel(connection, key, name)
            keep_with_channel(connection, asking.app_id, old, name)
    return _channel(key, name)


@router.delete("/channels/{channel}")
def remove_channel(channel: Named, asking: Asking) -> bool:
    """Delete a channel and its subscriptions."""
    asking.require("admin")
    with db.writing() as connection:
        _, name = find_channel(connection, asking.app_id, channel)
        delete_channel(connection, asking.app_id, name)
    return True


@router.get("/push/templates")
def push_templates(asking: Asking, rows: ListRows) -> list[dict[str, Any]]:
    """List the push templates by name."""
    return _list(asking, PUSH, rows)


@router.post("/push/templates")
def add_push_template(asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Store a new push template."""
    return _create(asking, PUSH, body)


@router.get("/push/templates/{name}")
def push_template(name: Named, asking: Asking) -> dict[str, Any]:
    """Read a push template."""
    asking.require("admin")
    with db.reading() as connection:
        return get_template(connection, asking.app_id, PUSH, name).to_json()


@router.put("/push/templates/{name}")
def change_push_template(name: Named, asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Store a push template in place of another; pushes already published stay as they are."""
    return _change(asking, PUSH, name, body)


@router.delete("/push/templates")
def remove_push_templates(
    asking: Asking, names: Annotated[Listed, Query(description="Separated by commas.")] = ""
) -> bool:
    """Remove push templates."""
    if not names:
        raise MissingParameter("names is missing")
    return _delete(asking, PUSH, names.split(","))


@router.get("/button-templates")
def button_templates(
    asking: Asking, rows: ListRows, platform: PlatformName = ""
) -> list[dict[str, Any]]:
    """List the button templates of a platform."""
    return _list(asking, buttons_for(_platform(platform)), rows)


@router.post("/button-templates")
def add_button_template(
    asking: Asking, body: JsonObject, platform: PlatformName = ""
) -> dict[str, Any]:
    """Store a new button template."""
    return _create(asking, *_buttons(body, platform))


@router.put("/button-templates/{name}")
def change_button_template(
    name: Named, asking: Asking, body: JsonObject, platform: PlatformName = ""
) -> dict[str, Any]:
    """Store a button template in place of another."""
    kind, document = _buttons(body, platform)
    return _change(asking, kind, name, document)


@router.delete("/button-templates/{name}")
def remove_button_template(name: Named, asking: Asking, platform: PlatformName = "") -> bool:
    """Remove a button template."""
    return _delete(asking, buttons_for(_platform(platform)), [name])


@router.get("/channel-templates")
def channel_templates(
    asking: Asking, rows: ListRows, platform: PlatformName = Platform.ANDROID.value
) -> list[dict[str, Any]]:
    """List the channel options by name. Only Android has notification channels."""
    found = _list(asking, CHANNEL, rows)
    return found if _platform(platform) is Platform.ANDROID else []


@router.post("/channel-templates")
def add_channel_template(asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Store new channel options."""
    return _create(asking, CHANNEL, body)


@router.put("/channel-templates/{name}")
def change_channel_template(name: Named, asking: Asking, body: JsonObject) -> dict[str, Any]:
    """Store channel options in place of others."""
    return _change(asking, CHANNEL, name, body)


@router.delete("/channel-templates/{name}")
def remove_channel_template(name: Named, asking: Asking) -> bool:
    """Remove channel options."""
    return _delete(asking, CHANNEL, [name])


def _list(asking: Asking, kind: Kind[Any], rows: Paging) -> list[dict[str, Any]]:
    asking.require("admin")
    with db.reading() as connection:
        found = list_templates(
            connection, asking.app_id, kind, limit=rows.limit, offset=rows.offset
        )
    return [one.to_json() for one in found]


def _create(asking: Asking, kind: Kind[Any], body: JsonObject) -> dict[str, Any]:
    asking.require("admin")
    template = kind.read(body)
    with db.writing() as connection:
        made = create_template(connection, asking.app_id, kind, template, now_ms())
    document: dict[str, Any] = made.to_json()
    return document


def _change(asking: Asking, kind: Kind[Any], name: str, body: JsonObject) -> dict[str, Any]:
    asking.require("admin")
    renamed = {} if body.get("name") is None else {"name": body["name"]}
    template = kind.read({**body, "name": name, **renamed})
    with db.writing() as connection:
        made = change_template(connection, asking.app_id, kind, name, template, now_ms())
    document: dict[str, Any] = made.to_json()
    return document


def _delete(asking: Asking, kind: Kind[Any], names: list[str]) -> bool:
    asking.require("admin")
    with db.writing() as connection:
        delete_templates(connection, asking.app_id, kind, names)
    return True


def _buttons(body: JsonObject, asked: str) -> tuple[Kind[Any], JsonObject]:
    """Return the kind of a button template and its document, whichever of both names its system."""
    platform = _platform(body.get("platform") or asked)
    return buttons_for(platform), {**body, "platform": platform.value}


def _platform(name: object) -> Platform:
    if not isinstance(name, str) or name.upper() not in Platform.__members__:
        raise UnknownOs(f"the platform is unknown: use {NAMES}")
    return Platform[name.upper()]


def _name_in(body: JsonObject) -> Any:
    if "name" not in body:
        raise MissingParameter("name is missing")
    name = body["name"]
    return normal_name(name) if isinstance(name, str) else name


def _channel(key: int, name: str) -> dict[str, Any]:
    nothing = {"polling": False, "rtmp": False, "websocket": False}  # nobody subscribes here
    return {"channelid": str(key), "name": name, "settings": nothing}
