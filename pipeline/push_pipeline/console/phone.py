"""How a notification looks on a phone, read from what the provider would be told; pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from push_pipeline.content.languages import DEFAULT
from push_pipeline.content.live_activity import by_language, document
from push_pipeline.content.values import compact_json, text_of
from push_pipeline.ledger.broadcasts import STORED_AS
from push_pipeline.options.activity import ActivityOptions
from push_pipeline.options.broadcast_channel import PAYLOAD_BYTES
from push_pipeline.platform import Platform
from push_pipeline.publishing.draft import Draft
from push_pipeline.publishing.preview import Notification, preview


class Shown(NamedTuple):
    """What a screen shows; all empty where the app alone knows what to do with it."""

    platform: str
    language: str  # empty: what those get whose language is not among the texts
    title: str
    subtitle: str
    text: str
    badge: str
    link: str  # that a click on it opens; of browsers alone
    size: int
    limit: int


class _Words(NamedTuple):
    """What a notification says."""

    title: str = ""
    subtitle: str = ""
    text: str = ""
    badge: str = ""
    link: str = ""


def phones(draft: Draft, style: str, *, sdk_copy: bool) -> list[Shown]:
    """Return what the devices of each platform show, in each language that a draft has."""
    if STORED_AS in draft.content:
        return [_broadcast(draft.content[STORED_AS]["event"], draft.now)]
    return [
        on_screen(platform, one, "" if language == DEFAULT else language)
        for language, content in by_language(draft.content).items()
        for platform, one in preview(
            replace(draft, content=dict(content)), style, sdk_copy=sdk_copy
        ).items()
    ]


def on_screen(platform: Platform, one: Notification, language: str = "") -> Shown:
    """Return what a device of a platform shows, in the default language or in one."""
    read = _READERS.get(platform, _apple)
    return Shown(platform.value, language, *read(one.body), one.size, one.limit)


def _broadcast(event: Mapping[str, Any], now: int) -> Shown:
    """Return what the activities are told that listen to a broadcast channel."""
    body = document(ActivityOptions.from_json(event), now // 1000)
    size = len(compact_json(body))
    return on_screen(Platform.IOS, Notification(size, PAYLOAD_BYTES, {}, body))


def _apple(body: dict[str, Any]) -> _Words:
    aps = body.get("aps", {})
    alert = aps.get("alert") or {}
    if isinstance(alert, str):
        alert = {"body": alert}
    title, subtitle, text = (str(alert.get(name, "")) for name in ("title", "subtitle", "body"))
    if "content-state" in aps:  # a Live Activity: what it looks like is the app's
        subtitle, text = f"Live Activity: {aps['event']}", text_of(aps["content-state"])
    return _Words(title, subtitle, text, str(aps.get("badge", "")))


def _android(body: dict[str, Any]) -> _Words:
    message = body.get("message", {})
    said = message.get("notification") or message.get("android", {}).get("notification") or {}
    data = message.get("data") or {}
    title = said.get("title") or data.get("android-content-title", "")
    text = said.get("body") or data.get("android-content-text") or data.get("message", "")
    if "activity_id" in data:
        return _Words("", f"Live Activity: {data['event']}", data.get("state", ""))
    return _Words(str(title), str(data.get("android-summary-subtext", "")), str(text))


def _web(body: dict[str, Any]) -> _Words:
    shown = body.get("notification") or {}
    title, text, link = (str(shown.get(name, "")) for name in ("title", "body", "navigate"))
    return _Words(title, "", text, str(body.get("app_badge", "")), link)


_READERS = {Platform.ANDROID: _android, Platform.WEB: _web}
