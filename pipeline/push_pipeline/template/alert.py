"""A push template as the alert of a Live Activity: its title, its message and its sound. Pure."""

from collections.abc import Mapping
from typing import Any

from push_pipeline.errors import InvalidParameter
from push_pipeline.template.smart_text import fill
from push_pipeline.template.stored import PushTemplate


def alert_of(template: PushTemplate, values: Mapping[str, str]) -> dict[str, Any]:
    """Fill a template as an alert, texts by language stay so; without a title the message is it.

    Whom the template is for, and the rest of its look, have no place in an alert.

    Raises:
        MissingParameter: a variable has no value; it is named.
        InvalidParameter: it shows nothing, or says words of each device's user.
    """
    options = template.options
    title = options.ios.alert_title or options.android.content_title
    said = {"title": title, "body": template.message} if title else {"title": template.message}
    if not all(said.values()) or options.ios.content_available:
        raise InvalidParameter("a template that shows nothing is no alert")
    alert = {name: _filled(text, values) for name, text in said.items()}
    sound = options.ios.sound
    return alert if sound is None else {**alert, "sound": sound}


def _filled(
    text: str | Mapping[str, str] | None, values: Mapping[str, str]
) -> str | dict[str, str]:
    if isinstance(text, Mapping):
        return {language: _fill(one, values) for language, one in text.items()}
    return _fill(text or "", values)


def _fill(text: str, values: Mapping[str, str]) -> str:
    filled = fill(text, values)
    if filled.columns:
        raise InvalidParameter("an activity's alert is the same for all: no {Users.…} in it")
    return filled.parts[0]
