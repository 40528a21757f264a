"""Devices that were registered on purpose: where they belong, and what their users would see."""

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from push_workers.simulator.messages import Push

#: Messages without a collapse key that FCM keeps for an offline device.
_FCM_STORED = 100

#: What a token was given for: an app's pushes, for starting activities, or for one of them.
TokenKind = Literal["any", "device", "start", "activity"]


class Device(BaseModel):
    """A registration. Tokens that nobody registered are alive and fit every topic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: str
    provider: Literal["apns", "fcm", "webpush"] = "apns"
    environment: Literal["production", "sandbox"] = "production"
    #: With its push type's suffix, or the public key of a subscription; None: any.
    topic: str | None = None
    project: str | None = None  # FCM; None: any
    platform: Literal["ios", "android", "web"] = "android"  # FCM
    state: Literal["active", "dead", "expired"] = "active"
    dead_since: int | None = None  # epoch milliseconds
    online: bool = True
    kind: TokenKind = "any"  # what its token is for


class Shown(NamedTuple):
    """What stands in the notification list."""

    collapse: str
    payload: bytes


class Screen:
    """What a user sees, and what waits while the device is offline.

    APNs keeps one notification per bundle id, usually the newest; FCM keeps one per collapse key
    and a hundred without. A repeat with the same collapse id replaces the earlier one.
    """

    def __init__(self, stored_max: int) -> None:
        self._stored_max = stored_max
        self.shown: list[Shown] = []
        self.alerts = 0  # how often it rang, replaced ones included
        self.lost = 0  # stored ones that a newer one pushed out, or that expired
        self.activity: bytes | None = None  # the event that it shows, of the newest timestamp
        self.outdated = 0  # events that came behind a newer one, or beside it
        self._newest = -1
        self._stored: list[Push] = []

    def receive(self, push: Push, now: float, *, online: bool) -> None:
        """Show it, or store it if it may be stored."""
        if online:
            self._show(push)
        elif push.expires_at == 0 or (push.expires_at is not None and push.expires_at <= now):
            self.lost += 1
        else:
            self._store(push)

    def wake(self, now: float) -> None:
        """The device came online: what is stored and not expired arrives, oldest first."""
        for push in self._stored:
            if push.expires_at is None or push.expires_at > now:
                self._show(push)
            else:
                self.lost += 1
        self._stored.clear()

    def as_json(self) -> dict[str, Any]:
        """Return what the control API shows."""
        shown = [
            {"collapse": s.collapse, "payload": s.payload.decode("utf-8", "replace")}
            for s in self.shown
        ]
        return {
            "shown": shown,
            "alerts": self.alerts,
            "stored": len(self._stored),
            "lost": self.lost,
            "activity": self.activity and self.activity.decode("utf-8", "replace"),
            "outdated": self.outdated,
        }

    def _show_event(self, push: Push, timestamp: int) -> None:
        if timestamp > self._newest:
            self.activity, self._newest = push.payload, timestamp
        else:
            self.outdated += 1

    def _show(self, push: Push) -> None:
        if push.timestamp is not None:
            self._show_event(push, push.timestamp)
            return
        self.alerts += 1
        if push.collapse:
            self.shown = [s for s in self.shown if s.collapse != push.collapse]
        self.shown.append(Shown(push.collapse, push.payload))

    def _store(self, push: Push) -> None:
        if push.collapse:
            kept = [p for p in self._stored if p.collapse != push.collapse]
        else:
            kept = self._stored
        kept = [*kept, push]
        self.lost += max(0, len(kept) - self._stored_max)
        self._stored = kept[-self._stored_max :]


class Registry:
    """The registered devices and their screens, one per (token, topic)."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self._screens: dict[tuple[str, str], Screen] = {}

    def clear(self) -> None:
        """Forget all devices."""
        self.devices.clear()
        self._screens.clear()

    def register(self, device: Device, now: float) -> None:
        """Learn a device or change it; one that comes online gets what was stored."""
        self.devices[device.token] = device
        if device.online:
            for (token, _topic), screen in self._screens.items():
                if token == device.token:
                    screen.wake(now)

    def deliver(self, token: str, topic: str, push: Push, now: float) -> None:
        """Hand a processed push to a registered device; others have no screen."""
        device = self.devices.get(token)
        if device is None:
            return
        stored_max = 1 if device.provider == "apns" else _FCM_STORED
        screen = self._screens.setdefault((token, topic), Screen(stored_max))
        screen.receive(push, now, online=device.online)

    def show(self, token: str) -> dict[str, Any]:
        """Return the screens of one device by topic."""
        screens = self._screens.items()
        return {topic: screen.as_json() for (key, topic), screen in screens if key == token}
