"""Importing devices: a list of registrations, streamed into the database by thousands."""

import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from push_pipeline import db
from push_pipeline.cli.device_file import Line, read_lines
from push_pipeline.cli.output import note
from push_pipeline.clock import now_ms
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import Registration
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import InvalidParameter
from push_pipeline.options import check_channel_name

#: Lines per transaction: large enough for the database, small enough to be seen moving, and for
#: devices that register meanwhile and wait for it.
CHUNK = 5_000


@dataclass(slots=True)
class Totals:
    """What an import did so far."""

    lines: int = 0
    imported: int = 0
    bad: int = 0


def import_file(file: str, app: str | None, channels: Sequence[str]) -> Totals:
    """Register what a file lists, or stdin for `-`, and show on a terminal how far it is.

    Raises:
        RequestError: a channel's name is wrong, or there is no such app; nothing was written.
        InvalidParameter: the file cannot be read.
    """
    for name in channels:
        check_channel_name(name)
    with _opened(file) as source, _progress(source) as advance:
        return import_devices(source, app, channels, advance)


def import_devices(
    source: IO[bytes], app: str | None, channels: Sequence[str], advance: Callable[[int], None]
) -> Totals:
    """Register what a stream lists, chunk by chunk; `advance` is told the bytes read so far.

    Each chunk is a transaction of its own: after an interruption the import is run again.

    Raises:
        UnknownApp: there is no such app; nothing was written.
    """
    with db.reading() as connection:
        app_id = resolve_app(connection, app)
    totals = Totals()
    lines = read_lines(source, now_ms())
    while chunk := list(islice(lines, CHUNK)):
        good = [one.registration for one in chunk if one.registration is not None]
        _register(app_id, good, channels)
        _tell_bad(chunk)
        totals.lines += len(chunk)
        totals.imported += len(good)
        totals.bad += len(chunk) - len(good)
        advance(chunk[-1].end)
    return totals


def _register(app_id: str, good: list[Registration], channels: Sequence[str]) -> None:
    if channels:
        good = [replace(one, channels=tuple(channels)) for one in good]
    if good:
        with db.writing() as connection:
            register_devices(connection, app_id, good, now_ms(), alive=False)


def _tell_bad(chunk: Sequence[Line]) -> None:
    for line in chunk:
        told: Iterable[object] = line.registration.warnings if line.registration else [line.reason]
        for reason in told:
            note(f"line {line.number}: {reason}")


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InvalidParameter(f"cannot read {file}: {error.strerror}") from None
    with source:
        yield source


@contextmanager
def _progress(source: IO[bytes]) -> Iterator[Callable[[int], None]]:
    """Show a bar where there is a terminal to show it on and a size to measure by."""
    size = os.fstat(source.fileno())
    if not sys.stderr.isatty() or not stat.S_ISREG(size.st_mode):
        yield lambda _: None
        return
    columns = (TextColumn("importing"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=size.st_size)
        yield lambda end: bar.update(task, completed=end)
