"""What the answers of both platforms have in common: odd bodies, waits, and silence."""

import math
from collections import Counter
from collections.abc import Collection, Iterable
from email.utils import parsedate_to_datetime

import orjson

from push_pipeline.outcome import Outcome, RouteAction, Verdict

#: The longest wait that is believed, in seconds. A provider that asks for more than a day is a
#: broken clock or a stray page of some proxy.
LONGEST_WAIT_SECONDS = 86_400.0

#: A reason of the provider is kept up to this length; the ledger groups by it.
_REASON_CHARACTERS = 64

ERROR_CLASS = 400
SERVER_ERROR_CLASS = 500

#: Our words for what got no answer that operators can tell apart; the rest are "other".
OUR_WORDS = frozenset(
    (
        *("BackOff", "Closed", "ConnectFailed", "ConnectTimeout", "ConnectionLost", "DnsFailed"),
        *("CertificateExpired", "CertificateUntrusted", "GoAway", "NoHttp2", "PingTimeout"),
        *("ProxyFailed", "ProxyRefused", "RefusedStream", "Timeout", "TlsFailed", "TooLate"),
        *("PrivateAddress", "ToldToWait"),
    )
)

_ACCEPTED_STATUS = "200"

JsonObject = dict[str, object]


def json_object(body: bytes) -> JsonObject:
    """Return the body's JSON object, and an empty one for any other body."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def nested(value: object, name: str) -> JsonObject:
    """Return the object under a name, and an empty one if there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def word(value: object) -> str | None:
    """Return a provider's word for what happened, or None if it is no word.

    Anything with spaces or of great length is prose: it could hold a token, and the ledger
    could not group by it.
    """
    if not isinstance(value, str) or len(value) > _REASON_CHARACTERS:
        return None
    return value if value.isidentifier() else None


def wait_of(retry_after: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After asks for (RFC 9110, 10.2.3), between 0 and a day.

    Both forms are read: seconds, and an HTTP date, which is compared with `now` (epoch
    seconds). None where the header is absent or says nothing.
    """
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        seconds = _seconds_until(retry_after, now)
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)


def unanswered(detail: str, *, written: bool) -> Verdict:
    """Judge a request that got no answer.

    `written` says that bytes of it left us: then it may have been processed. Otherwise it
    surely was not, and can be sent again freely (RFC 9113, 8.7).
    """
    if written:
        return Verdict(Outcome.UNKNOWN, detail or None)
    return Verdict(Outcome.UNAVAILABLE, detail or None, answered=False)


def server_failed(reason: str, wait: float | None) -> Verdict:
    """Judge a 5xx: with a Retry-After it speaks for everybody who sends through the route."""
    route = RouteAction.KEEP if wait is None else RouteAction.PAUSE
    return Verdict(Outcome.UNAVAILABLE, reason, retry_after=wait, route=route)


def held(reason: str) -> Verdict:
    """Judge an answer about the credential, topic or project: nothing gets through."""
    return Verdict(Outcome.MISCONFIGURED, reason, route=RouteAction.HOLD)


def count_answers(
    taken: int, others: Iterable[tuple[int, Verdict]], known: Collection[str]
) -> Counter[tuple[str, str]]:
    """Count answers by HTTP status ("none": there was no answer) and reason.

    `taken` is how many were 200, `others` are status and verdict of the rest.

    A reason that is not among the known ones is "other": a provider's free words, each a label
    of its own, would be without end. Answers of 200, nearly all, have none.
    """
    counted: Counter[tuple[str, str]] = Counter()
    if taken:
        counted[_ACCEPTED_STATUS, ""] = taken
    counted.update(
        (str(status) if status else "none", label_of(verdict.reason, known))
        for status, verdict in others
    )
    return counted


def label_of(reason: str | None, known: Collection[str]) -> str:
    """Return a reason as the label of a metric: a word of a closed list, or "other"."""
    word = (reason or "").partition(":")[0]  # of a GOAWAY the rest is the peer's
    if not word or word.startswith("Status"):
        return ""
    return word if word in known or word in OUR_WORDS else "other"


def _seconds_until(http_date: str, now: float) -> float:
    try:
        return parsedate_to_datetime(http_date).timestamp() - now
    except (ValueError, OverflowError, TypeError, IndexError):
        return math.nan
