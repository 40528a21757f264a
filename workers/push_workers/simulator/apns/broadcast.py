"""Broadcast channels: made, read, listed, deleted and pushed to, under Apple's rules.

Source: Apple, "Sending channel management requests to APNs", "Sending broadcast push notification
requests to APNs" and "Handling error responses from Apple Push Notification service".
"""

import base64
import re
import uuid
from typing import Any

import orjson

from push_workers.simulator.apns.authentication import fault as credential_fault
from push_workers.simulator.apns.checks import TOPIC_SUFFIX
from push_workers.simulator.link import Link
from push_workers.simulator.messages import Answer, Finding, Push, Request
from push_workers.simulator.world import World

#: Bytes of a push's body.
PAYLOAD_MAX_BYTES = 5120

_MANAGE = re.compile(r"/1/apps/([^/]+)/(channels|all-channels)")
_SEND = re.compile(r"/4/broadcasts/apps/([^/]+)")

_STATUS = {
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "PayloadTooLarge": 413,
    "MissingProviderToken": 403,
    "ExpiredProviderToken": 403,
    "InvalidProviderToken": 403,
    "TopicMismatch": 403,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
}


def is_about_broadcasts(path: str) -> bool:
    """Tell whether a request is about broadcast channels."""
    return path.startswith(("/1/apps/", "/4/broadcasts/"))


def judge(world: World, link: Link, request: Request) -> Finding:
    """Check a request, and change the channels where it asks for that."""
    request_id = request.headers.get("apns-request-id")
    bundle, fault = _fault(world, link, request)
    if fault is not None:
        return Finding(_refusal(fault, request_id))
    if _SEND.fullmatch(request.path):
        return _send(world, bundle, request)
    if request.path.endswith("/all-channels"):
        listed = {"channels": list(world.channels.of(bundle))}
        return Finding(_answer(200, request_id, listed))
    return Finding(_manage(world, bundle, request))


def _fault(world: World, link: Link, request: Request) -> tuple[str, str | None]:
    found = _MANAGE.fullmatch(request.path) or _SEND.fullmatch(request.path)
    if found is None:
        return "", "BadPath"
    fault = credential_fault(world, link.binding, request.headers.get("authorization"))
    if fault is not None:
        return "", fault
    if not _is_request_id(request.headers.get("apns-request-id")):
        return "", "BadMessageId"
    bundle = found[1]
    if any(bundle.endswith(suffix) for suffix in TOPIC_SUFFIX.values() if suffix):
        return bundle, "TopicDisallowed"
    token = link.binding.token
    topics = None if token is None else token.key.topics
    if bundle not in world.topics or (topics is not None and bundle not in topics):
        return bundle, "TopicMismatch"
    return bundle, None if world.behaviour.broadcasts else "FeatureNotEnabled"


def _manage(world: World, bundle: str, request: Request) -> Answer:
    request_id = request.headers.get("apns-request-id")
    if request.method == "POST":
        return _create(world, bundle, request)
    if request.method not in ("GET", "DELETE"):
        return _refusal("MethodNotAllowed", request_id)
    fault = _channel_fault(world, bundle, request)
    if fault is not None:
        return _refusal(fault, request_id)
    channel_id = request.headers["apns-channel-id"]
    if request.method == "DELETE":
        world.channels.delete(bundle, channel_id)
        return _answer(204, request_id)
    policy = world.channels.of(bundle)[channel_id]
    told = {"message-storage-policy": policy, "push-type": "LiveActivity"}
    return _answer(200, request_id, told)


def _create(world: World, bundle: str, request: Request) -> Answer:
    request_id = request.headers.get("apns-request-id")
    asked = _object(request.body)
    fault = _config_fault(asked) if request.body else "PayloadEmpty"
    if fault is not None or asked is None:
        return _refusal(fault or "BadRequestPayload", request_id)
    channel_id = world.channels.create(
        bundle, asked["message-storage-policy"], world.behaviour.broadcast_channels
    )
    if channel_id is None:
        return _refusal("CannotCreateChannelConfig", request_id)
    return _answer(201, request_id, channel_id=channel_id)


def _config_fault(asked: dict[str, Any] | None) -> str | None:
    if asked is None:
        return "BadRequestPayload"
    if "push-type" not in asked:
        return "MissingPushType"
    if asked["push-type"] != "LiveActivity":
        return "InvalidPushType"
    known = asked.keys() == {"push-type", "message-storage-policy"}
    return None if known and asked["message-storage-policy"] in (0, 1) else "BadRequestParams"


def _send(world: World, bundle: str, request: Request) -> Finding:
    request_id = request.headers.get("apns-request-id")
    fault = _send_fault(world, bundle, request)
    if fault is not None:
        return Finding(_refusal(fault, request_id))
    channel_id = request.headers["apns-channel-id"]
    unique = str(uuid.uuid5(uuid.NAMESPACE_OID, request_id or channel_id))
    answer = _answer(200, request_id, unique_id=unique)
    push = Push(request.body, channel_id, float(request.headers["apns-expiration"]))
    stamp = orjson.loads(request.body)["aps"]["timestamp"]
    return Finding(answer, channel_id, bundle, str(stamp), push)


def _send_fault(world: World, bundle: str, request: Request) -> str | None:
    if request.method != "POST":
        return "MethodNotAllowed"
    fault = _channel_fault(world, bundle, request) or _headers_fault(world, bundle, request)
    if fault is not None:
        return fault
    if not request.body:
        return "PayloadEmpty"
    if len(request.body) > PAYLOAD_MAX_BYTES:
        return "PayloadTooLarge"
    return _aps_fault(_object(request.body))


def _headers_fault(world: World, bundle: str, request: Request) -> str | None:
    get = request.headers.get
    push_type, expiration = get("apns-push-type"), get("apns-expiration", "")
    if push_type is None:
        return "MissingPushType"
    if push_type.lower() != "liveactivity":
        return "InvalidPushType"
    if get("apns-priority") not in (None, "1", "5", "10"):
        return "BadPriority"
    stores = world.channels.of(bundle)[get("apns-channel-id", "")]
    if not (expiration.isascii() and expiration.isdigit()) or (not stores and int(expiration)):
        return "BadExpirationDate"
    return None


def _aps_fault(payload: Any) -> str | None:
    aps = payload.get("aps") if isinstance(payload, dict) else None
    if not isinstance(aps, dict) or not isinstance(aps.get("timestamp"), int):
        return "BadRequestPayload"
    return None if aps.get("event") in ("update", "end") else "BadRequestPayload"


def _channel_fault(world: World, bundle: str, request: Request) -> str | None:
    channel_id = request.headers.get("apns-channel-id")
    if not channel_id:
        return "MissingChannelId"
    try:
        base64.b64decode(channel_id, validate=True)
    except ValueError:
        return "BadChannelId"
    return None if channel_id in world.channels.of(bundle) else "ChannelNotRegistered"


def _is_request_id(value: str | None) -> bool:
    try:
        return value is None or str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _answer(
    status: int,
    request_id: str | None,
    content: object = None,
    *,
    channel_id: str | None = None,
    unique_id: str | None = None,
) -> Answer:
    named = {"apns-channel-id": channel_id, "apns-unique-id": unique_id}
    headers = [("apns-request-id", request_id or str(uuid.uuid4()))]
    headers += [(name, value) for name, value in named.items() if value is not None]
    return Answer(status, tuple(headers), b"" if content is None else orjson.dumps(content))


def _refusal(reason: str, request_id: str | None) -> Answer:
    answer = _answer(_STATUS.get(reason, 400), request_id, {"reason": reason})
    return answer._replace(reason=reason)
