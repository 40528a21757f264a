"""Every answer that FCM documents or has been seen to give, and what follows from it."""

import json
from typing import NamedTuple

from tests.unit.senders.answers_of_apns import (
    ACCEPTED,
    DEVICE_WAITS,
    GONE,
    HELD,
    LATER,
    MISROUTED,
    REJECTED,
    ROUTE_WAITS,
    UNKNOWN,
)

NAME = "projects/demo-project/messages/0:1500415314455276%31bd1c9631bd1c96"
GOOGLE = "type.googleapis.com/"


class Row(NamedTuple):
    """One answer."""

    status: int
    body: bytes
    reason: str | None
    expected: tuple[object, ...]


def error(status: int, word: str, *details: dict[str, object], message: str = "…") -> bytes:
    value = {"code": status, "message": message, "status": word, "details": list(details)}
    return json.dumps({"error": value}).encode()


def fcm(code: str) -> dict[str, object]:
    return {"@type": GOOGLE + "google.firebase.fcm.v1.FcmError", "errorCode": code}


def info(reason: str) -> dict[str, object]:
    return {"@type": GOOGLE + "google.rpc.ErrorInfo", "reason": reason}


def violation(field: str) -> dict[str, object]:
    return {"@type": GOOGLE + "google.rpc.BadRequest", "fieldViolations": [{"field": field}]}


def quota(description: str) -> dict[str, object]:
    violations = [{"subject": "x", "description": description}]
    return {"@type": GOOGLE + "google.rpc.QuotaFailure", "violations": violations}


INVALID = "INVALID_ARGUMENT"
BAD_TOKEN = "The registration token is not a valid FCM registration token"
TOO_BIG = "Android message is too big"
QUOTA, RATE = "QUOTA_EXCEEDED", "RATE_LIMIT_EXCEEDED"
PAGE = b"<!DOCTYPE html><title>Error 502</title>"

ROWS = {
    "taken": Row(200, json.dumps({"name": NAME}).encode(), None, ACCEPTED),
    "token at fault, by prose": Row(
        400, error(400, INVALID, fcm(INVALID), message=BAD_TOKEN), INVALID, MISROUTED
    ),
    "token at fault, by field": Row(
        400, error(400, INVALID, fcm(INVALID), violation("message.token")), INVALID, MISROUTED
    ),
    "installation id at fault": Row(
        400, error(400, INVALID, fcm(INVALID), violation("message.fid")), INVALID, MISROUTED
    ),
    "payload at fault, by field": Row(
        400, error(400, INVALID, violation("message.data[0].value")), INVALID, REJECTED
    ),
    "payload too large, no details": Row(
        400, error(400, INVALID, message=TOO_BIG), INVALID, REJECTED
    ),
    "access token ended": Row(
        401,
        error(401, "UNAUTHENTICATED", info("ACCESS_TOKEN_EXPIRED")),
        "ACCESS_TOKEN_EXPIRED",
        HELD,
    ),
    "no access token": Row(401, error(401, "UNAUTHENTICATED"), "UNAUTHENTICATED", HELD),
    "bad APNs key in the console": Row(
        401,
        error(401, "UNAUTHENTICATED", fcm("THIRD_PARTY_AUTH_ERROR")),
        "THIRD_PARTY_AUTH_ERROR",
        HELD,
    ),
    "the same, by its old name": Row(
        401, error(401, "UNAUTHENTICATED", fcm("APNS_AUTH_ERROR")), "APNS_AUTH_ERROR", HELD
    ),
    "token of another project": Row(
        403,
        error(403, "PERMISSION_DENIED", fcm("SENDER_ID_MISMATCH")),
        "SENDER_ID_MISMATCH",
        MISROUTED,
    ),
    "API switched off": Row(
        403, error(403, "PERMISSION_DENIED", info("SERVICE_DISABLED")), "SERVICE_DISABLED", HELD
    ),
    "no permission": Row(403, error(403, "PERMISSION_DENIED"), "PERMISSION_DENIED", HELD),
    "token is dead": Row(404, error(404, "NOT_FOUND", fcm("UNREGISTERED")), "UNREGISTERED", GONE),
    "wrong project": Row(404, error(404, "NOT_FOUND"), "NOT_FOUND", HELD),
    "wrong URL": Row(404, PAGE, "Status404", HELD),
    "quota used up": Row(429, error(429, "RESOURCE_EXHAUSTED", fcm(QUOTA)), QUOTA, ROUTE_WAITS),
    "quota used up, the other form": Row(
        429, error(429, "RESOURCE_EXHAUSTED", info(RATE)), RATE, ROUTE_WAITS
    ),
    "quota of one device used up": Row(
        429,
        error(429, "RESOURCE_EXHAUSTED", fcm(QUOTA), quota("Device message rate exceeded")),
        QUOTA,
        DEVICE_WAITS,
    ),
    "too many, no body": Row(429, b"", "Status429", ROUTE_WAITS),
    "internal error": Row(500, error(500, "INTERNAL", fcm("INTERNAL")), "INTERNAL", LATER),
    "bad gateway": Row(502, PAGE, "Status502", LATER),
    "gateway time-out": Row(504, PAGE, "Status504", LATER),
    "unavailable": Row(503, error(503, "UNAVAILABLE", fcm("UNAVAILABLE")), "UNAVAILABLE", LATER),
    # Evidence under another status is none.
    "dead under 400": Row(400, error(400, INVALID, fcm("UNREGISTERED")), "UNREGISTERED", REJECTED),
    "dead without FcmError": Row(404, error(404, "UNREGISTERED"), "UNREGISTERED", HELD),
    "too large, said by the front end": Row(413, PAGE, "Status413", REJECTED),
    # Somebody answered, but was it FCM?
    "taken, but no name": Row(200, b"{}", "NoMessageName", UNKNOWN),
    "a page instead": Row(200, PAGE, "NoMessageName", UNKNOWN),
    "a redirect": Row(302, b"", "Status302", UNKNOWN),
}
