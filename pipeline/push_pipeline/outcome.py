"""The closed set of answers a provider can give, and what each one means.

A provider's answer is a value. Only broken infrastructure (no database, no broker) raises.
The tables of the two platforms (push_workers/senders/*/responses.py) map every documented answer
to one member of `Outcome`; the table `CONSEQUENCES` below says what follows from it for the
delivery, for the device and for the route (one credential of one app and APNs environment).
"""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """What became of one attempt to reach one device."""

    ACCEPTED = "accepted"  # the provider took it; nobody promises that it is shown
    REJECTED = "rejected"  # this notification is wrong; sending it again cannot help
    GONE = "gone"  # the provider gave evidence that the token is dead
    MISROUTED = "misrouted"  # the token is of another app, project or environment, or malformed
    THROTTLED = "throttled"  # too many requests: for this device, or for the whole route
    UNAVAILABLE = "unavailable"  # the provider is down, or the request was surely not processed
    MISCONFIGURED = (
        "misconfigured"  # the credential, topic or project is wrong: nothing gets through
    )
    EXPIRED = "expired"  # the message's lifetime ended first
    UNKNOWN = "unknown"  # bytes were written and no answer came: it may have been processed


class Settled(StrEnum):
    """Where a delivery ends in the ledger."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class DeviceAction(StrEnum):
    """What an answer does to the device it is about."""

    KEEP = "keep"
    RETIRE = "retire"  # active -> retired, unless registered again after the evidence
    QUARANTINE = "quarantine"  # active -> quarantined; guarded against a wrong configuration


class RouteAction(StrEnum):
    """What an answer does to everybody who sends through the same credential."""

    KEEP = "keep"
    PAUSE = "pause"  # nobody sends through it until the wait is over
    HOLD = "hold"  # nobody sends until one probe gets through; an operator is told


class Consequence(NamedTuple):
    """What follows from an outcome. `settles` is None where another attempt decides."""

    settles: Settled | None
    device: DeviceAction
    consumes_attempt: bool  # a held or paused route costs a device none of its attempts


CONSEQUENCES: dict[Outcome, Consequence] = {
    Outcome.ACCEPTED: Consequence(Settled.ACCEPTED, DeviceAction.KEEP, True),
    Outcome.REJECTED: Consequence(Settled.REJECTED, DeviceAction.KEEP, True),
    Outcome.GONE: Consequence(Settled.REJECTED, DeviceAction.RETIRE, True),
    Outcome.MISROUTED: Consequence(Settled.REJECTED, DeviceAction.QUARANTINE, True),
    Outcome.THROTTLED: Consequence(None, DeviceAction.KEEP, True),
    Outcome.UNAVAILABLE: Consequence(None, DeviceAction.KEEP, True),
    Outcome.MISCONFIGURED: Consequence(None, DeviceAction.KEEP, False),
    Outcome.EXPIRED: Consequence(Settled.EXPIRED, DeviceAction.KEEP, True),
    Outcome.UNKNOWN: Consequence(None, DeviceAction.KEEP, True),  # the unknown policy decides
}


class Verdict(NamedTuple):
    """One provider's answer about one device.

    `reason` is the provider's own word (`Unregistered`, `QUOTA_EXCEEDED`) or ours where it
    gave none (`Timeout`, `ConnectionLost`). Times are epoch milliseconds, waits are seconds.
    """

    outcome: Outcome
    reason: str | None = None
    provider_id: str | None = None  # apns-id, or FCM's message name
    retry_after: float | None = None  # seconds the provider asked for
    dead_since: int | None = None  # when the provider knew that the token was dead
    route: RouteAction = RouteAction.KEEP
    answered: bool = True  # False where the request surely never reached the provider


class Evidence(NamedTuple):
    """Why a device is put out of service. `dead_since` is epoch milliseconds."""

    key: int
    token: str
    action: DeviceAction
    dead_since: int
    reason: str | None


ACCEPTED = Verdict(Outcome.ACCEPTED)
