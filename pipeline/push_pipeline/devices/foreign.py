"""Devices as other push services list them: what a record of theirs says, by our names. Pure.

A record is flat: what lies deeper in JSON has dots in its name, as the columns of CSV files have.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from push_pipeline.errors import InvalidParameter
from push_pipeline.options.moment import epoch_ms

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A device: a registration's fields by the API's names, and when it was heard of last.

    `seen_at` is epoch milliseconds; None where the record does not say.
    """

    fields: dict[str, Any]
    seen_at: int | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that is right and no device to push to; `reason` is counted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Format:
    """How one service lists devices. `needed` are the columns without which it is another file.

    `flat` says that its records are made flat before they are read.
    """

    needed: tuple[str, ...]
    read: Callable[[Record], Found | Skipped]
    flat: bool = True


def flat(record: Record, above: str = "") -> dict[str, Any]:
    """Return a record without what says nothing, and what lies deeper by names with dots."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{above}{name}.")
        elif value not in (None, ""):
            found[f"{above}{name}"] = value
    return found


def _as_it_is(record: Record) -> Found:
    return Found(dict(record))


# https://documentation.onesignal.com/reference/csv-export: the columns, and the types of devices.
_ONESIGNAL_SYSTEMS = {"0": "IOS", "1": "ANDROID", "9": "OSX"}


def _onesignal(record: Record) -> Found | Skipped:
    system = _ONESIGNAL_SYSTEMS.get(str(record.get("device_type")))
    if system is None:
        return Skipped("no phone: e-mail, SMS, web or another system")
    if "identifier" not in record:
        return Skipped("without a token")
    if _is_true(record.get("invalid_identifier")) or _is_off(record.get("notification_types")):
        return Skipped("unsubscribed")
    fields = _named(
        record,
        deviceId="id",
        deviceToken="identifier",
        userId="external_user_id",
        locale="language",
        timezone="timezone_id",
        osVersion="device_os",
    )
    if "tags" in record:
        fields["properties"] = _object("tags", record["tags"])
    fields |= _below(record, "tags.")
    return Found({**fields, "os": system}, _moment(record.get("last_active")))


# What `aws sns list-endpoints-by-platform-application` answers, an endpoint a line:
# https://docs.aws.amazon.com/sns/latest/api/API_ListEndpointsByPlatformApplication.html
_SNS_ARN = re.compile(r"arn:aws[a-z-]*:sns:[^:]*:[^:]*:endpoint/([A-Z_]+)/[^/]+/(.+)")

_AMAZON_SYSTEMS = {
    "APNS": ("IOS", "production", ""),
    "APNS_SANDBOX": ("IOS", "sandbox", ""),
    "APNS_VOIP": ("IOS", "production", "voip"),
    "APNS_VOIP_SANDBOX": ("IOS", "sandbox", "voip"),
    "MACOS": ("OSX", "production", ""),
    "MACOS_SANDBOX": ("OSX", "sandbox", ""),
    "GCM": ("ANDROID", "", ""),
}


def _of_amazon(name: str) -> dict[str, str]:
    named = zip(("os", "environment", "pushType"), _AMAZON_SYSTEMS[name], strict=True)
    return {field: value for field, value in named if value or field == "environment"}


def _sns(record: Record) -> Found | Skipped:
    arn = _SNS_ARN.fullmatch(str(record.get("EndpointArn")))
    if arn is None:
        raise InvalidParameter("EndpointArn is no name of an endpoint")
    if arn[1] not in _AMAZON_SYSTEMS:
        return Skipped(f"the platform {arn[1]}")
    if str(record.get("Attributes.Enabled")).lower() == "false":
        return Skipped("disabled")
    fields = _named(record, deviceToken="Attributes.Token")
    return Found({"deviceId": arn[2], **fields, **_of_amazon(arn[1])})


# https://docs.aws.amazon.com/pinpoint/latest/developerguide/audience-define-export.html, and for
# CSV https://docs.aws.amazon.com/pinpoint/latest/userguide/segments-importing.html
def _pinpoint(record: Record) -> Found | Skipped:
    channel = str(record.get("ChannelType"))
    if channel not in _AMAZON_SYSTEMS:
        return Skipped(f"the channel {channel[:20]}")
    if record.get("OptOut") == "ALL" or record.get("EndpointStatus") == "INACTIVE":
        return Skipped("opted out or inactive")
    fields = _named(
        record,
        deviceId="Id",
        deviceToken="Address",
        userId="User.UserId",
        locale="Demographic.Locale",
        timezone="Demographic.Timezone",
        osVersion="Demographic.PlatformVersion",
    )
    fields |= _below(record, "Attributes.") | _of_amazon(channel)
    return Found(_with_id(fields), _moment(record.get("EffectiveDate")))


# Firebase gives no list of tokens away. These are the names in what apps keep by its guide,
# https://firebase.google.com/docs/cloud-messaging/manage-tokens, in Firestore or elsewhere, and
# those of the export to BigQuery, which has installation ids:
# https://firebase.google.com/docs/cloud-messaging/understand-delivery
_FIREBASE = {
    "deviceId": ("deviceId", "device_id"),
    "deviceToken": ("token", "fcmToken", "fcm_token", "registration_token", "instance_id"),
    "userId": ("userId", "user_id", "uid"),
    "os": ("platform", "sdk_platform", "os"),
    "locale": ("locale", "language"),
    "timezone": ("timezone", "timeZone"),
}


def _firebase(record: Record) -> Found | Skipped:
    told = {ours: _first(record, names) for ours, names in _FIREBASE.items()}
    fields = {name: value for name, value in told.items() if value is not None}
    system = str(fields.get("os", "")).upper()
    if system == "WEB":
        return Skipped("a browser")
    if system == "IOS":
        fields["tokenType"] = "fcm"
    seen = _first(record, ("timestamp", "updatedAt", "event_timestamp"))
    return Found(_with_id(fields), _moment(seen))


_BESIDE = ("deviceId", "userId", "channels", "locale", "timezone")


# Whoever keeps subscriptions of browsers has them by the names of the W3C Push API, in a table of
# three columns (pywebpush, web-push and their like) or as the JSON that the page sent.
def _webpush(record: Record) -> Found | Skipped:
    told = _named(record, **{name: name for name in _BESIDE})
    keys = {name: _key(_first(record, (name, f"keys.{name}"))) for name in ("p256dh", "auth")}
    subscription = {"endpoint": record.get("endpoint"), "keys": keys}
    return Found(_with_id({**told, "os": "WEB", "deviceToken": subscription}))


_BASE64URL = str.maketrans("+/", "-_")


#: By the name that `--from` takes; without one the columns have our names.
FORMATS = {
    "onesignal": Format(("id", "identifier", "device_type"), _onesignal),
    "firebase": Format((), _firebase),
    "sns": Format(("EndpointArn", "Attributes.Token"), _sns),
    "webpush": Format(("endpoint",), _webpush),
    "pinpoint": Format(("ChannelType", "Address"), _pinpoint),
}

OURS = Format(("deviceId", "deviceToken", "os"), _as_it_is, flat=False)


@dataclass(frozen=True, slots=True)
class Said:
    """A caller's word on a list; it wins over what the format reads.

    `columns` are its columns that are fields of ours, by their names; `constants` what all its
    devices have; `only` what a column must be for its record to count.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)


def adapted(format_: Format, said: Said) -> Format:
    """Return the format with a caller's word."""
    if said == Said():
        return format_
    known = {*said.columns.values(), *said.constants} if format_ is OURS else ()
    needed = (*(n for n in format_.needed if n not in known), *said.columns, *said.only)

    def read(record: Record) -> Found | Skipped:
        names = flat(record)
        if any(str(names.get(name)) != value for name, value in said.only.items()):
            return Skipped("not asked for by --only")
        found = format_.read(record if format_.flat else _without(record, said.columns))
        if isinstance(found, Skipped):
            return found
        told = _named(names, **{ours: name for name, ours in said.columns.items()})
        return Found({**found.fields, **told, **said.constants}, found.seen_at)

    return Format(needed, read, format_.flat)


# The tables of two Django packages, whose rows have the columns' names.


def read_apns_device(row: Record) -> Found | Skipped:
    """Read a row of django-push-notifications' APNSDevice."""
    return _row(row, "IOS", _uuid(row.get("device_id")))


def read_gcm_device(row: Record) -> Found | Skipped:
    """Read a row of django-push-notifications' GCMDevice; its id is kept as a number, told as hex.

    There a number of 64 bits is stored with a sign.
    """
    if row.get("cloud_message_type") == "GCM":
        return Skipped("of GCM, which ended in 2019")
    number = row.get("device_id")
    return _row(row, "ANDROID", None if number is None else f"{int(number) % 2**64:x}")


def read_fcm_device(row: Record) -> Found | Skipped:
    """Read a row of fcm-django's FCMDevice."""
    system = str(row.get("type"))
    if system == "web":
        return Skipped("a browser")
    return _row(row, system, row.get("device_id"), fcm=system == "ios")


# An old row has only the last part of the endpoint: where that package sends it, by the browser.
_ENDPOINTS = {
    "CHROME": "https://fcm.googleapis.com/fcm/send",
    "OPERA": "https://fcm.googleapis.com/fcm/send",
    "FIREFOX": "https://updates.push.services.mozilla.com/wpush/v2",
    "EDGE": "https://wns2-par02p.notify.windows.com/w",
    "SAFARI": "https://web.push.apple.com",
}


def read_webpush_device(row: Record) -> Found | Skipped:
    """Read a row of django-push-notifications' WebPushDevice."""
    endpoint = str(row.get("registration_id") or "")
    if "://" not in endpoint and str(row.get("browser")) in _ENDPOINTS:
        endpoint = f"{_ENDPOINTS[str(row['browser'])]}/{endpoint}"
    keys = {name: _key(row.get(name)) for name in ("p256dh", "auth")}
    return _device(row, {"os": "WEB", "deviceToken": {"endpoint": endpoint, "keys": keys}})


def _row(row: Record, system: str, device_id: str | None, *, fcm: bool = False) -> Found | Skipped:
    fields = {"deviceId": device_id, "deviceToken": row.get("registration_id"), "os": system}
    if fcm:
        fields["tokenType"] = "fcm"
    return _device(row, flat(fields))


def _device(row: Record, fields: dict[str, Any]) -> Found | Skipped:
    if not row.get("active"):
        return Skipped("inactive")
    if row.get("user_id") is not None:
        fields["userId"] = str(row["user_id"])
    return Found(_with_id(fields), _moment(row.get("date_created")))


def _uuid(value: object) -> str | None:
    return None if value in (None, "") else str(UUID(str(value)))


def _with_id(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with an id made of the token, where the list has none.

    The same each time, and nothing that a stranger could guess: an id is a device's secret. The
    app's next registration, with an id of its own, takes the token over.
    """
    token = str(fields.get("deviceToken", ""))
    return {"deviceId": f"import-{hashlib.sha256(token.encode()).hexdigest()[:40]}", **fields}


def _key(value: object) -> object:
    """Return a browser's key in base64url; many pages write it by `btoa`, and pad it."""
    return value.translate(_BASE64URL).rstrip("=") if isinstance(value, str) else value


def _named(record: Record, **names: str) -> dict[str, Any]:
    return {ours: record[theirs] for ours, theirs in names.items() if theirs in record}


def _below(record: Record, above: str) -> dict[str, Any]:
    """Return what a record has below a name, as a device's properties; nothing where it has not."""
    found = {k.removeprefix(above): v for k, v in record.items() if k.startswith(above)}
    return {"properties": found} if found else {}


def _first(record: Record, names: tuple[str, ...]) -> Any:
    return next((record[name] for name in names if name in record), None)


def _without(record: Record, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def _object(name: str, value: object) -> object:
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        raise InvalidParameter(f"{name} is not JSON") from None


def _is_true(value: object) -> bool:
    return str(value).lower() in {"t", "true", "1"}


def _is_off(value: object) -> bool:
    """Tell whether OneSignal's permission is none: 1 and larger are given, others are not."""
    return value is not None and not str(value).strip().lstrip("0").isdecimal()


def _moment(value: object) -> int | None:
    """Read when a device was heard of last; None for what cannot be read, which is no fault."""
    if isinstance(value, str):
        value = value.strip().removesuffix(" UTC")
    try:
        if isinstance(value, str) and not value.lstrip("-").isdecimal():
            value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.utcoffset() is None:
            value = value.replace(tzinfo=UTC)
        return None if value is None else epoch_ms(value)
    except ValueError:
        return None
