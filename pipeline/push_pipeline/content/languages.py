"""Text by language, `{"en": …, "de": …, "default": …}`, and which of them a locale chooses. Pure.

Languages are BCP 47 tags in any case; `_` is read as `-`. A locale chooses as RFC 4647, 3.4
("Lookup") does: `de-AT`, then `de`, then the default.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final, TypeGuard

from push_pipeline.errors import InvalidParameter

#: The key of what devices get whose locale is unknown, or has no text of its own.
DEFAULT: Final = "default"

#: Languages of one message. The stores of both systems know about fifty, some with regions.
LANGUAGES_MAX: Final = 100

_TAG: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")

#: What systems append to a locale: `en_US.UTF-8`, `de_DE@currency=EUR`.
_APPENDED: Final = re.compile(r"[.@].*", re.DOTALL)

#: Headers that are shown as text. In any other one an object is data, as it always was.
TEXT_HEADERS: Final = frozenset(
    (
        *(
            f"{system}-{name}"
            for system in ("ios", "osx")
            for name in ("alert", "alert-body", "alert-title", "alert-subtitle")
        ),
        *("android-content-title", "android-content-text", "android-summary-subtext"),
        *("android-ticker", "android-ticker-text", "web-title"),
    )
)


def choose(locale: str | None, languages: Collection[str]) -> str:
    """Return which of a message's languages a device's locale means, or DEFAULT."""
    for tag in _wider_and_wider(_canonical(_APPENDED.sub("", locale or ""))):
        if tag in languages:
            return tag
    return DEFAULT


def spoken_in(message: object, headers: Mapping[str, object]) -> tuple[str, ...]:
    """Return the languages, in order, in which a message or a header of it has a text of its own.

    Raises:
        InvalidParameter: a text by language has no default, or is wrong in another way.
    """
    by_language = [
        read_texts(name, value)
        for name, value in headers.items()
        if name in TEXT_HEADERS and isinstance(value, Mapping)
    ]
    if _is_by_language(message) or (by_language and _maps_languages(message)):
        by_language.append(read_texts("message", message, blank=False))
    tags = sorted({tag for texts in by_language for tag in texts} - {DEFAULT})
    if len(tags) > LANGUAGES_MAX:
        raise InvalidParameter(f"a message has at most {LANGUAGES_MAX} languages")
    return tuple(tags)


def message_in(language: str, message: object) -> object:
    """Return what a message says in a language; one that is not by language is the same in all."""
    return text_in(language, message) if _is_by_language(message) else message


def headers_in(language: str, headers: Mapping[str, object]) -> dict[str, object]:
    """Return headers with their texts in a language."""
    return {
        name: text_in(language, value) if name in TEXT_HEADERS else value
        for name, value in headers.items()
    }


def text_in(language: str, value: object) -> object:
    """Return the text that a language has; what is not by language is the same in all."""
    if not isinstance(value, Mapping):
        return value
    texts = {_canonical(tag): text for tag, text in value.items()}
    return next((texts[tag] for tag in _wider_and_wider(language) if tag in texts), texts[DEFAULT])


def read_texts(name: str, value: object, *, blank: bool = True) -> dict[str, str]:
    """Return texts by language under their canonical tags; `name` is what an error calls them.

    With `blank` a text may be empty. A message may not: without any text a push is another one.

    Raises:
        InvalidParameter: there is no `default`, a key is no language or comes twice, or a value
            is no text.
    """
    if not isinstance(value, Mapping) or DEFAULT not in value:
        raise InvalidParameter(f"{name}: a text by language needs the key {DEFAULT!r}")
    texts: dict[str, str] = {}
    for key, text in value.items():
        tag = _canonical(str(key))
        if tag in texts or not _is_language(key):
            raise InvalidParameter(f"{name}: {key!r} is no language, or it comes twice")
        if not isinstance(text, str) or not (text or blank):
            raise InvalidParameter(f"{name}: what it says in {key!r} must be a text")
        texts[tag] = text
    return texts


def looks_unfinished(message: object) -> bool:
    """Tell an object with several languages for keys and no default: all get it, as JSON."""
    return _maps_languages(message) and len(message) > 1 and DEFAULT not in message


def _is_by_language(value: object) -> TypeGuard[Mapping[str, str]]:
    """Tell texts by language from an object that is data: a message may be either."""
    return _maps_languages(value) and DEFAULT in value


def _maps_languages(value: object) -> TypeGuard[Mapping[str, str]]:
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(_is_language(key) and isinstance(text, str) for key, text in value.items())
    )


def _is_language(key: object) -> bool:
    return key == DEFAULT or (isinstance(key, str) and bool(_TAG.fullmatch(_canonical(key))))


def _canonical(tag: str) -> str:
    return tag.replace("_", "-").lower()


def _wider_and_wider(tag: str) -> Iterator[str]:
    """Yield a tag, then what is left of it without its last part, and so on."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
        if tag[-2:-1] == "-":  # a part of one letter says what kind the next one is
            tag = tag[:-2]
