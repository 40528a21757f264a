"""Token prefixes with a meaning, for tests that set nothing up.

They are hexadecimal, so that they pass a client's own checks; an FCM token may begin with them
as well. A random token meets one of them once in about 7,000: begin yours with something else,
or switch `magic` off.
"""

from push_workers.simulator.rules import Action

#: Digits that decide.
PREFIX_DIGITS = 4

_APNS = {
    "dead": Action(reason="Unregistered"),
    "0410": Action(reason="ExpiredToken"),
    "bad0": Action(reason="BadDeviceToken"),
    "f00d": Action(reason="DeviceTokenNotForTopic"),
    "0429": Action(reason="TooManyRequests"),
    "0500": Action(reason="InternalServerError"),
    "0503": Action(reason="ServiceUnavailable"),
    "c0de": Action(cut="processed"),
}
_FCM = {
    "dead": Action(reason="UNREGISTERED"),
    "bad0": Action(reason="INVALID_ARGUMENT"),
    "f00d": Action(reason="SENDER_ID_MISMATCH"),
    "0429": Action(reason="QUOTA_EXCEEDED", retry_after=1),
    "0500": Action(reason="INTERNAL"),
    "0503": Action(reason="UNAVAILABLE", retry_after=1),
    "c0de": Action(cut="processed"),
}
_WEBPUSH = {
    "dead": Action(reason="Gone"),
    "0410": Action(reason="Gone"),
    "bad0": Action(reason="NoSubscription"),
    "f00d": Action(reason="KeyMismatch"),
    "0429": Action(reason="TooMany", retry_after=1),
    "0500": Action(reason="Error"),
    "0503": Action(reason="Down", retry_after=1),
    "c0de": Action(cut="processed"),
}
_TABLES = {"apns": _APNS, "fcm": _FCM, "webpush": _WEBPUSH}
_SLOW = "51de"


def action(provider: str, token: str, slow_seconds: float) -> Action | None:
    """Return what the token's prefix asks for, None where it asks for nothing."""
    prefix = token[:PREFIX_DIGITS].lower()
    if prefix == _SLOW:
        return Action(delay=slow_seconds)
    return _TABLES[provider].get(prefix)
