"""FCM's error answers: Google's error object with the details that tell the cases apart.

Source: Google, "FCM ErrorCode" and `google.rpc.Status`. A few of ours name what Google does not.
"""

from typing import Literal, NamedTuple

import orjson

from push_workers.simulator.messages import Answer

_TYPE = "type.googleapis.com/"
_FCM_ERROR = _TYPE + "google.firebase.fcm.v1.FcmError"
_ERROR_INFO = _TYPE + "google.rpc.ErrorInfo"
_BAD_REQUEST = _TYPE + "google.rpc.BadRequest"
_METRIC = "fcm.googleapis.com/send_requests"


class Violation(NamedTuple):
    """One field that is wrong, as google.rpc.BadRequest names it."""

    field: str
    text: str


class Error(NamedTuple):
    """How one reason looks: HTTP status, google.rpc code, text, and where the reason stands."""

    http: int
    status: str
    text: str
    detail: Literal["fcm", "info", "none"]


ERRORS: dict[str, Error] = {
    "INVALID_ARGUMENT": Error(
        400,
        "INVALID_ARGUMENT",
        "The registration token is not a valid FCM registration token",
        "fcm",
    ),
    # Google gives no details for a payload that is too large.
    "PAYLOAD_TOO_LARGE": Error(400, "INVALID_ARGUMENT", "Android message is too big", "none"),
    "UNAUTHENTICATED": Error(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials.",
        "none",
    ),
    "ACCESS_TOKEN_EXPIRED": Error(
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials.",
        "info",
    ),
    "THIRD_PARTY_AUTH_ERROR": Error(
        401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", "fcm"
    ),
    "SENDER_ID_MISMATCH": Error(403, "PERMISSION_DENIED", "SenderId mismatch", "fcm"),
    "PERMISSION_DENIED": Error(
        403,
        "PERMISSION_DENIED",
        "Permission 'cloudmessaging.messages.create' denied on resource",
        "none",
    ),
    "SERVICE_DISABLED": Error(
        403,
        "PERMISSION_DENIED",
        "Firebase Cloud Messaging API has not been used in project before or it is disabled.",
        "info",
    ),
    "UNREGISTERED": Error(404, "NOT_FOUND", "Requested entity was not found.", "fcm"),
    "NOT_FOUND": Error(404, "NOT_FOUND", "Requested entity was not found.", "none"),
    "ALREADY_EXISTS": Error(409, "ALREADY_EXISTS", "Requested entity already exists", "none"),
    "QUOTA_EXCEEDED": Error(
        429, "RESOURCE_EXHAUSTED", "Message rate exceeded for this target.", "fcm"
    ),
    "RATE_LIMIT_EXCEEDED": Error(
        429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Send requests'.", "info"
    ),
    "INTERNAL": Error(500, "INTERNAL", "Internal error encountered.", "fcm"),
    "UNAVAILABLE": Error(503, "UNAVAILABLE", "The service is currently unavailable.", "fcm"),
}
#: The reason that is meant where a rule gives a status alone; others answer with a page of HTML.
USUAL = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "SENDER_ID_MISMATCH",
    404: "UNREGISTERED",
    429: "QUOTA_EXCEEDED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
#: What every JSON answer carries.
JSON_HEADERS = (
    ("content-type", "application/json; charset=UTF-8"),
    ("vary", "Origin, X-Origin, Referer"),
    ("server", "ESF"),
)
_HTML = b"<!DOCTYPE html><html><title>Error %d</title><p>That's an error. Try again later.</html>"


def rejection(reason: str, *, status: int | None = None) -> Answer:
    """Write the error answer of a known reason; an unknown one is put in as errorCode."""
    error = ERRORS.get(reason) or Error(status or 400, reason, reason, "fcm")
    http = status or error.http
    return _answer(http, error.status, error.text, _details(reason, error.detail), reason)


def bad_request(violations: list[Violation]) -> Answer:
    """Write the answer to a body with wrong fields."""
    rows: list[dict[str, str]] = [{"field": v.field, "description": v.text} for v in violations]
    details: list[dict[str, object]] = [{"@type": _BAD_REQUEST, "fieldViolations": rows}]
    text = "\n".join(v.text for v in violations)
    return _answer(400, "INVALID_ARGUMENT", text, details, "INVALID_ARGUMENT")


def html(status: int) -> Answer:
    """Write the page that Google's front ends send with a 502 or 504."""
    headers = (("content-type", "text/html; charset=UTF-8"), ("server", "GFE"))
    return Answer(status, headers, _HTML % status, f"HTML {status}")


def _answer(
    http: int, status: str, text: str, details: list[dict[str, object]], reason: str
) -> Answer:
    error: dict[str, object] = {"code": http, "message": text, "status": status}
    if details:
        error["details"] = details
    return Answer(http, JSON_HEADERS, orjson.dumps({"error": error}), reason)


def _details(reason: str, kind: str) -> list[dict[str, object]]:
    if kind == "fcm":
        return [{"@type": _FCM_ERROR, "errorCode": reason}]
    if kind == "info":
        metadata = {"service": "fcm.googleapis.com"}
        if reason == "RATE_LIMIT_EXCEEDED":
            metadata["quota_metric"] = _METRIC
        info = {"@type": _ERROR_INFO, "reason": reason, "domain": "googleapis.com"}
        return [{**info, "metadata": metadata}]
    return []
