"""The shapes of answers, by the API's names.

No success has both an integer `code` and a text `message`: the Swift SDK takes that for a fault.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from push_pipeline.devices.lookup import Registered
from push_pipeline.devices.registration import Registration
from push_pipeline.field_warning import FieldWarning
from push_pipeline.ledger.messages import Receipt
from push_pipeline.ledger.views import Ledger, RunLedger

MILLISECOND = timedelta(milliseconds=1)

#: Characters of a token that are shown to somebody who has not shown it.
TOKEN_END = 4

#: Between the id of a registration and its channel.
_ID_SEPARATOR = "::"


class Shape(BaseModel):
    """An answer: names in camel case, nothing else in it."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="forbid"
    )


class Fault(Shape):
    """What every error looks like."""

    code: int
    message: str
    error_data: dict[str, Any]


class BrowserKey(Shape):
    """What a page subscribes with: its `applicationServerKey`."""

    public_key: str


class AppInfo(Shape):
    """What an SDK asks when it starts. There is no logging service and no socket server."""

    app_id: str
    api_key: str | None
    loggers: list[dict[str, str]] = []
    rt_url: None = None

    model_config = ConfigDict(
        alias_generator=lambda name: "rtURL" if name == "rt_url" else to_camel(name)
    )


class Warned(Shape):
    """Something of a request that was dropped or changed."""

    field: str
    reason: str


# Only there where there is something to say: other answers are as every SDK knows them.
_IF_ANY = Field(exclude_if=lambda told: not told)

Warnings = Annotated[list[Warned], _IF_ANY]

DeviceIds = Annotated[list[str], _IF_ANY]


class MessageStatus(Shape):
    """A message, as its publisher sees it."""

    message_id: str
    status: Literal["scheduled", "published", "failed", "cancelled", "unknown"]
    error_message: str | None
    warnings: Warnings = []
    not_found: DeviceIds = []  # of the devices that it names, those that are not in the audience

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Build it from a receipt."""
        return cls.model_validate(
            {
                "message_id": receipt.message_id,
                "status": receipt.status,
                "error_message": receipt.error_message,
                "warnings": told(receipt.warnings),
                "not_found": list(receipt.not_found),
            }
        )


def status_text(receipt: Receipt) -> bytes:
    """Write a receipt as the JSON of its `MessageStatus`, at a tenth of the cost."""
    told = {
        "messageId": receipt.message_id,
        "status": receipt.status,
        "errorMessage": receipt.error_message,
        **_warnings_text(receipt.warnings),
        **({"notFound": receipt.not_found} if receipt.not_found else {}),
    }
    return orjson.dumps(told)


class ActivityAnswer(Shape):
    """What an app is told that reports a token of an activity: what is shown now, if anything."""

    ended: bool = False
    timestamp: int | None = None  # epoch seconds
    state: dict[str, Any] | None = None


class PushStatus(MessageStatus):
    """A message, with the counts that the console shows."""

    sending_time_in_millis: int = 0
    successful_sends_amount: int = 0
    failed_sends_amount: int = 0

    @classmethod
    def of_ledger(cls, ledger: Ledger) -> Self:
        """Build it from a ledger. What was cancelled, or is open, is neither sent nor failed."""
        runs = ledger["runs"]
        return cls(
            message_id=ledger["messageId"],
            status=ledger["status"],
            error_message=ledger["errorMessage"],
            sending_time_in_millis=sum(map(_sending_time, runs)),
            successful_sends_amount=sum(run["accepted"] for run in runs),
            failed_sends_amount=sum(_failed(run) for run in runs),
        )


class RegistrationId(Shape):
    """The answer to a registration: `id::channel`, one for each channel, joined by commas."""

    registration_id: str
    warnings: Warnings = []


def registration_text(key: int, wanted: Registration) -> bytes:
    """Write the JSON of the `RegistrationId` of what was registered, as `status_text` does."""
    told = {"registrationId": registration_id(key, wanted.channels)}
    return orjson.dumps({**told, **_warnings_text(wanted.warnings)})


class RegistrationView(Shape):
    """A registered device. `expiration` is epoch milliseconds."""

    id: str
    device_id: str
    device_token: str
    os: str
    os_version: str | None
    channels: list[str]
    expiration: int | None

    @classmethod
    def of(cls, found: Registered, *, whole: bool = True) -> Self:
        """Build it from a registration; the token whole, or only its end."""
        return cls(
            id=registration_id(found.key, found.channels),
            device_id=found.device_id,
            device_token=found.token if whole else f"…{found.token[-TOKEN_END:]}",
            os=found.platform,
            os_version=found.os_version,
            channels=list(found.channels),
            expiration=found.expires_at,
        )


class Removed(Shape):
    """The answer to an unregistration; `remaining` where only some channels were left."""

    result: bool
    remaining: int | None = None


class UserView(Shape):
    """What is known of a user."""

    user_id: str
    properties: dict[str, Any]


def told(warnings: Sequence[FieldWarning]) -> list[Warned]:
    """Return warnings as an answer tells them."""
    return [Warned(field=one.field, reason=one.reason) for one in warnings]


def _warnings_text(warnings: Sequence[FieldWarning]) -> dict[str, Any]:
    told = [{"field": one.field, "reason": one.reason} for one in warnings]
    return {"warnings": told} if told else {}


def _failed(run: RunLedger) -> int:
    return run["rejected"] + run["expired"] + run["unknown"]


def _sending_time(run: RunLedger) -> int:
    """Return the milliseconds that a run took; 0 while it is not at its end."""
    began, ended = run["startedAt"], run["finishedAt"]
    if began is None or ended is None:
        return 0
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)) // MILLISECOND


def registration_id(key: int, channels: list[str] | tuple[str, ...]) -> str:
    """Write the id of a registration, one for each channel."""
    return ",".join(f"{key}{_ID_SEPARATOR}{channel}" for channel in channels)
