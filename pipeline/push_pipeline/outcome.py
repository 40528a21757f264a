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


class RestCause(StrEnum):
    """Why a route rests. The first four: nobody could be asked, or nobody answered."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    SILENCE = "silence"  # connections that are lost, or that nobody answers on
    SIGN_IN = "sign-in"  # the provider's token endpoint is away
    UNAVAILABLE = "unavailable"  # the provider says so
    THROTTLED = "throttled"
    REFUSED = "refused"  # the credential, topic or project
    GUARD = "guard"  # so many tokens are refused that something else must be wrong


REST_WORDS: dict[RestCause, str] = {
    RestCause.DNS: "the provider's name has no address",
    RestCause.CONNECT: "no connection to the provider comes about",
    RestCause.TLS: "the provider is not trusted, or does not trust us",
    RestCause.SILENCE: "the provider loses our connections, or is silent",
    RestCause.SIGN_IN: "the provider's token endpoint gives no token",
    RestCause.UNAVAILABLE: "the provider fails",
    RestCause.THROTTLED: "the provider throttles us",
    RestCause.REFUSED: "the provider refuses the credential",
    RestCause.GUARD: "nearly all tokens are refused, which looks like a wrong environment or app;"
    " no device was touched",
}


def why_it_rests(cause: str | None, reason: str | None) -> str:
    """Say in words why a route rests; a cause that a newer release wrote is said as it is."""
    known = {one.value: words for one, words in REST_WORDS.items()}
    words = known.get(cause or "", cause or "the provider asked for it")
    return f"{words} ({reason})" if reason else words


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


#: Seconds after which a verdict counts half in what a route's provider answered lately.
HALF_LIFE_SECONDS = 300.0


class Recent(NamedTuple):
    """How many of a route's latest verdicts said what; older ones count less and less."""

    accepted: float = 0.0
    misrouted: float = 0.0
    dead: float = 0.0
    troubled: float = 0.0  # throttled or unavailable

    def faded(self, seconds: float) -> "Recent":
        """Return what these count after so many seconds."""
        share = 0.5 ** (max(seconds, 0.0) / HALF_LIFE_SECONDS)
        return Recent(*(count * share for count in self))

    def plus(self, other: "Recent") -> "Recent":
        """Return these and the others together."""
        return Recent(*(one + two for one, two in zip(self, other, strict=True)))


NO_VERDICTS = Recent()


class Evidence(NamedTuple):
    """Why a device is put out of service. `dead_since` is epoch milliseconds."""

    key: int
    token: str
    action: DeviceAction
    dead_since: int
    reason: str | None


ACCEPTED = Verdict(Outcome.ACCEPTED)
