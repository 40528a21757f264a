"""What the answers of both platforms have in common: odd bodies, waits, and silence."""

import math
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


def _seconds_until(http_date: str, now: float) -> float:
    try:
        return parsedate_to_datetime(http_date).timestamp() - now
    except (ValueError, OverflowError, TypeError, IndexError):
        return math.nan
