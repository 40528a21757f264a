"""What is printed and where: results on stdout, all else on stderr."""

import sys
from collections.abc import Iterable
from typing import Any

import orjson
from rich.console import Console

from push_pipeline.field_warning import FieldWarning

#: Characters. A file or a pipe has no width; a table in it must not be cut to eighty.
_WIDTH_OF_A_FILE = 160

console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)


def printable(text: str) -> str:
    """Return somebody else's text so that a terminal shows it and obeys nothing in it."""
    return text if text.isprintable() else repr(text)


def say(text: str) -> None:
    """Print a line of a result."""
    print(text, flush=True)


def note(text: str) -> None:
    """Print a line that is no result."""
    print(text, file=sys.stderr, flush=True)


def warn(warnings: Iterable[FieldWarning]) -> None:
    """Print a line for each warning."""
    for one in warnings:
        note(f"warning: {one}")


def print_json(value: Any) -> None:
    """Print a JSON document."""
    say(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_row(value: Any) -> None:
    """Print one line of NDJSON."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
