"""The form of a push to a broadcast channel of Apple's, and the event that it tells."""

from typing import Any

import orjson
from pydantic import BaseModel, Field

from push_pipeline.errors import InvalidParameter
from push_pipeline.options import DeliveryOptions
from push_pipeline.options.activity import ActivityOptions
from push_pipeline.publishing.dedupe import DedupeKey, key_of_host


class Told(BaseModel):
    """The form, as it came. Times are by UTC."""

    once: str = Field("", max_length=100)  # the form's own; two clicks on it send one request
    environment: str = Field("", max_length=20)
    name: str = Field("", max_length=1_100)
    event: str = Field("update", max_length=10)
    state: str = Field("", max_length=8_000)
    title: str = Field("", max_length=1_000)
    text: str = Field("", max_length=2_000)
    priority: str = Field("", max_length=2)
    stale: str = Field("", max_length=40)
    dismissal: str = Field("", max_length=40)
    kept: str = Field("", max_length=20)
    at: str = Field("", max_length=40)

    def said(self) -> ActivityOptions:
        """Return the event.

        Raises:
            RequestError: a typed error that names what is wrong.
        """
        alert = {"title": self.title, "body": self.text}
        return ActivityOptions(
            activity_id=self.name,
            event=self.event,
            state=self._state(),
            alert={name: words for name, words in alert.items() if words} or None,
            priority=self.priority or None,
            stale_date=_moment(self.stale),
            dismissal_date=_moment(self.dismissal),
        )

    def to(self) -> DeliveryOptions:
        """Return when it is sent."""
        return DeliveryOptions(publish_at=_moment(self.at))

    @property
    def ttl(self) -> int | None:
        """For how many seconds Apple may keep it; None where nothing was chosen.

        Raises:
            InvalidParameter: it is no number.
        """
        if self.kept and not (self.kept.isascii() and self.kept.isdecimal()):
            raise InvalidParameter("ttl is a number of seconds")
        return int(self.kept) if self.kept else None

    @property
    def dedupe_key(self) -> DedupeKey | None:
        """What makes two clicks one message."""
        return key_of_host(f"console:{self.once}" if self.once else None)

    def _state(self) -> Any:
        if not self.state.strip():
            return None
        try:
            return orjson.loads(self.state)
        except orjson.JSONDecodeError as wrong:
            raise InvalidParameter(f"state is no JSON: {wrong}") from None


def _moment(text: str) -> str | None:
    """Return what a browser's field for date and time means, which is UTC here."""
    return f"{text}Z" if text else None
