"""An activity's event as Apple's `liveactivity` push, and as data for an Android app.

Source of the rules: Apple, "Starting and updating Live Activities with ActivityKit push
notifications". The device shows the event of the newest `timestamp` whatever the order in which
they arrive, so a second copy of one changes nothing.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self

from push_pipeline.content.activity_alert import alert_in
from push_pipeline.content.badge import BadgeChange
from push_pipeline.content.content import Content
from push_pipeline.content.languages import DEFAULT
from push_pipeline.content.values import compact_json
from push_pipeline.field_warning import FieldWarning
from push_pipeline.options.activity import ActivityEvent, ActivityOptions
from push_pipeline.platform import Platform

PUSH_TYPE: Final = "liveactivity"

#: What the topic of such a push ends with, behind the app's bundle id.
TOPIC_SUFFIX: Final = ".push-type.liveactivity"

#: Where a message keeps its event.
STORED_AS: Final = "activity"

JsonObject = dict[str, object]


def document(activity: ActivityOptions, timestamp: int) -> JsonObject:
    """Build the whole APNs document; `timestamp` (epoch seconds) must rise for each activity.

    The same for a device and for a broadcast channel, which knows no start.
    """
    return {"aps": aps(activity, timestamp)}


def aps(activity: ActivityOptions, timestamp: int) -> JsonObject:
    """Build `aps`."""
    return {
        "timestamp": timestamp,
        "event": activity.event.value,
        **_present("content-state", _plain(activity.state)),
        **_start(activity),
        **_present("alert", _plain(activity.alert)),
        **_present("stale-date", _seconds(activity.stale_date)),
        **_present("dismissal-date", _seconds(activity.dismissal_date)),
        **_present("relevance-score", activity.relevance_score),
    }


def request_headers(activity: ActivityOptions, expires_at: int | None) -> dict[str, str]:
    """Return what APNs is told beside the document; `expires_at` is epoch seconds."""
    told = {"apns-push-type": PUSH_TYPE, "apns-priority": str(activity.urgency)}
    return told if expires_at is None else {**told, "apns-expiration": str(expires_at)}


def android_data(activity: ActivityOptions, timestamp: int, message_id: str) -> dict[str, str]:
    """Build the data map that an Android app makes its progress notification of.

    Values are texts; objects are JSON, times are epoch seconds.
    """
    said = {
        "activity_id": activity.activity_id,
        "event": activity.event.value,
        "timestamp": str(timestamp),
        **_json("state", activity.state),
        **_present("attributes_type", activity.attributes_type),
        **_json("attributes", None if activity.attributes is None else activity.app_attributes),
        **_json("alert", activity.alert),
        **_json("stale_date", _seconds(activity.stale_date)),
        **_json("dismissal_date", _seconds(activity.dismissal_date)),
        **_json("relevance_score", activity.relevance_score),
        "messageId": message_id,
    }
    return {name: str(value) for name, value in said.items()}


def collapse_key(activity_id: str) -> str:
    """Return the key by which FCM keeps only the newest event for an Android device."""
    return f"activity-{hashlib.sha256(activity_id.encode()).hexdigest()[:24]}"


def in_language(language: str, activity: ActivityOptions) -> ActivityOptions:
    """Return an event with its alert in a language."""
    return activity.model_copy(update={"alert": alert_in(language, activity.alert)})


def kept_in(language: str, activity: ActivityOptions) -> JsonObject:
    """Return what a message keeps of an event in a language: all in its default, then its alert."""
    said = in_language(language, activity).to_json()
    return {STORED_AS: said if language == DEFAULT else {"alert": said["alert"]}}


def by_language(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what a message says in each of its languages, the default first.

    Of an activity's event only what differs from the default was kept.
    """
    others = content.get("languages", {})
    if STORED_AS in content:
        event = content[STORED_AS]
        others = {tag: {STORED_AS: {**event, **said[STORED_AS]}} for tag, said in others.items()}
    return {DEFAULT: content, **others}


def eased(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message says of an event, at the priority that costs nothing of a budget."""
    return {**content, STORED_AS: {**content[STORED_AS], "priority": 5}}


@dataclass(frozen=True, slots=True)
class ActivityContent(Content):
    """What a push says that is an activity's event. Renders as any other content does."""

    activity: ActivityOptions = field(kw_only=True, repr=False)
    timestamp: int = field(kw_only=True)  # epoch seconds

    @classmethod
    def of(cls, activity: ActivityOptions, timestamp: int) -> Self:
        """Return an event's content."""
        headers = MappingProxyType({"android-collapse-key": collapse_key(activity.activity_id)})
        return cls("", "", headers, activity=activity, timestamp=timestamp)

    @classmethod
    def of_stored(cls, stored: Mapping[str, Any], due_at: int) -> Self:
        """Read back an event; one that waited for its time is as of that (epoch milliseconds)."""
        timestamp = stored.get("timestamp", due_at // 1000)
        said = {name: value for name, value in stored.items() if name != "timestamp"}
        return cls.of(ActivityOptions.from_json(said), timestamp)

    def warnings(self, platforms: object = ()) -> tuple[FieldWarning, ...]:  # noqa: ARG002
        """Name nothing: what has no place in an event is refused."""
        return ()

    def for_apple(self, platform: Platform, message_id: str) -> dict[str, object]:  # noqa: ARG002
        """Return the whole APNs document."""
        return document(self.activity, self.timestamp)

    def badge_change(self, platform: Platform) -> BadgeChange | None:  # noqa: ARG002
        """Return None: an activity has no badge."""
        return None

    def apple_headers(
        self,
        platform: Platform,  # noqa: ARG002
        collapse_id: str,  # noqa: ARG002 - the timestamp says which one is shown
        expires_at: int | None,
    ) -> dict[str, str]:
        """Return what APNs is told beside the document; `expires_at` is epoch seconds."""
        return request_headers(self.activity, expires_at)

    def for_android(self, message_id: str) -> dict[str, str]:
        """Return FCM's data map."""
        return android_data(self.activity, self.timestamp, message_id)

    def android_notification(self) -> dict[str, object] | None:
        """Return None: the app builds its progress notification."""
        return None

    @property
    def urgent_on_android(self) -> bool:
        """Whether FCM is to wake Android devices for it."""
        return self.activity.urgency == 10  # noqa: PLR2004 - Apple's own number


def _start(activity: ActivityOptions) -> JsonObject:
    if activity.event is not ActivityEvent.START:
        return {}
    channel = activity.input_push_channel
    listens: JsonObject = {"input-push-token": 1}
    if channel is not None:
        listens = {"input-push-channel": channel}
    return {
        "attributes-type": activity.attributes_type,
        "attributes": activity.app_attributes,
        **listens,
    }


def _present(name: str, value: object) -> JsonObject:
    return {} if value is None else {name: value}


def _json(name: str, value: object) -> JsonObject:
    plain = dict(value) if isinstance(value, Mapping) else value
    return {} if value is None else {name: compact_json(plain).decode()}


def _plain(value: Mapping[str, Any] | None) -> JsonObject | None:
    return None if value is None else dict(value)


def _seconds(at_ms: int | None) -> int | None:
    return None if at_ms is None else at_ms // 1000
