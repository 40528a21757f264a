"""Content as FCM's message for Android, without its target.

Source of the rules: Firebase, reference of `projects.messages` (Message, AndroidConfig).
"""

from push_pipeline.content import android
from push_pipeline.content.content import Content
from push_pipeline.content.raw import merged

JsonObject = dict[str, object]


def android_message(
    content: Content, message_id: str, expires_at: int | None, now: float
) -> JsonObject:
    """Return the whole message; `expires_at` and `now` are epoch seconds."""
    said: JsonObject = {
        "data": content.for_android(message_id),
        "android": android_config(content, expires_at, now),
    }
    return merged(said, android.raw_patch(content.headers))


def android_config(content: Content, expires_at: int | None, now: float) -> JsonObject:
    """Return how FCM is to deliver it; what `android-raw` says is merged in later."""
    config: JsonObject = {
        "priority": "HIGH" if content.urgent_on_android else "NORMAL",
        "ttl": f"{_lifetime(content, expires_at, now)}s",
    }
    if (key := android.collapse_key(content.headers)) is not None:
        config["collapse_key"] = key
    if android.is_for_locked_device(content.headers):
        config["direct_boot_ok"] = True
    if (label := android.analytics_label(content.headers)) is not None:
        config["fcm_options"] = {"analytics_label": label}
    if (notification := content.android_notification()) is not None:
        config["notification"] = notification
    return config


def _lifetime(content: Content, expires_at: int | None, now: float) -> int:
    """Return the seconds that FCM may keep it: what is left of the message's, or less if asked."""
    most = android.LONGEST_LIFE_SECONDS
    left = most if expires_at is None else max(0, int(expires_at - now))
    asked = android.ttl_seconds(content.headers)
    return min(left, most, most if asked is None else asked)
