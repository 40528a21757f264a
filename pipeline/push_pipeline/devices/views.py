"""A device as operators see it: in Python, over HTTP, on the command line, by the same names."""

from collections.abc import Mapping
from typing import Any

from typing_extensions import TypedDict  # pydantic reads typing's only from Python 3.12 on

from push_pipeline.clock import iso
from push_pipeline.platform import FCM_KINDS
from push_pipeline.push_type import PUSH_TYPES

#: The state of a device that is sent to.
ACTIVE = "active"

#: Characters of a token that are shown: enough to tell two apart, too few to push with.
TOKEN_SHOWN = 4


class DeviceView(TypedDict):
    """A device. Times are ISO 8601 in UTC; `token` is the end of it, never more.

    `tokenType` is whose token it is, `pushType` what it is for where that is not alerts, `badge`
    what was last set or raised, None where nothing was.

    `state` is active, retired (its provider said that the token is dead) or quarantined (the
    token is of another app or malformed); `stateReason` is the provider's word, `stateSince`
    when it was put out of service, None where that was before it was noted.
    """

    deviceId: str
    os: str
    osVersion: str | None
    token: str
    tokenType: str
    pushType: str | None
    environment: str
    userId: str | None
    channels: list[str]
    locale: str | None
    timezone: str | None
    badge: int | None
    properties: dict[str, Any] | None
    state: str
    stateReason: str | None
    stateSince: str | None
    expiration: str | None
    createdAt: str | None
    registeredAt: str | None


class DevicePage(TypedDict):
    """A stretch of a list; `next` is where the next one begins, None after the last."""

    devices: list[DeviceView]
    next: int | None


def _provider(kind: str) -> str:
    if kind in FCM_KINDS:
        return "fcm"
    return "webpush" if kind == "web" else "apns"


def view_of(row: Mapping[Any, Any], channels: list[str]) -> DeviceView:
    """Return a device's row as it is shown."""
    return DeviceView(
        deviceId=row["device_id"],
        os=row["platform"],
        osVersion=row["os_version"],
        token=f"…{row['token'][-TOKEN_SHOWN:]}",
        tokenType=_provider(row["kind"]),
        pushType=row["kind"] if row["kind"] in PUSH_TYPES else None,
        environment=row["environment"],
        userId=row["user_id"],
        channels=channels,
        locale=row["locale"],
        timezone=row["time_zone"],
        badge=row["badge"],
        properties=row["properties"],
        state=row["state"],
        stateReason=row["state_reason"],
        stateSince=iso(row["state_since"]) if row["state"] != ACTIVE else None,
        expiration=iso(row["expires_at"]),
        createdAt=iso(row["created_at"]),
        registeredAt=iso(row["registered_at"]),
    )
