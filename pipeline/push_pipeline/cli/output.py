"""What is printed and where: results on stdout, all else on stderr."""

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console

from push_pipeline.field_warning import FieldWarning

#: Characters. A file or a pipe has no width; a table in it must not be cut to eighty.
_WIDTH_OF_A_FILE = 160

#: Names that are told; where there may be a thousand, the JSON has them all.
_LISTED = 20

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


def name_missing(device_ids: Sequence[str]) -> None:
    """Print a line with the first of the devices that were named and are not there."""
    if device_ids:
        note(f"not found: {listed(device_ids)}")


def listed(names: Sequence[str], count: int | None = None) -> str:
    """Name the first of some names, and how many more there are of `count`."""
    more = (len(names) if count is None else count) - len(names[:_LISTED])
    return ", ".join(names[:_LISTED]) + (f" and {more:,} more" if more else "")


def print_json(value: Any) -> None:
    """Print a JSON document."""
    say(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_row(value: Any) -> None:
    """Print one line of NDJSON."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def nothing_logged_of_publishes() -> Iterator[None]:
    """Keep out of the log, which is the terminal here, what `publish` and `push` print anyway.

    For the command only: it may run in the process of a host.
    """
    logger = logging.getLogger("push_pipeline")
    logger.addFilter(_is_of_no_publish)
    try:
        yield
    finally:
        logger.removeFilter(_is_of_no_publish)


def _is_of_no_publish(record: logging.LogRecord) -> bool:
    return getattr(record, "action", None) != "publish_changed"
