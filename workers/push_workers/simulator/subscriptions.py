"""Which registration subscribed to which topics."""

import datetime


class Subscriptions:
    """Registration -> topic -> since when (ISO 8601)."""

    def __init__(self) -> None:
        self._topics: dict[str, dict[str, str]] = {}

    def clear(self) -> None:
        """Forget all subscriptions."""
        self._topics.clear()

    def add(self, registration: str, topic: str) -> bool:
        """Subscribe; False where it was subscribed already."""
        topics = self._topics.setdefault(registration, {})
        if topic in topics:
            return False
        topics[topic] = datetime.datetime.now(datetime.UTC).isoformat()
        return True

    def remove(self, registration: str, topic: str) -> bool:
        """Unsubscribe; False where it was not subscribed."""
        return self._topics.get(registration, {}).pop(topic, None) is not None

    def of(self, registration: str) -> dict[str, str]:
        """Return the topics of a registration and since when."""
        return dict(self._topics.get(registration, {}))
