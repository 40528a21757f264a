"""The alert of a Live Activity by the device's language, as other pushes have their texts. Pure."""

from collections.abc import Mapping
from typing import Any

from push_pipeline.content.languages import DEFAULT, LANGUAGES_MAX, read_texts, text_in
from push_pipeline.errors import InvalidParameter

Alert = Mapping[str, Any]


def languages_of(alert: Alert | None) -> tuple[str, ...]:
    """Return the languages, in order, in which an alert says something of its own.

    Raises:
        InvalidParameter: a text by language has no default, or is wrong in another way; or a text
            is empty.
    """
    if "" in (alert or {}).values():
        raise InvalidParameter("alert: an empty text says nothing")
    texts = [
        read_texts(f"alert: {name}", said, blank=False)
        for name, said in (alert or {}).items()
        if is_by_language(said)
    ]
    tags = sorted({tag for said in texts for tag in said} - {DEFAULT})
    if len(tags) > LANGUAGES_MAX:
        raise InvalidParameter(f"an alert has at most {LANGUAGES_MAX} languages")
    return tuple(tags)


def alert_in(language: str, alert: Alert | None) -> dict[str, Any] | None:
    """Return what an alert says in a language; keys of the app's own texts are as they are."""
    if alert is None:
        return None
    return {
        name: text_in(language, said) if is_by_language(said) else said
        for name, said in alert.items()
    }


def is_by_language(said: object) -> bool:
    """Tell texts by language from a key of the app's own texts, which has no default."""
    return isinstance(said, Mapping) and DEFAULT in said
