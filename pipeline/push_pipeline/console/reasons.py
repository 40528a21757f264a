"""What the providers' words mean, and what to do about them; pure.

After Apple's "Handling notification responses from APNs" and "Sending broadcast push notification
requests to APNs", Google's "FCM error codes" and Mozilla's "Autopush: error codes".
"""

from typing import NamedTuple


class Meaning(NamedTuple):
    """What a reason means, and what helps."""

    says: str
    help: str


_CREDENTIAL = Meaning(
    "The provider does not take the credential, or not for this.",
    "Nobody is put out of service for it. push-pipeline doctor --live tries the credential.",
)
_TROUBLE = Meaning(
    "The provider had a trouble of its own, or was too busy.", "Nothing: it is tried again."
)
_MALFORMED = Meaning(
    "The provider takes the request for malformed.", "Look at the options of the message."
)
_UNSUBSCRIBED = Meaning(
    "The browser has ended its subscription.",
    "Nothing. The device is retired until its page subscribes again.",
)
_NO_CHANNEL = Meaning(
    "Apple has this broadcast channel no more, and its id never comes back.",
    "push-pipeline broadcast-channel list --at-apple; then delete and create it anew.",
)


def _all(meaning: Meaning, *reasons: str) -> dict[str, Meaning]:
    return dict.fromkeys(reasons, meaning)


_MEANINGS = {
    **_all(
        _CREDENTIAL,
        *("BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken"),
        *("BadEnvironmentKeyInToken", "Forbidden", "MissingProviderToken", "MissingTopic"),
        *("BadTopic", "UnrelatedKeyIdInToken", "BadJwtToken", "ExpiredJwtToken"),
        *("MissingJwtToken", "APNS_AUTH_ERROR", "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"),
        *("PERMISSION_DENIED", "SERVICE_DISABLED", "NOT_FOUND"),
        *("Status401", "Status403", "Errno109"),
    ),
    **_all(
        _TROUBLE,
        *("IdleTimeout", "InternalServerError", "ServiceUnavailable", "Shutdown"),
        *("TooManyProviderTokenUpdates", "UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED"),
        *("DEADLINE_EXCEEDED", "ABORTED", "RATE_LIMIT_EXCEEDED", "UNKNOWN", "UNSPECIFIED_ERROR"),
        *("Status429", "Status500", "Status502", "Status503", "Status504"),
        *("Errno201", "Errno202", "Errno900", "Errno901", "Errno902", "Errno903"),
    ),
    **_all(
        _MALFORMED,
        *("BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "BadPath"),
        *("InvalidPushType", "DuplicateHeaders", "MissingDeviceToken", "PayloadEmpty"),
        *("MethodNotAllowed", "BadTtl", "FAILED_PRECONDITION", "Status400"),
        *(f"Errno{number}" for number in (101, 104, 107, 108, *range(110, 117))),
    ),
    **_all(_UNSUBSCRIBED, "Gone", "Status410", "Errno102", "Errno103", "Errno105", "Errno106"),
    **_all(_NO_CHANNEL, "ChannelNotRegistered", "BadChannelId", "the channel is gone"),
    "Status404": Meaning(
        "The provider knows no such address; of a browser: it has ended its subscription.",
        "Nothing. The device is retired until its page subscribes again.",
    ),
    "FeatureNotEnabled": Meaning(
        "The app may not use broadcast channels.",
        "Switch the capability on at developer.apple.com, for the app's bundle id.",
    ),
    "TopicMismatch": Meaning(
        "The broadcast channel belongs to another app than the credential.",
        "Compare the topic of the credential with the app's bundle id.",
    ),
    "Superseded": Meaning(
        "A newer state of the Live Activity was there before this one was sent.",
        "Nothing: what is missing was outdated.",
    ),
    "MalformedToken": Meaning(
        "What the device was registered with is no token, and was not sent.",
        "Compare what the app sends as its token with what its system gave it.",
    ),
    "Unregistered": Meaning(
        "The app was removed from the device, or it does not take pushes any more.",
        "Nothing. The device is retired until the app registers it again.",
    ),
    "BadDeviceToken": Meaning(
        "The token is none, or belongs to the other APNs environment.",
        "Development builds have tokens of the sandbox: register them with that environment.",
    ),
    "DeviceTokenNotForTopic": Meaning(
        "The token belongs to another app than the credential's topic.",
        "Compare the topic of the credential with the app's bundle id.",
    ),
    "ExpiredToken": Meaning(
        "The device token has expired.", "Nothing. The app registers a new one when it is opened."
    ),
    "ExpiredProviderToken": Meaning(
        "The signature shown to Apple is older than an hour.", "Check this machine's clock."
    ),
    "InvalidProviderToken": Meaning(
        "Apple does not accept the key.", "Check key id and team id: push-pipeline doctor --live"
    ),
    "TopicDisallowed": Meaning(
        "The key may not push to this topic.", "Check the topic of the credential."
    ),
    "PayloadTooLarge": Meaning(
        "The notification is larger than the provider takes.", "Shorten it; words of users count."
    ),
    "TooManyRequests": Meaning(
        "Too many pushes to the same device in a row.", "Nothing: it is tried again more slowly."
    ),
    "UNREGISTERED": Meaning(
        "The app was removed from the device, or its data was cleared.",
        "Nothing. The device is retired until the app registers it again.",
    ),
    "SENDER_ID_MISMATCH": Meaning(
        "The token belongs to another Firebase project.",
        "Compare the project of the service account with the app's google-services.json.",
    ),
    "INVALID_ARGUMENT": Meaning(
        "Firebase takes the token or the message for malformed.",
        "If it is many devices, look at the options of the message; if few, at their tokens.",
    ),
    "QUOTA_EXCEEDED": Meaning(
        "The project's quota is used up.", "Nothing: it is sent later. Ask Google for more."
    ),
    "THIRD_PARTY_AUTH_ERROR": Meaning(
        "Firebase has no valid APNs key for this iPhone.", "Upload one in the Firebase console."
    ),
    "VapidKeyMismatch": Meaning(
        "The browser subscribed with another key than the one that the app has now.",
        "Its page has to subscribe again, with the app's public key.",
    ),
    "PushServiceNotAllowed": Meaning(
        "The browser's push service is not among those that are allowed.",
        "Allow it: PIPELINE_WEBPUSH_HOSTS",
    ),
    "PrivateAddress": Meaning(
        "The push service's name leads to an address that is not public: nobody connects there.",
        "If it is yours, name it with its port: PIPELINE_WEBPUSH_HOSTS",
    ),
    "EmptyText": Meaning(
        "With its user's words nothing would be left to show.",
        "Give the template a text for users without these columns.",
    ),
    "NotRegistered": Meaning("The device was unregistered before it was sent to.", "Nothing."),
    "NoCredential": Meaning(
        "The app has no credential for this platform or environment.",
        "Store one: push-pipeline app credentials",
    ),
    "BadCredential": Meaning(
        "The stored credential cannot be used.", "push-pipeline doctor names it."
    ),
    "Abandoned": Meaning(
        "Every attempt was lost with its worker.",
        "Look at the workers' logs: something kills them.",
    ),
    "Expired": Meaning(
        "It could not be sent within the message's lifetime.",
        "Give messages a longer ttl, or add workers if they wait for one.",
    ),
    "ByOperator": Meaning(
        "Somebody has put the device out of service.",
        "Take it back into service here; or the app registers it again.",
    ),
    "Cancelled": Meaning("The message was cancelled before it was sent.", "Nothing."),
    "Timeout": Meaning(
        "The provider did not answer in time: it may have arrived.",
        "The policy for unknown outcomes decides whether it is sent again.",
    ),
    "ConnectionLost": Meaning(
        "The connection broke before the answer: it may have arrived.",
        "The policy for unknown outcomes decides whether it is sent again.",
    ),
    "WorkerLost": Meaning(
        "A worker was killed while it was sending: it may have arrived.",
        "The policy for unknown outcomes decides whether it is sent again.",
    ),
}

_UNKNOWN = Meaning("The provider's word, kept as it came.", "See the provider's documentation.")


def meaning_of(reason: str) -> Meaning:
    """Return what a reason means."""
    return _MEANINGS.get(reason.partition(":")[0].strip(), _UNKNOWN)
