"""What each answer of APNs means: status and reason in, one verdict out. Pure.

Source of the table: Apple, "Handling notification responses from APNs", and where that page is
silent, the reasons that the live service has been seen to send.
"""

from collections.abc import Callable

from push_pipeline.outcome import ACCEPTED, Outcome, RouteAction, Verdict
from push_workers.senders.answers import (
    ERROR_CLASS,
    SERVER_ERROR_CLASS,
    JsonObject,
    held,
    json_object,
    server_failed,
    unanswered,
    wait_of,
    word,
)

#: The notification is wrong: sending it again cannot help.
REJECTED = frozenset(
    (
        (400, "BadCollapseId"),
        (400, "BadExpirationDate"),
        (400, "BadMessageId"),
        (400, "BadPriority"),
        (400, "InvalidPushType"),
        (400, "DuplicateHeaders"),
        (400, "MissingDeviceToken"),
        (400, "PayloadEmpty"),
        (404, "BadPath"),
        (405, "MethodNotAllowed"),
        (413, "PayloadTooLarge"),
    )
)

#: The token is malformed, or of the other environment, or of another app.
MISROUTED = frozenset(((400, "BadDeviceToken"), (400, "DeviceTokenNotForTopic")))

#: The token is dead; the answer says since when.
GONE = frozenset(((410, "Unregistered"), (410, "ExpiredToken")))

#: The credential or topic is wrong: every notification would get this answer. Apple's page
#: writes BadEnvironmentKeyIdInToken, the service sends BadEnvironmentKeyInToken.
HELD = frozenset(
    (
        (400, "BadTopic"),
        (400, "MissingTopic"),
        (400, "TopicDisallowed"),
        (403, "BadCertificate"),
        (403, "BadCertificateEnvironment"),
        (403, "BadEnvironmentKeyIdInToken"),
        (403, "BadEnvironmentKeyInToken"),
        (403, "ExpiredProviderToken"),
        (403, "Forbidden"),
        (403, "InvalidProviderToken"),
        (403, "MissingProviderToken"),
        (403, "UnrelatedKeyIdInToken"),
    )
)

#: Not processed; another connection may do better.
UNAVAILABLE = frozenset(
    (
        (400, "IdleTimeout"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
        (503, "Shutdown"),
    )
)

#: Every word of Apple's.
REASONS = frozenset(
    (
        *(reason for _, reason in REJECTED | MISROUTED | GONE | HELD | UNAVAILABLE),
        *("TooManyProviderTokenUpdates", "TooManyRequests"),
    )
)

#: What a fresh connection (and with it the current provider token) may cure. None of these
#: was processed, so the request may go again at once; if the answer stays, it stands.
CURED_BY_RECONNECTING = frozenset(
    ("ExpiredProviderToken", "UnrelatedKeyIdInToken", "IdleTimeout", "Shutdown")
)

#: Statuses that speak of the credential whatever the reason: a new reason of this kind must
#: not fail every notification for good.
_ABOUT_CREDENTIALS = frozenset((401, 403))

#: The wait in seconds after TooManyProviderTokenUpdates, for which Apple names none.
_TOKEN_UPDATES_WAIT_SECONDS = 60.0

#: A plausible time in epoch milliseconds: the years 2001 to 2286.
_MILLISECONDS = range(10**12, 10**13)

#: How the transport tells a GOAWAY's reason.
_GOAWAY = "GoAway:"

Lookup = Callable[[str], str | None]


def classify(status: int, body: bytes, header: Lookup, now: float) -> Verdict:
    """Judge one complete answer. Never raises. `now` is epoch seconds."""
    if status == 200:  # noqa: PLR2004 — HTTP's own number
        return ACCEPTED
    answer = json_object(body)
    reason = word(answer.get("reason"))
    wait = wait_of(header("retry-after"), now)
    if status == 400 and not answer:  # noqa: PLR2004 — Apple says why: some proxy's page
        return server_failed("Status400", wait)
    known = None if reason is None else _known(status, reason, answer, wait)
    return known or _by_class(status, reason or f"Status{status}", wait)


def classify_ending(detail: str, *, written: bool) -> Verdict:
    """Judge a request that got no answer; see `answers.unanswered`.

    APNs may say why it hangs up: its GOAWAY carries a reason of the same list. One that speaks
    of the certificate meets everybody, so it is judged like the answer of that name.
    """
    reason = detail.removeprefix(_GOAWAY)
    if not written and reason != detail and (403, reason) in HELD:
        return held(reason)
    return unanswered(detail, written=written)


def _known(status: int, reason: str, answer: JsonObject, wait: float | None) -> Verdict | None:
    case = (status, reason)
    if case in GONE:
        return Verdict(Outcome.GONE, reason, dead_since=_moment(answer.get("timestamp")))
    if case in HELD:
        return held(reason)
    if case in UNAVAILABLE:
        return server_failed(reason, wait)
    if case == (429, "TooManyProviderTokenUpdates"):
        pause = max(wait or 0.0, _TOKEN_UPDATES_WAIT_SECONDS)
        return Verdict(Outcome.THROTTLED, reason, retry_after=pause, route=RouteAction.PAUSE)
    if case in MISROUTED:
        return Verdict(Outcome.MISROUTED, reason)
    return Verdict(Outcome.REJECTED, reason) if case in REJECTED else None


def _by_class(status: int, reason: str, wait: float | None) -> Verdict:
    """Judge by the status alone: the reason is new to us, or there is none."""
    if status >= SERVER_ERROR_CLASS:
        return server_failed(reason, wait)
    if status in _ABOUT_CREDENTIALS:
        return held(reason)
    if status == 429:  # noqa: PLR2004 — too many for this device: it alone waits
        return Verdict(Outcome.THROTTLED, reason, retry_after=wait)
    if status < ERROR_CLASS:  # neither taken nor refused: no such answer is documented
        return Verdict(Outcome.UNKNOWN, reason)
    return Verdict(Outcome.REJECTED, reason)


def _moment(timestamp: object) -> int | None:
    return timestamp if isinstance(timestamp, int) and timestamp in _MILLISECONDS else None
