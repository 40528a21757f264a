"""Every answer that APNs documents or has been seen to give, and what follows from it."""

from push_pipeline.outcome import DeviceAction, Outcome, RouteAction, Settled

REJECTED = (Outcome.REJECTED, Settled.REJECTED, DeviceAction.KEEP, RouteAction.KEEP)
MISROUTED = (Outcome.MISROUTED, Settled.REJECTED, DeviceAction.QUARANTINE, RouteAction.KEEP)
GONE = (Outcome.GONE, Settled.REJECTED, DeviceAction.RETIRE, RouteAction.KEEP)
HELD = (Outcome.MISCONFIGURED, None, DeviceAction.KEEP, RouteAction.HOLD)
LATER = (Outcome.UNAVAILABLE, None, DeviceAction.KEEP, RouteAction.KEEP)
DEVICE_WAITS = (Outcome.THROTTLED, None, DeviceAction.KEEP, RouteAction.KEEP)
ROUTE_WAITS = (Outcome.THROTTLED, None, DeviceAction.KEEP, RouteAction.PAUSE)
ACCEPTED = (Outcome.ACCEPTED, Settled.ACCEPTED, DeviceAction.KEEP, RouteAction.KEEP)
UNKNOWN = (Outcome.UNKNOWN, None, DeviceAction.KEEP, RouteAction.KEEP)

ROWS = [
    (200, None, ACCEPTED),
    (400, "BadCollapseId", REJECTED),
    (400, "BadDeviceToken", MISROUTED),
    (400, "BadExpirationDate", REJECTED),
    (400, "BadMessageId", REJECTED),
    (400, "BadPriority", REJECTED),
    (400, "InvalidPushType", REJECTED),
    (400, "BadTopic", HELD),
    (400, "DeviceTokenNotForTopic", MISROUTED),
    (400, "DuplicateHeaders", REJECTED),
    (400, "IdleTimeout", LATER),
    (400, "MissingDeviceToken", REJECTED),
    (400, "MissingTopic", HELD),
    (400, "PayloadEmpty", REJECTED),
    (400, "TopicDisallowed", HELD),
    (403, "BadCertificate", HELD),
    (403, "BadCertificateEnvironment", HELD),
    (403, "ExpiredProviderToken", HELD),
    (403, "Forbidden", HELD),
    (403, "InvalidProviderToken", HELD),
    (403, "MissingProviderToken", HELD),
    (403, "UnrelatedKeyIdInToken", HELD),
    (403, "BadEnvironmentKeyIdInToken", HELD),
    (403, "BadEnvironmentKeyInToken", HELD),
    (404, "BadPath", REJECTED),
    (405, "MethodNotAllowed", REJECTED),
    (410, "Unregistered", GONE),
    (410, "ExpiredToken", GONE),
    (413, "PayloadTooLarge", REJECTED),
    (429, "TooManyRequests", DEVICE_WAITS),
    (429, "TooManyProviderTokenUpdates", ROUTE_WAITS),
    (500, "InternalServerError", LATER),
    (503, "ServiceUnavailable", LATER),
    (503, "Shutdown", LATER),
    # Reasons that nobody knows yet are judged by their status.
    (400, "BadMoonPhase", REJECTED),
    (403, "BadMoonPhaseInToken", HELD),
    (410, "BadMoonPhase", REJECTED),  # no listed evidence that the token is dead
    (429, "TooManyMoons", DEVICE_WAITS),
    (502, "BadMoonPhase", LATER),
    # A known reason under another status is no evidence either.
    (400, "Unregistered", REJECTED),
    (500, "BadDeviceToken", LATER),
    (202, "Unregistered", UNKNOWN),
]
