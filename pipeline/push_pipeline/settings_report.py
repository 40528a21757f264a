"""What is said about settings: a line for each wrong one, and the table in the README."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

PREFIX: Final = "PIPELINE_"

#: Names with our prefix that others set: Azure Pipelines exports this one to every build.
FOREIGN_NAMES: Final = frozenset({"PIPELINE_WORKSPACE"})

#: What Kubernetes puts into every pod of a namespace for a Service that is called `pipeline…`.
_OF_A_SERVICE: Final = re.compile(
    r"PIPELINE(_\w+)?_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)

#: What a shell would run: $(openssl rand -hex 32), or the same in backquotes.
_COMMAND: Final = re.compile(r"\$\(.+\)|`.+`", re.DOTALL)

_KINDS: Final = {int: "integer", float: "number", Path: "path", SecretStr: "secret", str: "text"}
_BOUNDS: Final = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}"}


#: How alike two names are (difflib's ratio) of which one may be meant by the other.
NEAR: Final = 0.7


def variable(field: str) -> str:
    """Return the name of the environment variable of a field."""
    return PREFIX + field.upper()


def unknown_names(given: Iterable[str], fields: Iterable[str]) -> list[str]:
    """Return a line for each given `PIPELINE_` name that is no setting, with the nearest one."""
    known = [variable(field) for field in fields]
    ours = {name.upper() for name in given if name.upper().startswith(PREFIX)}
    strange = sorted(ours.difference(known, FOREIGN_NAMES))
    return [_unknown(name, known) for name in strange if not _OF_A_SERVICE.fullmatch(name)]


def never_run(written: Mapping[str, str | None]) -> list[str]:
    """Return a line for each setting in `.env` that is a command: here no shell reads the file."""
    return [
        f"{name}: .env has a command, which nobody runs there: write what it prints"
        for name, value in written.items()
        if name.upper().startswith(PREFIX) and value and _COMMAND.fullmatch(value.strip())
    ]


def wrong_value(problem: ErrorDetails, fields: Mapping[str, FieldInfo]) -> str:
    """Return the line for one problem that pydantic found; it never shows the value."""
    text = problem["msg"].removeprefix("Value error, ").replace("Input should", "it should", 1)
    if not problem["loc"]:  # a rule about several settings names them itself
        return text
    name = str(problem["loc"][0])
    default = fields[name].default
    hint = "" if default in (None, "") else f" (default {default})"
    return f"{variable(name)}: {text}{hint}"


def table(fields: Mapping[str, FieldInfo]) -> str:
    """Return all settings as a Markdown table: name, type, unit, default, meaning."""
    head = ["| name | type | unit | default | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(name, field) for name, field in fields.items())]) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    default = "" if field.default in (None, "", PydanticUndefined) else f"`{field.default}`"
    cells = [f"`{variable(name)}`", _kind(field), _unit(field), default, field.description or ""]
    return "| " + " | ".join(cells) + " |"


def _kind(field: FieldInfo) -> str:
    choices = [f"`{choice}`" for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices:
        return " or ".join(choices)
    types = get_args(field.annotation) or (field.annotation,)
    kind = next(_KINDS[known] for known in types if known in _KINDS)
    return " ".join([kind, *_bounds(field.metadata)])


def _bounds(metadata: Iterable[Any]) -> list[str]:
    return [
        text.format(getattr(bound, name))
        for bound in metadata
        for name, text in _BOUNDS.items()
        if hasattr(bound, name)
    ]


def _unit(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra["unit"]) if isinstance(extra, dict) else ""


def _unknown(name: str, known: list[str]) -> str:
    # The prefix says nothing: with it, every name would be near to some other.
    bare = {one.removeprefix(PREFIX): one for one in known}
    nearest = get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=NEAR)
    remedy = f"did you mean {bare[nearest[0]]}?" if nearest else "remove it"
    return f"{name}: there is no such setting, {remedy}"
