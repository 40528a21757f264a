"""What delivery knows of a platform: a sender takes one rendered notification and many devices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar, overload

from push_pipeline.content import Content
from push_pipeline.outcome import Verdict
from push_pipeline.platform import Platform
from push_workers.senders.verdicts import Made, Verdicts

Value = TypeVar("Value")


class Ids(Made[str]):
    """The ids of one run's notifications: what all begin with, and the rest of each.

    Neither is made before somebody asks, and whole ids only for who asks for one.
    """

    def __init__(self, size: int, parts: Callable[[], tuple[bytes, Sequence[bytes]]]) -> None:
        super().__init__(size, self._whole)
        self._make_parts = parts

    @cached_property
    def parts(self) -> tuple[bytes, Sequence[bytes]]:
        """What all begin with, and the rest of each."""
        return self._make_parts()

    def _whole(self) -> list[str]:
        start, rests = self.parts
        return [(start + rest).decode() for rest in rests]


class Target(NamedTuple):
    """One device of a batch, as the token query returns it."""

    device_key: int  # primary key of the device row
    token: str
    kind: str  # "apns", "token" (FCM registration token) or "fid" (Firebase installation id)
    live_token: str | None = None  # beside it, where FCM hands an activity's event to Apple

    def __repr__(self) -> str:
        return f"Target(device_key={self.device_key}, kind={self.kind!r})"


def _at(places: Sequence[int], column: Sequence[Value]) -> Sequence[Value]:
    return [column[n] for n in places] if column else ()


class Targets(Sequence[Target]):
    """Devices as parallel columns: nearly always all that is asked for is their tokens.

    `kind` is that of all; of several kinds it is empty, and `kinds` has one for each. `lives` are
    the live tokens, if there are any.
    """

    __slots__ = ("keys", "kind", "kinds", "lives", "tokens")

    def __init__(
        self,
        keys: Sequence[int],
        tokens: Sequence[str],
        kind: str = "",
        kinds: Sequence[str] = (),
        lives: Sequence[str | None] = (),
    ) -> None:
        self.keys, self.tokens, self.kind, self.kinds, self.lives = keys, tokens, kind, kinds, lives

    @classmethod
    def of(cls, targets: Sequence[Target]) -> "Targets":
        """Take targets that were made one by one, or these as they are."""
        if isinstance(targets, Targets):
            return targets
        if not targets:
            return cls((), ())
        keys, tokens, kinds, lives = (list(column) for column in zip(*targets, strict=True))
        return cls(keys, tokens, "", kinds, lives)

    def only(self, places: Sequence[int]) -> "Targets":
        """Return those at some places."""
        keys, tokens = _at(places, self.keys), _at(places, self.tokens)
        return Targets(keys, tokens, self.kind, _at(places, self.kinds), _at(places, self.lives))

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, at: int) -> Target: ...

    @overload
    def __getitem__(self, at: slice) -> "Targets": ...

    def __getitem__(self, at: int | slice) -> "Target | Targets":
        if isinstance(at, slice):
            return self.only(range(len(self))[at])
        kind = self.kind or self.kinds[at]
        return Target(self.keys[at], self.tokens[at], kind, self.lives[at] if self.lives else None)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notification, rendered once per run and platform, without its target.

    `body` is the provider's JSON. For APNs it is complete; for FCM the sender puts the target
    in at `target_at` (bytes from the start), and an activity's token, where Apple gets an event of
    one, at `live_token_at`. `headers` are the provider's own (`apns-topic`
    comes from the credential, not from here). `expires_at` is epoch seconds: None where the
    message has no end, 0 where it is to be delivered now or never.

    `collapsible` says that a second copy replaces the first on the device, so that sending
    again after an unknown outcome shows nothing twice.
    """

    body: bytes = field(repr=False)
    platform: Platform
    headers: Mapping[str, str] = field(default_factory=dict)
    expires_at: int | None = None
    collapsible: bool = False
    target_at: int | None = None
    live_token_at: int | None = None

    def is_over(self, now: float) -> bool:
        """Tell whether the message's lifetime has ended. `now` is epoch seconds."""
        return self.expires_at is not None and 0 < self.expires_at <= now


class Render(Protocol):
    """Turns content into a platform's notification. Pure; the same for every platform.

    `collapse_id` is the stable id of the run (at most 64 bytes of ASCII): where the publisher
    chose none, a second copy of the run replaces the first. `expires_at` and `now` are epoch
    seconds. Render each batch anew: FCM counts a lifetime from `now`.
    """

    def __call__(
        self,
        content: Content,
        platform: Platform,
        *,
        message_id: str,
        collapse_id: str,
        expires_at: int | None,
        now: float,
    ) -> Rendered:
        """Return the notification for this platform."""
        ...


#: Told the first answer that asks everybody who sends through the route to wait.
OnPause = Callable[[Verdict], None]


class Sender(Protocol):
    """Sends through one credential of one app. Made after the fork, kept, closed at shutdown.

    `send` blocks until every target has its verdict, in the order of `targets`; it never raises
    for what a provider or the network does. `ids` are the notifications' ids, one per target,
    lower-case UUIDs, the same ones at every attempt; who sends none does not look at them, and
    they are not made. `bodies`, one per target, stand in place
    of `rendered.body` where devices get different words; `target_at` is the same in all. From
    the first answer that asks everybody to wait nothing more is sent: `on_pause` is told of it
    while the answers to what was on its way still come.
    """

    def send(
        self,
        rendered: Rendered,
        targets: Sequence[Target],
        ids: Sequence[str],
        bodies: Sequence[bytes] | None = None,
        on_pause: OnPause | None = None,
    ) -> Verdicts:
        """Send one notification to many devices and return one verdict each."""
        ...

    def try_out(self) -> str | None:
        """Connect, and sign in where that is a call of its own; return why not. Pushes nothing."""
        ...

    def close(self) -> None:
        """Say GOAWAY and close every connection. A second call does nothing."""
        ...


class Broadcaster(Protocol):
    """Sends to a channel of the provider's instead of to devices."""

    def broadcast(self, headers: Mapping[str, str], body: bytes) -> Verdict:
        """Send one request; its audience is unknown."""
        ...
