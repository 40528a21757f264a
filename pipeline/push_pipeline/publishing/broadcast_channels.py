"""Broadcast channels of Apple's: made, listed, looked at, deleted; Apple is asked for each.

What may happen twice: a process that dies between Apple's answer and our row leaves a channel at
Apple that no name here has; `list_broadcast_channels(at_apple=True)` shows its id.
"""

import subprocess
import sys
import uuid
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import orjson

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.credentials import ApnsCredential, unseal
from push_pipeline.credentials.files import https_address
from push_pipeline.directory import broadcast_channels as rows
from push_pipeline.directory.apps import resolve_app
from push_pipeline.directory.provider_routes import apple_environments, find_credential
from push_pipeline.errors import (
    AppleUnreachable,
    BadCredential,
    BroadcastChannelRefused,
    InvalidParameter,
)
from push_pipeline.options.broadcast_channel import POLICIES, check_name, read_stores
from push_pipeline.settings import get_settings

#: Apple: "Sending channel management requests to APNs".
_HOSTS: Final = {
    "production": ("api-manage-broadcast.push.apple.com", 2196),
    "sandbox": ("api-manage-broadcast.sandbox.push.apple.com", 2195),
}

#: Seconds that a call may take, its process's start included.
_PATIENCE_SECONDS: Final = 20

#: Apple's words for a channel that is not there.
_GONE: Final = frozenset(("ChannelNotRegistered", "BadChannelId"))

_OK: Final = range(200, 300)


class _Place(NamedTuple):
    """Where channels are kept: an app, its environment, and what it shows Apple."""

    app_id: str
    environment: str
    credential: ApnsCredential


def create_broadcast_channel(
    name: str, *, stores: str = "latest", environment: str | None = None, app: str | None = None
) -> dict[str, Any]:
    """Make a channel at Apple and keep its id under a name; phones listen to that id.

    `stores` says what Apple keeps for phones that are away: the `latest` push for up to eight
    hours, or `nothing`, which may be pushed to more often. It cannot be changed later. The
    environment is the app's first without one.

    Raises:
        BroadcastChannelExists: the name is taken.
        BroadcastChannelRefused: Apple does not want it; the text has its word.
        AppleUnreachable: no answer came. It may have been made all the same.
    """
    wanted, kept = check_name(name), read_stores(stores)
    place = _find_place(app, environment)
    with db.writing() as connection:
        key = rows.reserve(connection, place.app_id, place.environment, wanted, kept, now_ms())
    try:
        policy = {"message-storage-policy": POLICIES[kept], "push-type": "LiveActivity"}
        channel_id = _ask(place, "POST", "channels", body=policy)["channelId"]
    except BaseException:
        with db.writing() as connection:
            rows.forget(connection, key)
        raise
    with db.writing() as connection:
        rows.note_id(connection, key, channel_id)
        return rows.find(connection, place.app_id, place.environment, wanted).view()


def list_broadcast_channels(
    *, at_apple: bool = False, environment: str | None = None, app: str | None = None
) -> list[dict[str, Any]]:
    """List the channels by name; `at_apple` asks Apple which exist, also without a name here.

    Raises:
        BroadcastChannelRefused, AppleUnreachable: as `create_broadcast_channel`.
    """
    place = _find_place(app, environment)
    with db.reading() as connection:
        known = [one.view() for one in rows.list_known(connection, place.app_id, place.environment)]
    if not at_apple:
        return known
    ids = orjson.loads(_ask(place, "GET", "all-channels")["body"])["channels"]
    named = {one["channelId"] for one in known}
    nameless = [
        {"name": None, "channelId": one, "environment": place.environment, "atApple": True}
        for one in ids
        if one not in named
    ]
    return [*({**one, "atApple": one["channelId"] in ids} for one in known), *nameless]


def show_broadcast_channel(
    name: str, *, environment: str | None = None, app: str | None = None
) -> dict[str, Any]:
    """Return a channel, with whether Apple has it.

    Raises:
        UnknownBroadcastChannel: there is none of this name.
        BroadcastChannelRefused, AppleUnreachable: as `create_broadcast_channel`.
    """
    place = _find_place(app, environment)
    with db.reading() as connection:
        known = rows.find(connection, place.app_id, place.environment, check_name(name))
    try:
        _ask(place, "GET", "channels", channel_id=known.channel_id)
    except BroadcastChannelRefused as refused:
        if str(refused) not in _GONE:
            raise
        return {**known.view(), "atApple": False}
    return {**known.view(), "atApple": True}


def delete_broadcast_channel(
    name: str, *, environment: str | None = None, app: str | None = None
) -> None:
    """Delete a channel at Apple, then its name; twice is as good as once at Apple.

    What was stored may still arrive, and the id never comes back.

    Raises:
        UnknownBroadcastChannel: there is none of this name.
        BroadcastChannelRefused, AppleUnreachable: as `create_broadcast_channel`.
    """
    place = _find_place(app, environment)
    with db.reading() as connection:
        known = rows.find(connection, place.app_id, place.environment, check_name(name))
    try:
        if known.channel_id is not None:
            _ask(place, "DELETE", "channels", channel_id=known.channel_id)
    except BroadcastChannelRefused as refused:
        if str(refused) not in _GONE:
            raise
    with db.writing() as connection:
        rows.forget(connection, known.key)


def environment_of(connection: db.Connection, app_id: str, wanted: str | None) -> str:
    """Return the environment that is meant: the app's first where none is named.

    Raises:
        InvalidParameter: the app has no credential of Apple's there.
    """
    there = apple_environments(connection, app_id)
    if not there or (wanted is not None and wanted not in there):
        where = "" if wanted is None else f" in {wanted[:20]!r}"
        raise InvalidParameter(f"the app has no APNs credential{where}")
    return wanted or there[0]


def _find_place(app: str | None, environment: str | None) -> _Place:
    secret = get_settings().secret_key
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
        where = environment_of(connection, app_id, environment)
        sealed = find_credential(connection, app_id, "apns", where)
    if sealed is None or secret is None:
        raise BadCredential("the credential cannot be opened: is PIPELINE_SECRET_KEY set?")
    credential = unseal(secret.get_secret_value(), sealed)
    if not isinstance(credential, ApnsCredential):
        raise BadCredential("the credential is not one of Apple's")
    return _Place(app_id, where, credential)


def _address(place: _Place) -> tuple[str, int]:
    url = get_settings().apns_manage_url
    if url:
        return https_address("PIPELINE_APNS_MANAGE_URL", url)
    if place.credential.url:  # a stand-in, that serves both
        return place.credential.address
    return _HOSTS[place.environment]


def _ask(
    place: _Place,
    method: str,
    what: str,
    *,
    body: dict[str, Any] | None = None,
    channel_id: str | None = None,
) -> dict[str, Any]:
    """Ask Apple, and return its answer; a channel's id in it, and its body."""
    headers = {"apns-request-id": str(uuid.uuid4())}
    if channel_id is not None:
        headers["apns-channel-id"] = channel_id
    ca_file = get_settings().ca_file
    asked = {
        "credential": place.credential.to_json(),
        "caFile": str(ca_file) if ca_file else None,
        "address": _address(place),
        "method": method,
        "path": f"/1/apps/{quote(place.credential.topic)}/{what}",
        "headers": headers,
        "body": body,
    }
    answer = _run(orjson.dumps(asked))
    if "status" not in answer:
        raise AppleUnreachable(f"Apple's channel management gave no answer: {answer['detail']}")
    if answer["status"] not in _OK:
        raise BroadcastChannelRefused(_reason(answer))
    return answer


def _run(asked: bytes) -> dict[str, Any]:
    command = [sys.executable, "-m", "push_workers.broadcast_channels"]
    try:
        done = subprocess.run(  # noqa: S603 - ours
            command, input=asked, capture_output=True, timeout=_PATIENCE_SECONDS, check=False
        )
        answer: dict[str, Any] = orjson.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired):
        raise AppleUnreachable from None
    except orjson.JSONDecodeError:
        raise AppleUnreachable(
            "the call to Apple failed: is push-pipeline[worker] installed here?"
        ) from None
    return answer


def _reason(answer: dict[str, Any]) -> str:
    try:
        return str(orjson.loads(answer["body"])["reason"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"Apple answered {answer['status']}"
