"""What each answer of a push service means: status in, one verdict out. Pure.

Source of the table: RFC 8030, and what the four services of the browsers add: Apple a `reason`,
Mozilla an `errno`, Google prose, Microsoft headers.
"""

from collections.abc import Callable

from push_pipeline.outcome import ACCEPTED, Outcome, RouteAction, Verdict
from push_workers.senders.answers import (
    SERVER_ERROR_CLASS,
    JsonObject,
    held,
    json_object,
    server_failed,
    wait_of,
    word,
)

#: RFC 8030, 5: 201. Some services say 200 or 202.
_TAKEN = frozenset((200, 201, 202))

#: RFC 8030, 7.3: the subscription has ended. None of them says since when.
_GONE = frozenset((404, 410))

#: Too many: for this subscription, or for all of ours. 406 is Microsoft's older word.
_TOO_MANY = frozenset((406, 429))

_TOO_LARGE = 413

#: The signature, its key or its claims.
_ABOUT_CREDENTIALS = frozenset((401, 403))

#: Apple's words about the signature come with 400 as well.
_HELD = frozenset(("BadJwtToken", "ExpiredJwtToken", "MissingJwtToken"))

#: This subscription was made with another key than the one that is shown.
KEY_MISMATCH = "VapidKeyMismatch"

#: How it is said: Apple's word, Google's prose ("… do not correspond to the credentials used to
#: create the subscriptions"), Mozilla's, and that of Google's older service.
_MISMATCHES = (
    b"vapidpkhashmismatch",
    b"do not correspond to the credentials",
    b"public key mismatch",
    b"unauthorizedregistration",
)

#: How a reason begins that is ours, for an answer without a word.
_UNNAMED = "Status"

#: Bytes of a body that are looked at.
_PROSE_BYTES = 2048

#: Words that we have for what they say, and Apple's and Mozilla's own.
REASONS = frozenset(
    (
        *(KEY_MISMATCH, "PayloadTooLarge", "Gone", *_HELD),
        *("BadPriority", "BadTopic", "BadTtl", "TooManyRequests", "Unregistered"),
        *(f"Errno{number}" for number in (*range(101, 117), 201, 202, *range(900, 904))),
    )
)

Lookup = Callable[[str], str | None]


def classify(status: int, body: bytes, header: Lookup, now: float) -> Verdict:
    """Judge one complete answer. Never raises. `now` is epoch seconds."""
    if status in _TAKEN:
        return ACCEPTED
    answer = json_object(body)
    reason = _reason(answer) or f"{_UNNAMED}{status}"
    if status in _GONE:
        return Verdict(Outcome.GONE, reason)
    wait = wait_of(header("retry-after"), now)
    if status in _TOO_MANY:
        route = RouteAction.KEEP if wait is None else RouteAction.PAUSE
        return Verdict(Outcome.THROTTLED, reason, retry_after=wait, route=route)
    if status >= SERVER_ERROR_CLASS:
        return server_failed(reason, wait)
    return _refused(status, body, reason)


def of_believed(verdict: Verdict) -> Verdict:
    """Judge anew what was refused with the very signature that others were taken with.

    Where the service names no cause it can only be the subscription's: made with another key.
    Anybody can register one, and must not hold everybody's pushes by it.
    """
    unnamed = (verdict.reason or "").startswith(_UNNAMED)
    if verdict.outcome is Outcome.MISCONFIGURED and unnamed:
        return Verdict(Outcome.MISROUTED, KEY_MISMATCH)
    return verdict


def _refused(status: int, body: bytes, reason: str) -> Verdict:
    """Judge a refusal; a redirection is one, since nobody follows it.

    A mismatch is one subscription's matter: anybody can register one that was made with another
    key, and must not stop everybody's pushes by it. If nearly all are refused so, the guard of
    the run stops the route and leaves the devices alone.
    """
    prose = body[:_PROSE_BYTES].lower()
    if any(words in prose for words in _MISMATCHES):
        return Verdict(Outcome.MISROUTED, KEY_MISMATCH)
    if status in _ABOUT_CREDENTIALS or reason in _HELD:
        return held(reason)
    return Verdict(Outcome.REJECTED, "PayloadTooLarge" if status == _TOO_LARGE else reason)


def _reason(answer: JsonObject) -> str | None:
    number = answer.get("errno")
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1000:  # noqa: PLR2004
        return f"Errno{number}"
    return word(answer.get("reason"))
