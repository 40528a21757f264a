"""Broadcast channels that exist at Apple, by bundle id; an id never comes back."""

import base64
from collections.abc import Mapping


class Channels:
    """The channels of all apps: id and storage policy."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, int]] = {}
        self._made = 0

    def clear(self) -> None:
        """Forget all channels; their ids stay used."""
        self._of.clear()

    def of(self, bundle: str) -> Mapping[str, int]:
        """Return the channels of an app: storage policy by id."""
        return self._of.get(bundle, {})

    def create(self, bundle: str, policy: int, most: int) -> str | None:
        """Make a channel and return its id; None where the app has as many as it may have."""
        mine = self._of.setdefault(bundle, {})
        if len(mine) >= most:
            return None
        self._made += 1
        channel_id = base64.b64encode(self._made.to_bytes(16, "big")).decode()
        mine[channel_id] = policy
        return channel_id

    def delete(self, bundle: str, channel_id: str) -> None:
        """Delete a channel."""
        self._of.get(bundle, {}).pop(channel_id, None)
