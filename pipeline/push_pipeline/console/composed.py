"""The form of a push, and the draft that it means."""

from itertools import zip_longest
from typing import Any

from pydantic import BaseModel, Field

from push_pipeline.content.languages import DEFAULT
from push_pipeline.errors import InvalidParameter
from push_pipeline.options import DeliveryOptions
from push_pipeline.publishing.dedupe import key_of_host
from push_pipeline.publishing.draft import Draft, draft_message, to_users

#: The headers that a title is.
_TITLES = ("ios-alert-title", "osx-alert-title", "android-content-title", "web-title")


class Composed(BaseModel):
    """The form, as it came. Times are by UTC, or by each device's own clock."""

    once: str = Field("", max_length=100)  # the form's own; two clicks on it send one message
    channel: str = Field("", max_length=200)
    title: str = Field("", max_length=2_000)
    text: str = Field("", max_length=4_000)
    link: str = Field("", max_length=2_000)  # of browsers: what a click opens
    push_type: str = Field("", max_length=20)
    language: list[str] = Field(default_factory=list, max_length=20)
    words: list[str] = Field(default_factory=list, max_length=20)
    segment: str = Field("", max_length=4_000)
    users: str = Field("", max_length=40_000)
    system: str = Field("ALL", max_length=20)
    at: str = Field("", max_length=40)
    clock: str = Field("utc", max_length=10)
    every: str = Field("", max_length=20)
    until: str = Field("", max_length=40)
    lifetime: str = Field("", max_length=20)
    canary: str = Field("", max_length=10)

    def draft(self, now: int) -> Draft:
        """Check all of it; `now` is epoch milliseconds.

        Raises:
            RequestError: a typed error that names what is wrong.
        """
        users = self.users.replace(",", " ").split() or None
        return draft_message(
            self.channel.strip() or None,
            self._message(),
            {"headers": headers} if (headers := self._headers()) else None,
            to_users(self._delivery(), users),
            dedupe_key=key_of_host(f"console:{self.once}" if self.once else None),
            now=now,
        )

    def fields(self) -> list[tuple[str, str]]:
        """Return the form as names and values, for a page that asks once more."""
        alone = self.model_dump(exclude={"language", "words"})
        listed = [
            pair for row in self.pairs for pair in zip(("language", "words"), row, strict=True)
        ]
        return [*alone.items(), *listed]

    @property
    def is_blank(self) -> bool:
        """Whether nothing was written that a push could be made of."""
        return not (self.text.strip() or self.push_type)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The texts in other languages: a language and its words."""
        return list(zip_longest(self.language, self.words, fillvalue=""))

    def _headers(self) -> dict[str, str]:
        titles = dict.fromkeys(_TITLES, self.title) if self.title else {}
        return {**titles, "web-link": self.link} if self.link else titles

    def _message(self) -> Any:
        if self.is_blank:
            raise InvalidParameter("write a text")
        others = {
            language.strip(): words
            for language, words in zip(self.language, self.words, strict=False)
            if language.strip() and words.strip()
        }
        return {**others, DEFAULT: self.text} if others else self.text

    def _delivery(self) -> DeliveryOptions:
        local = self.at and self.clock == "local"
        said: dict[str, Any] = {
            "push_broadcast": self.system,
            "push_type": self.push_type,
            "segment_query": self.segment,
            "publish_at": None if local else _moment(self.at),
            "publish_at_local": self.at if local else None,
            "repeat_every": self.every,
            "repeat_expires_at": _moment(self.until),
            "ttl": self.lifetime,
            "canary": self.canary,
        }
        return DeliveryOptions.of({name: value for name, value in said.items() if value})


def _moment(text: str) -> str | None:
    """Return what a browser's field for date and time means, which is UTC here."""
    return f"{text}Z" if text else None
