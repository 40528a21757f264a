"""What one message says on one platform, with places left for words of each device's user.

This is the form in which a push is frozen at publish: the variables of the push are filled, a
later change of its template changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Self

from push_pipeline.content import Content, measure
from push_pipeline.content.languages import TEXT_HEADERS
from push_pipeline.content.sizes import SOME_MESSAGE_ID, Oversize
from push_pipeline.errors import InvalidParameter
from push_pipeline.field_warning import FieldWarning
from push_pipeline.platform import Platform
from push_pipeline.template.smart_text import SmartText, check_length, fill

#: Headers that are read as a number or a switch, or that all devices of a request share.
_SHARED: Final = (
    frozenset(
        f"{system}-{name}"
        for system in ("ios", "osx")
        for name in (
            *("badge", "content-available", "mutable-content", "collapse-id"),
            *("interruption-level", "relevance-score", "raw", "sdk-copy", "push-type", "priority"),
        )
    )
    | {
        f"android-{name}"
        for name in (
            *("analytics-label", "collapse-key", "color", "delivery-priority", "direct-boot"),
            *("display", "notification-priority", "raw", "sticky", "ttl-seconds", "visibility"),
        )
    }
    | {
        f"web-{name}"
        for name in (
            *("actions", "badge", "mutable", "renotify", "require-interaction", "silent"),
            *("topic", "ttl-seconds", "urgency"),
        )
    }
)


#: Words of users: of them one or the other fits wherever any can, in a text, a count and a list.
_SOME_WORDS: Final = ("0", "[]")


@dataclass(frozen=True, slots=True)
class Wording:
    """A message and its headers; one that asks for a user's columns is a SmartText.

    `hidden` says that the text travels in the payload, but is not to be shown.
    """

    message: object
    headers: Mapping[str, object]
    hidden: bool = False

    @classmethod
    def fill(
        cls,
        message: object,
        headers: Mapping[str, object],
        values: Mapping[str, str],
        *,
        hidden: bool = False,
    ) -> Self:
        """Fill the variables of a message that is text, and of the headers that are.

        Raises:
            MissingParameter: a variable has no value; it is named.
            InvalidParameter: a variable is unknown, or is a user's where all devices share
                the header.
            PayloadTooLarge: all of it together is longer than any push may be.
        """
        said = _filled(message, values)
        filled: dict[str, object] = {}
        length = _length(said)
        for name, value in headers.items():
            filled[name] = _filled(value, values)
            length += _length(filled[name])
            check_length(length)
            if name in _SHARED and isinstance(filled[name], SmartText):
                raise InvalidParameter(f"{name} is the same for all devices: no {{Users.…}} in it")
        return cls(said, MappingProxyType(filled), hidden)

    @property
    def columns(self) -> tuple[str, ...]:
        """The users' columns that are asked for, each once, in order."""
        texts = [
            value
            for value in (self.message, *self.headers.values())
            if isinstance(value, SmartText)
        ]
        return tuple(dict.fromkeys(column for text in texts for column in text.columns))

    def needed(self, platform: Platform) -> frozenset[str]:
        """Return the columns of which one must have words: without any nothing is to be read.

        None are needed where some text of a notification stands by itself, and where the push
        has no text on purpose.
        """
        if self.hidden or not isinstance(self.message, SmartText):
            return frozenset()
        beginning = f"{platform.value.lower()}-"
        read = [
            self.headers[name]
            for name in self.headers
            if name.startswith(beginning) and (name in TEXT_HEADERS or name.endswith("loc-key"))
        ]
        texts = [text for text in (self.message, *read) if isinstance(text, SmartText)]
        fixed = [text for text in read if not isinstance(text, SmartText) and text != ""]
        if fixed or any(part.strip() for text in texts for part in text.parts[::2]):
            return frozenset()
        return frozenset(column for text in texts for column in text.columns)

    def content(self, words: Mapping[str, str]) -> Content:
        """Return the content with these words in the places of the users' columns.

        Raises:
            RequestError: as `Content.from_publish`.
        """
        headers = {name: _worded(value, words) for name, value in self.headers.items()}
        content = Content.from_publish(_worded(self.message, words), headers)
        return Content("", content.text, content.headers) if self.hidden else content

    def warnings(self, platform: Platform) -> list[FieldWarning]:
        """Name what of the headers has no effect on a platform, whatever a user's words are."""
        words = _SOME_WORDS if self.columns else ("",)
        contents = [self.content(dict.fromkeys(self.columns, word)) for word in words]
        first, *others = [content.warnings([platform]) for content in contents]
        return [one for one in first if all(one in other for other in others)]

    def to_json(self) -> dict[str, Any]:
        """Return what a JSON column keeps: the words for a reader, the parts for us."""
        places = {
            name: text.parts for name, text in self.headers.items() if isinstance(text, SmartText)
        }
        return {
            "message": _readable(self.message),
            "headers": {name: _readable(value) for name, value in self.headers.items()},
            "messageParts": self.message.parts if isinstance(self.message, SmartText) else None,
            "headerParts": places,
            "hidden": self.hidden,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read back what `to_json` gave."""
        own = {name: SmartText(tuple(parts)) for name, parts in stored["headerParts"].items()}
        parts = stored["messageParts"]
        message = SmartText(tuple(parts)) if parts else stored["message"]
        return cls(message, {**stored["headers"], **own}, stored["hidden"])


def freeze(wordings: Mapping[Platform, Wording]) -> dict[str, Any]:
    """Return what a message keeps of its wordings."""
    stored = {platform.value: wording.to_json() for platform, wording in wordings.items()}
    shown: dict[str, Any] = next(iter(stored.values()), {"message": None, "headers": {}})
    return {"message": shown["message"], "headers": shown["headers"], "wordings": stored}


def oversized_of(wordings: Mapping[Platform, Wording]) -> Oversize:
    """Return on which platforms a wording is too large, with its size and the limit.

    A personal one must fit with no words of a user at all; whether it fits with them is known
    when it is sent.

    Raises:
        RequestError: as `Content.from_publish`.
    """
    found = Oversize({}, {})
    for platform, wording in wordings.items():
        shortest = wording.content(dict.fromkeys(wording.columns, ""))
        found.add(measure(shortest, [platform], SOME_MESSAGE_ID))
    return found


def warnings_of(wordings: Mapping[Platform, Wording]) -> tuple[FieldWarning, ...]:
    """Name what of the wordings has no effect on their platforms."""
    found = [one for platform, wording in wordings.items() for one in wording.warnings(platform)]
    return tuple(dict.fromkeys(found))


def _filled(value: object, values: Mapping[str, str]) -> object:
    if not isinstance(value, str):
        return value
    text = fill(value, values)
    return text if text.columns else text.parts[0]


def _length(filled: object) -> int:
    parts = filled.parts if isinstance(filled, SmartText) else (filled,)
    return sum(len(part) for part in parts if isinstance(part, str))


def _worded(value: object, words: Mapping[str, str]) -> object:
    return value.with_words(words) if isinstance(value, SmartText) else value


def _readable(value: object) -> object:
    return str(value) if isinstance(value, SmartText) else value
