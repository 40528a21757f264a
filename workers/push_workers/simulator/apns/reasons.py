"""Apple's reasons and their statuses.

Source: Apple, "Handling notification responses from APNs". `BadEnvironmentKeyInToken` is what the
live service sends where that page says `BadEnvironmentKeyIdInToken`.
"""

import orjson

from push_workers.simulator.messages import Answer

STATUS: dict[str, int] = {
    "BadCollapseId": 400,
    "BadDeviceToken": 400,
    "BadExpirationDate": 400,
    "BadMessageId": 400,
    "BadPriority": 400,
    "BadTopic": 400,
    "DeviceTokenNotForTopic": 400,
    "DuplicateHeaders": 400,
    "IdleTimeout": 400,
    "InvalidPushType": 400,
    "MissingDeviceToken": 400,
    "MissingTopic": 400,
    "PayloadEmpty": 400,
    "TopicDisallowed": 400,
    "BadCertificate": 403,
    "BadCertificateEnvironment": 403,
    "BadEnvironmentKeyIdInToken": 403,
    "BadEnvironmentKeyInToken": 403,
    "ExpiredProviderToken": 403,
    "Forbidden": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "UnrelatedKeyIdInToken": 403,
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "Shutdown": 503,
}
#: The reason that is meant where a rule gives a status alone.
USUAL: dict[int, str] = {
    403: "Forbidden",
    410: "Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


def rejection(
    reason: str, apns_id: str, *, status: int | None = None, dead_since: int | None = None
) -> Answer:
    """Write an error answer; `dead_since` (epoch milliseconds) is Apple's `timestamp` of a 410."""
    content: dict[str, object] = {"reason": reason}
    status = status or STATUS.get(reason, 400)
    if status == 410 and dead_since is not None:  # noqa: PLR2004 - an HTTP status
        content["timestamp"] = dead_since
    headers = (("apns-id", apns_id), ("content-type", "application/json"))
    return Answer(status, headers, orjson.dumps(content), reason)
