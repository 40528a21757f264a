"""What delivery knows of a platform: a sender takes one rendered notification and many devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from pipeline.outcome import Verdict


class Target(NamedTuple):
    """One device of a batch, as the token query returns it."""

    device_key: int  # primary key of the device row
    token: str
    kind: str  # "apns", "token" (FCM registration token) or "fid" (Firebase installation id)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notification, rendered once per run and platform, without its target.

    `body` is the provider's JSON. For APNs it is complete; for FCM the sender puts the target
    in. `headers` are the provider's own (`apns-topic` comes from the credential, not from here).
    `expires_at` is epoch seconds, None where the message has no end.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    expires_at: int | None = None


class Sender(Protocol):
    """Sends through one credential of one app. Made after the fork, kept, closed at shutdown.

    `send` blocks until every target has its verdict, in the order of `targets`; it never raises
    for what a provider or the network does. `ids` are the notifications' ids, one per target,
    lower-case UUIDs, the same ones at every attempt.
    """

    def send(
        self, rendered: Rendered, targets: Sequence[Target], ids: Sequence[str]
    ) -> list[Verdict]:
        """Send one notification to many devices and return one verdict each."""
        ...

    def close(self) -> None:
        """Say GOAWAY and close every connection. A second call does nothing."""
        ...
