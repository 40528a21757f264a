"""Content as FCM takes it: the message that all devices of a run share, without its target.

Source of the rules: Firebase, reference of `projects.messages` (Message, AndroidConfig).
"""

import json
from dataclasses import replace

from google.auth.credentials import AnonymousCredentials
from pyfcm import FCMNotification

from push_pipeline.content import Content, android, compact_json
from push_pipeline.content.fcm_message import android_config
from push_pipeline.content.live_activity import ActivityContent
from push_pipeline.content.raw import merged
from push_pipeline.content.values import text_of
from push_pipeline.platform import Platform
from push_workers.senders.base import Rendered

#: How every message begins; the target goes right after it.
_HEAD = b'{"message":{'

#: How one for iOS begins; an activity's token goes right after it.
_APNS_HEAD = b'{"message":{"apns":{'


_NO_SENDING = "messages are sent by push_workers.senders.fcm.sender alone"


class PayloadBuilder(FCMNotification):  # type: ignore[misc]  # pyfcm has no types
    """pyfcm's builder of messages, with its way of sending closed.

    pyfcm posts a message again up to ten times after a timeout or a lost connection, although
    the first may have been accepted, and sleeps in the caller meanwhile. Here nothing but
    `parse_payload` works.
    """

    def __init__(self) -> None:
        super().__init__(credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]  # google-auth

    @property
    def requests_session(self) -> object:
        """Refuse: every way of pyfcm to send one message begins here."""
        raise NotImplementedError(_NO_SENDING)

    def request_headers(self) -> dict[str, str]:
        """Refuse: its way to send many begins here."""
        raise NotImplementedError(_NO_SENDING)


_BUILDER = PayloadBuilder()


def render(
    content: Content,
    platform: Platform,
    *,
    message_id: str,
    collapse_id: str,
    expires_at: int | None,
    now: float,
) -> Rendered:
    """Render for Android, or for iOS in FCM's `apns` block; see `push_workers.senders.base.Render`.

    On iOS it is what APNs would get; FCM adds the topic. On Android only a publisher's own
    `android-collapse-key` becomes FCM's: FCM keeps four keys per device ("About FCM messages",
    collapsible messages), so a key per run would drop other pushes. Without one a second copy
    would be shown twice.
    """
    if isinstance(content, ActivityContent) and platform is not Platform.ANDROID:
        return _live_activity(content, platform, message_id, expires_at)
    if platform is not Platform.ANDROID:
        block: dict[str, object] = {
            "headers": content.apple_headers(platform, collapse_id, expires_at),
            "payload": content.for_apple(platform, message_id),
        }
        if picture := content.headers.get("ios-rich-media-url"):
            block["fcm_options"] = {"image": text_of(picture)}  # where Firebase's own code looks
        body = compact_json({"message": {"apns": block}})
        return _rendered(body, platform, expires_at, collapsible=True)
    body = _BUILDER.parse_payload(
        data_payload=content.for_android(message_id),
        android_config=android_config(content, expires_at, now),
    )
    if raw := android.raw_patch(content.headers):
        body = compact_json({"message": merged(json.loads(body)["message"], raw)})
    collapsible = android.collapse_key(content.headers) is not None
    return _rendered(body, platform, expires_at, collapsible=collapsible)


def _live_activity(
    content: ActivityContent, platform: Platform, message_id: str, expires_at: int | None
) -> Rendered:
    """Render an activity's event for iOS: FCM says the topic and the push type itself."""
    headers = content.apple_headers(platform, "", expires_at)
    del headers["apns-push-type"]
    block = {"headers": headers, "payload": content.for_apple(platform, message_id)}
    body = compact_json({"message": {"apns": block}})
    rendered = _rendered(body, platform, expires_at, collapsible=True)
    return replace(rendered, live_token_at=len(_APNS_HEAD))


def _rendered(
    body: bytes, platform: Platform, expires_at: int | None, *, collapsible: bool
) -> Rendered:
    return Rendered(
        body,
        platform,
        {"content-type": "application/json"},
        expires_at,
        collapsible=collapsible,
        target_at=len(_HEAD),
    )
