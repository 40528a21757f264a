"""How a notification looks on a phone, read from what the provider would be told; pure."""

from typing import Any, NamedTuple

from push_pipeline.platform import Platform
from push_pipeline.publishing.preview import Notification


class Shown(NamedTuple):
    """What a screen shows; all empty where the app alone knows what to do with it."""

    platform: str
    title: str
    subtitle: str
    text: str
    badge: str
    size: int
    limit: int


def on_screen(platform: Platform, one: Notification) -> Shown:
    """Return what a device of a platform shows."""
    read = _android if platform is Platform.ANDROID else _apple
    return Shown(platform.value, *read(one.body), one.size, one.limit)


def _apple(body: dict[str, Any]) -> tuple[str, str, str, str]:
    aps = body.get("aps", {})
    alert = aps.get("alert") or {}
    if isinstance(alert, str):
        alert = {"body": alert}
    words = (str(alert.get(name, "")) for name in ("title", "subtitle", "body"))
    title, subtitle, text = words
    return title, subtitle, text, str(aps.get("badge", ""))


def _android(body: dict[str, Any]) -> tuple[str, str, str, str]:
    message = body.get("message", {})
    said = message.get("notification") or message.get("android", {}).get("notification") or {}
    data = message.get("data") or {}
    title = said.get("title") or data.get("android-content-title", "")
    text = said.get("body") or data.get("android-content-text") or data.get("message", "")
    return str(title), str(data.get("android-summary-subtext", "")), str(text), ""
