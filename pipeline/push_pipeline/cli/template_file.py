"""Stored templates as they come: a JSON document, or a list of them."""

from pathlib import Path
from typing import Any

from push_pipeline.directory.templates import CHANNEL, PUSH, Kind, buttons_for
from push_pipeline.errors import InvalidParameter
from push_pipeline.options.json_values import parse_json
from push_pipeline.platform import Platform


def read_templates(file: Path, kind: str) -> list[tuple[Kind[Any], Any]]:
    """Return the templates of a file, each with the kind that it is of.

    Raises:
        InvalidParameter: the file cannot be read, or the kind is unknown.
        RequestError: a template is wrong.
    """
    return [(one := _kind(kind, body), one.read(body)) for body in _bodies(file)]


def _bodies(file: Path) -> list[Any]:
    try:
        content = parse_json(str(file), file.read_bytes())
    except OSError as error:
        raise InvalidParameter(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as wrong:
        raise InvalidParameter(f"{file} is not JSON: {wrong}") from None
    return content if isinstance(content, list) else [content]


def _kind(word: str, body: Any) -> Kind[Any]:
    if word == "button":
        system = str(body.get("platform", "")) if isinstance(body, dict) else ""
        if system not in Platform.__members__:
            raise InvalidParameter("a button template's platform is IOS, ANDROID, OSX or WEB")
        return buttons_for(Platform(system))
    kinds: dict[str, Kind[Any]] = {"push": PUSH, "channel": CHANNEL}
    if word not in kinds:
        raise InvalidParameter(f"--kind {word!r} is unknown: use push, button or channel")
    return kinds[word]
