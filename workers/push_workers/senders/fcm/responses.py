"""What each answer of FCM means: status and error object in, one verdict out. Pure.

Source of the table: Firebase, "FCM error codes" and the `FcmError` reference; Google's error
model (google.rpc.Status with `details`). An answer is named by the first of: `errorCode` of the
FcmError detail, `reason` of the ErrorInfo detail, `error.status`, the HTTP status.
"""

from collections.abc import Callable, Iterator, Sequence

from push_pipeline.outcome import Outcome, RouteAction, Verdict
from push_workers.senders.answers import (
    ERROR_CLASS,
    SERVER_ERROR_CLASS,
    JsonObject,
    held,
    json_object,
    nested,
    server_failed,
    wait_of,
    word,
)

#: What a new access token may cure. None of these was processed.
CURED_BY_SIGNING_IN = frozenset(("UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", "Status401"))

#: What FCM says where Apple refuses the key that Firebase was given (the second is the older
#: word). It stops pushes to iOS alone.
ABOUT_APPLES_KEY = frozenset(("THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"))

#: Google's words: of FcmError, of an access token, and of google.rpc.Code.
REASONS = frozenset(
    (
        *("UNREGISTERED", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "INVALID_ARGUMENT"),
        *("THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR", "UNAVAILABLE", "INTERNAL"),
        *("UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", "PERMISSION_DENIED", "NOT_FOUND"),
        *("RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "DEADLINE_EXCEEDED", "ABORTED"),
        *("SERVICE_DISABLED", "RATE_LIMIT_EXCEEDED", "UNSPECIFIED_ERROR", "UNKNOWN"),
    )
)

_FCM_ERROR = "google.firebase.fcm.v1.FcmError"
_ERROR_INFO = "google.rpc.ErrorInfo"
_BAD_REQUEST = "google.rpc.BadRequest"
_QUOTA_FAILURE = "google.rpc.QuotaFailure"

#: How FCM says that the target itself is wrong: in prose, or by naming the field.
_BAD_TOKEN_PROSE = "not a valid fcm registration token"  # noqa: S105 — prose, no secret
_TARGET_FIELDS = frozenset(("message.token", "message.fid"))

#: How a quota says whose it is; any other is the whole project's.
_NARROW_QUOTAS = ("device", "topic")

#: The wait in seconds when a quota is used up and no Retry-After came (Firebase: "if there is
#: no retry-after header, default to 60 seconds").
_QUOTA_WAIT_SECONDS = 60.0

#: Statuses that speak of the credential or project whatever the reason. A 404 without an
#: FcmError is a wrong project or URL, and never evidence that a token is dead.
_ABOUT_CREDENTIALS = frozenset((401, 403, 404))

#: What stands for itself in a JSON text, and is neither its quote nor an escape.
_PLAIN = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))

#: Of a 200 without a message's name nobody knows who answered.
NAMELESS = Verdict(Outcome.UNKNOWN, "NoMessageName")

Lookup = Callable[[str], str | None]


def classify(status: int, body: bytes, header: Lookup, now: float) -> Verdict:
    """Judge one complete answer. Never raises. `now` is epoch seconds."""
    if status == 200:  # noqa: PLR2004 — HTTP's own number
        name = name_of(body)
        return NAMELESS if name is None else Verdict(Outcome.ACCEPTED, None, name)
    error = nested(json_object(body), "error")
    code = word(_detail(error, _FCM_ERROR).get("errorCode"))
    reason = code or _reason(error) or f"Status{status}"
    wait = wait_of(header("retry-after"), now)
    if status == 429:  # noqa: PLR2004 — too many requests
        return _throttled(error, reason, wait)
    if status >= SERVER_ERROR_CLASS:
        return server_failed(reason, wait)
    if status == 400 and not error:  # noqa: PLR2004 — FCM says why: some proxy's page
        return server_failed(reason, wait)
    return _refused(status, code, error, reason)


def name_of(body: bytes) -> str | None:
    """Return the name that an answer 200 gives to its message, or None where it gives none."""
    name = json_object(body).get("name")
    return name if isinstance(name, str) else None


def are_all_named(bodies: Sequence[bytes]) -> bool:
    """Tell at one look whether every answer of 200 names its message; False says nothing.

    The first is read as JSON. Where it is an object of nothing but a name, so are those that
    begin and end alike, and have nothing between but what stands for itself in a JSON text.
    """
    if not bodies:
        return True
    name = name_of(bodies[0])
    head, quoted, tail = bodies[0].rpartition(b'"%b"' % (name or "").encode())
    if not name or not quoted or len(json_object(bodies[0])) != 1:
        return False
    # A mark between two of them, which is in none, so that all are looked at in one piece.
    head, tail, mark = head + b'"', b'"' + tail, b"\0"
    together = mark + mark.join(bodies) + mark
    between = tail + mark + head
    return (
        min(map(len, bodies)) >= len(head + tail)
        and together.startswith(mark + head)
        and together.endswith(tail + mark)
        and together.count(between) == len(bodies) - 1
        and together.translate(None, _PLAIN)
        == mark + (head + tail + mark).translate(None, _PLAIN) * len(bodies)
    )


def _refused(status: int, code: str | None, error: JsonObject, reason: str) -> Verdict:
    if (status, code) == (404, "UNREGISTERED"):
        return Verdict(Outcome.GONE, reason)
    if (status, code) == (403, "SENDER_ID_MISMATCH"):
        return Verdict(Outcome.MISROUTED, reason)
    if status in _ABOUT_CREDENTIALS:
        return held(reason)
    if status < ERROR_CLASS:  # neither taken nor refused: no such answer is documented
        return Verdict(Outcome.UNKNOWN, reason)
    at_fault = status == 400 and _is_target_at_fault(error)  # noqa: PLR2004 — INVALID_ARGUMENT
    return Verdict(Outcome.MISROUTED if at_fault else Outcome.REJECTED, reason)


def _throttled(error: JsonObject, reason: str, wait: float | None) -> Verdict:
    """Judge a 429: mostly the project's quota, sometimes one device's."""
    if _is_narrow(error):
        return Verdict(Outcome.THROTTLED, reason, retry_after=wait)
    pause = _QUOTA_WAIT_SECONDS if wait is None else wait
    return Verdict(Outcome.THROTTLED, reason, retry_after=pause, route=RouteAction.PAUSE)


def _reason(error: JsonObject) -> str | None:
    return word(_detail(error, _ERROR_INFO).get("reason")) or word(error.get("status"))


def _is_target_at_fault(error: JsonObject) -> bool:
    prose = str(error.get("message", "")).lower()
    violations = _entries(error, _BAD_REQUEST, "fieldViolations")
    named = {str(violation.get("field")) for violation in violations}
    return _BAD_TOKEN_PROSE in prose or not _TARGET_FIELDS.isdisjoint(named)


def _is_narrow(error: JsonObject) -> bool:
    """Tell whether the quota is that of one device or topic, as far as the answer says."""
    said = [error.get("message"), *_quota_words(error)]
    prose = " ".join(str(part) for part in said).lower()
    return any(owner in prose for owner in _NARROW_QUOTAS)


def _quota_words(error: JsonObject) -> Iterator[object]:
    for entry in _entries(error, _QUOTA_FAILURE, "violations"):
        yield entry.get("subject")
        yield entry.get("description")


def _entries(error: JsonObject, kind: str, name: str) -> Iterator[JsonObject]:
    entries = _detail(error, kind).get(name)
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            yield entry


def _detail(error: JsonObject, kind: str) -> JsonObject:
    """Return the first detail of a kind, and an empty one if there is none."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith(kind):
            return detail
    return {}
