"""How each of the four says no: Mozilla by a number, Apple by a word, the others by prose."""

from typing import NamedTuple

import orjson

from push_workers.simulator.messages import Answer

VENDORS = ("google", "mozilla", "apple", "microsoft")


class Refusal(NamedTuple):
    """A fault in the four dialects."""

    status: int
    errno: int  # Mozilla's
    apple: str
    prose: str
    statuses: dict[str, int] = {}  # noqa: RUF012 - read only: where one of them differs


REFUSALS = {
    "NoSubscription": Refusal(404, 102, "BadPath", "no such subscription"),
    "Gone": Refusal(410, 106, "Unregistered", "push subscription has unsubscribed or expired."),
    "BadSignature": Refusal(
        403, 109, "BadJwtToken", "invalid JWT provided", {"mozilla": 401, "microsoft": 401}
    ),
    "KeyMismatch": Refusal(
        403,
        109,
        "VapidPkHashMismatch",
        "the VAPID credentials in the authorization header do not correspond to the credentials"
        " used to create the subscriptions.",
        {"mozilla": 401, "apple": 400},
    ),
    "NoTtl": Refusal(400, 111, "BadTtl", "TTL is missing"),
    "BadTtl": Refusal(400, 112, "BadTtl", "TTL is no number of seconds"),
    "BadTopic": Refusal(400, 113, "BadWebPushTopic", "topic is invalid"),
    "BadUrgency": Refusal(400, 110, "BadUrgency", "urgency is invalid"),
    "BadEncryption": Refusal(400, 110, "BadEncryption", "the content is not encrypted as it says"),
    "BadCachePolicy": Refusal(400, 0, "", "Ttl value conflicts with X-WNS-Cache-Policy."),
    "TooLarge": Refusal(413, 104, "PayloadTooLarge", "payload is too large"),
    "TooMany": Refusal(429, 201, "TooManyRequests", "too many requests"),
    "Error": Refusal(500, 999, "InternalServerError", "internal error"),
    "Down": Refusal(503, 201, "ServiceUnavailable", "unavailable"),
}

#: The fault that is meant where a rule gives a status alone.
USUAL = {
    400: "BadEncryption",
    401: "BadSignature",
    403: "BadSignature",
    404: "NoSubscription",
    410: "Gone",
    413: "TooLarge",
    429: "TooMany",
    500: "Error",
    503: "Down",
}

#: Seconds that Mozilla asks to wait with every 503.
_MOZILLAS_WAIT = "120"


def refuse(vendor: str, fault: str, *, status: int | None = None) -> Answer:
    """Write a refusal as a vendor would."""
    told = REFUSALS[fault]
    status = status or told.statuses.get(vendor, told.status)
    json = (("content-type", "application/json"),)
    if vendor == "mozilla":
        message = "VAPID public key mismatch" if fault == "KeyMismatch" else told.prose
        content = {"code": status, "errno": told.errno, "error": fault, "message": message}
        wait = (("retry-after", _MOZILLAS_WAIT),) if fault == "Down" else ()
        return Answer(status, (*json, *wait), orjson.dumps(content), fault)
    if vendor == "apple":
        return Answer(status, json, orjson.dumps({"reason": told.apple}), fault)
    if vendor == "microsoft":
        headers = (("x-wns-status", "dropped"), ("x-wns-error-description", told.prose))
        return Answer(status, headers, b"", fault)
    return Answer(status, (("content-type", "text/plain"),), told.prose.encode(), fault)
