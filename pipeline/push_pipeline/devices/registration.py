"""A device's registration, checked: what a client or an import line says of a device; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from push_pipeline.content.values import count_of
from push_pipeline.devices.possession import HOST, Claimant
from push_pipeline.errors import (
    InvalidExpiration,
    InvalidParameter,
    MissingDeviceId,
    MissingParameter,
    UnknownOs,
)
from push_pipeline.field_warning import FieldWarning
from push_pipeline.options import check_channel_name
from push_pipeline.options.channel import normal_name
from push_pipeline.options.json_values import parse_json
from push_pipeline.options.moment import epoch_ms
from push_pipeline.options.properties import check_properties
from push_pipeline.options.texts import is_text
from push_pipeline.options.time_zone import known_time_zones, likely_time_zone
from push_pipeline.platform import KNOWN_HOSTS, NAMES, Platform
from push_pipeline.push_type import kept_id, read_push_type, type_of_topic
from push_pipeline.web_push import read_subscription

#: Characters. The API calls device ids opaque; this bounds an index entry, and other texts alike.
TEXT_MAX = 512

#: Characters. Live Activity tokens and FCM registration tokens are the longest known, far below.
TOKEN_MAX = 4096

DEFAULT_CHANNEL = "default"

#: Channels in one registration; it may be repeated with others. Each new name becomes a row.
CHANNELS_MAX = 1000

#: Characters of a wrong value that an error repeats.
_SHOWN = 20

#: Apple says not to assume a length; it is bytes in hexadecimal.
_APNS_TOKEN = re.compile(r"(?:[0-9a-f]{2})+")

#: What Apple's systems give in fact. A plugin that hands over the wrong one of both is common.
_APNS_USUAL = re.compile(r"[0-9A-Fa-f]{64}")

#: What a browser is called, here and by Cordova's.
_BROWSER, _COMMON_NAME = Platform.WEB.value, "BROWSER"

#: A Firebase installation id: 22 characters of base64url, without the colon of a token.
_FID = re.compile(r"[A-Za-z0-9_-]{22}")

_FCM_TOKEN = re.compile(r"[A-Za-z0-9_:.\-]{20,}")

#: Below this a number is seconds, as JavaScript's Date arrives; else milliseconds, as Swift sends.
_SECONDS_BELOW = 100_000_000_000


#: Between the device's key and the channel in the id of a registration, `12::news`; several of
#: one device are told as `12::news,12::sport`. A key of 18 digits fits into 64 bits.
_ID_PARTS = re.compile(r"([0-9]{1,18})::(.*)")


#: What a registration may leave unsaid; what was said before then stays. Some SDKs can say none
#: of these.
KEPT = ("user_id", "properties", "locale", "time_zone", "badge")

#: The user of a device that says that it has none; one that says nothing keeps its user.
NOBODY = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """What a device says of itself, after the checks. `token` is never in its repr."""

    device_id: str
    token: str
    kind: str
    platform: Platform
    channels: tuple[str, ...] = (DEFAULT_CHANNEL,)
    os_version: str | None = None
    environment: str = ""
    user_id: str | None = None
    properties: Mapping[str, Any] | None = None
    locale: str | None = None
    time_zone: str | None = None
    badge: int | None = None
    expires_at: int | None = None
    claimant: Claimant = HOST
    warnings: tuple[FieldWarning, ...] = field(default=(), compare=False)  # what was changed

    def __repr__(self) -> str:
        return f"Registration(device_id={self.device_id!r}, platform={self.platform.value})"


def check_registration(
    fields: Mapping[str, Any], now: int, push_services: Sequence[str] = KNOWN_HOSTS
) -> Registration:
    """Check a registration by the API's names and return it.

    `push_services` are those of browsers that are allowed, as `PIPELINE_WEBPUSH_HOSTS` has them.

    Raises:
        MissingDeviceId, MissingParameter, UnknownOs, InvalidParameter, InvalidExpiration,
        InvalidChannelName: the first thing that is wrong, in one line; nothing was written.
    """
    device_id = _device_id(fields.get("deviceId"))
    platform = _platform(fields.get("os"))
    provider = _provider(fields.get("tokenType"), platform)
    push_type = _push_type(fields, provider)
    token, environment = _address(fields, provider, push_services)
    time_zone, warnings = _time_zone(fields)
    return Registration(
        device_id=_text("deviceId", kept_id(device_id, push_type)),
        token=token,
        kind=push_type or _kind(token, provider),
        platform=platform,
        channels=_channels(fields.get("channels")),
        os_version=_optional_text(fields, "osVersion"),
        environment=environment,
        user_id=_user_id(fields),
        properties=_properties(fields.get("properties")),
        locale=_optional_text(fields, "locale"),
        time_zone=time_zone,
        badge=_badge(fields.get("badge")),
        expires_at=_expiration(fields.get("expiration"), now),
        warnings=warnings,
    )


def keys_of_registrations(ids: Sequence[str], channel: str | None) -> list[int]:
    """Return the keys of devices out of those ids that name registrations in a channel.

    An id of another channel's registration, or one that only looks like an id, names nobody:
    a device's own id may be any text.
    """
    keys = (key_of_registration(one, channel) for one in ids)
    return [key for key in keys if key is not None]


def key_of_registration(id_: str, channel: str | None) -> int | None:
    """Return the key of the device that an id of a registration in a channel names, if it is one.

    Whether there is such a device is not asked.
    """
    found = _ID_PARTS.fullmatch(id_)
    if found is None or channel not in normal_name(found[2]).split(f",{found[1]}::"):
        return None
    return int(found[1])


def _device_id(value: object) -> str:
    if value is None or value == "":
        raise MissingDeviceId
    if not isinstance(value, str):
        raise InvalidParameter(f"deviceId must be a string of at most {TEXT_MAX} characters")
    return _text("deviceId", value)


def _text(name: str, value: str) -> str:
    if len(value) > TEXT_MAX:
        raise InvalidParameter(f"{name} must have at most {TEXT_MAX} characters")
    if not is_text(value):
        raise InvalidParameter(f"{name} must be Unicode text without the NUL character")
    return value


def _platform(value: object) -> Platform:
    name = str(value).upper()
    try:
        return Platform(_BROWSER if name == _COMMON_NAME else name)
    except ValueError:
        shown = repr(value)[:_SHOWN]
        raise UnknownOs(f"os {shown} is unknown: use {NAMES}") from None


def _provider(token_type: object, platform: Platform) -> str:
    """Read whose token it is: the system's own provider's, or on iOS FCM's."""
    if token_type in (None, ""):
        return platform.family
    word = str(token_type).lower()
    if word == platform.family or (word == "fcm" and platform is Platform.IOS):
        return word
    raise InvalidParameter(
        "tokenType is fcm or apns: ANDROID has FCM's alone, OSX Apple's alone, WEB webpush"
    )


def _address(
    fields: Mapping[str, Any], provider: str, push_services: Sequence[str]
) -> tuple[str, str]:
    """Read the token, and its environment, in whose place a browser has its push service."""
    if provider != Platform.WEB.family:
        token = _token(fields.get("deviceToken"), provider)
        return token, _environment(fields.get("environment"))
    browser = read_subscription(_subscription(fields), push_services)
    return browser.token, browser.origin.vendor.value


def _subscription(fields: Mapping[str, Any]) -> object:
    """Return what a page has of its subscription: an object, its JSON, or a token of ours."""
    given = fields.get("subscription") or fields.get("deviceToken")
    if given in (None, ""):
        raise MissingParameter("deviceToken is missing: the browser's subscription as JSON")
    if not isinstance(given, str) or len(given) > TOKEN_MAX:
        return given
    if given.startswith("{"):
        return _json_of(given)
    endpoint, _, keys = given.partition("#")
    p256dh, _, auth = keys.partition(".")
    return {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}}


def _json_of(text: str) -> object:
    try:
        return parse_json("deviceToken", text.encode())
    except ValueError:  # its text would quote the subscription
        raise InvalidParameter("deviceToken is no JSON of a subscription") from None


def _push_type(fields: Mapping[str, Any], provider: str) -> str | None:
    """Read what kind of Apple's pushes its token is for; the topic tells where nothing else does.

    None for ordinary ones.
    """
    said = fields.get("pushType")
    push_type = read_push_type(said) if said else type_of_topic(fields.get("topic"))
    if push_type is not None and provider != "apns":
        raise InvalidParameter(f"pushType {push_type}: such tokens are Apple's alone")
    return push_type


def _token(value: object, provider: str) -> str:
    if value is None or value == "":
        raise MissingParameter("deviceToken is missing")
    if not isinstance(value, str) or len(value) > TOKEN_MAX:
        raise InvalidParameter(f"deviceToken must be a string of at most {TOKEN_MAX} characters")
    if provider == "apns":
        token = value.lower()
        if _APNS_TOKEN.fullmatch(token):
            return token
        raise InvalidParameter(
            "deviceToken is malformed: an APNs token is bytes in hexadecimal"
            " (one of FCM on iOS needs tokenType fcm)"
        )
    if _FCM_TOKEN.fullmatch(value) and not _APNS_USUAL.fullmatch(value):
        return value
    raise InvalidParameter("deviceToken is malformed: neither an FCM token nor an installation id")


def _kind(token: str, provider: str) -> str:
    if provider == "apns":
        return "apns"
    if provider == Platform.WEB.family:
        return "web"
    return "fid" if _FID.fullmatch(token) else "token"


def _channels(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [name for name in re.split(r"[|;]", value) if name]
    if value is None or value in ([], [""], ()):
        return (DEFAULT_CHANNEL,)
    if not isinstance(value, Sequence):
        raise InvalidParameter("channels must be a list of channel names")
    if len(value) > CHANNELS_MAX:
        raise InvalidParameter(f"a registration names at most {CHANNELS_MAX} channels")
    return tuple(dict.fromkeys(map(check_channel_name, value)))


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise InvalidParameter(f"{name} must be a string")
    return _text(name, str(value))


def _user_id(fields: Mapping[str, Any]) -> str | None:
    """Read whose device it is; null and an empty text say that it is nobody's any more."""
    return (_optional_text(fields, "userId") or NOBODY) if "userId" in fields else None


def _time_zone(fields: Mapping[str, Any]) -> tuple[str | None, tuple[FieldWarning, ...]]:
    """Read the zone, and say what was made of it.

    A device that cannot be understood about its zone is registered all the same: it would get
    no push at all otherwise, and without a zone it goes with the app's.
    """
    name = _optional_text(fields, "timezone") or _optional_text(fields, "timeZone")
    if name is None or name in known_time_zones():
        return name, ()
    likely = likely_time_zone(name)
    made = "unknown, stored without" if likely is None else f"unknown, taken for {likely}"
    return likely, (FieldWarning("timezone", made),)


def _environment(value: object) -> str:
    if value in (None, "", "production", "sandbox"):
        return str(value or "")
    raise InvalidParameter("environment must be production or sandbox")


def _badge(value: object) -> int | None:
    if value in (None, ""):
        return None
    badge = count_of(value)
    if badge is None:
        raise InvalidParameter("badge must be a count: 0 where the app has cleared it")
    return badge


def _properties(value: object) -> Mapping[str, Any] | None:
    return None if value is None else check_properties("properties", value)


def _expiration(value: object, now: int) -> int | None:
    """Read when a registration ends; nothing, or a number that is not positive, means never.

    SDKs send epoch seconds (JavaScript's `Date`), milliseconds (Swift) and ISO 8601.
    """
    number = _as_number(value)
    if value in (None, "") or (number is not None and number <= 0):
        return None
    seconds = number is not None and number < _SECONDS_BELOW
    try:
        at = epoch_ms(number * 1000 if seconds and number else value)
    except ValueError as wrong:
        raise InvalidExpiration(f"expiration {wrong}") from None
    if at is None or at <= now:
        raise InvalidExpiration("expiration lies in the past")
    return at


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
