"""Importing devices: a list of registrations, streamed into the database by thousands.

What another push service lists is old beside what a device has said here since: a device that is
here already keeps its token and its user.
"""

import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from push_pipeline import db
from push_pipeline.cli.device_file import Line, checked, read_lines
from push_pipeline.cli.output import note
from push_pipeline.clock import now_ms
from push_pipeline.devices.foreign import OURS, Format, Record, Said, Skipped, adapted
from push_pipeline.devices.foreign_tables import ForeignTable, Tables, rows
from push_pipeline.devices.known_better import known_better
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import Registration
from push_pipeline.directory.apps import resolve_app
from push_pipeline.errors import InvalidParameter
from push_pipeline.options import check_channel_name

#: Lines per transaction: large enough for the database, small enough to be seen moving, and for
#: devices that register meanwhile and wait for it.
CHUNK = 5_000


#: Why a device of another service is left as it is.
HERE = "here already"


@dataclass(slots=True)
class Totals:
    """What an import did so far. `skipped` counts what was no device to push to, by its reason."""

    lines: int = 0
    imported: int = 0
    bad: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done with a list: whose devices they become, in which channels.

    `said` is the caller's word on its columns, `foreign` that the list is another service's. `dry`
    writes nothing, and counts what would be.
    """

    app: str | None = None
    channels: Sequence[str] = ()
    said: Said = field(default_factory=Said)
    foreign: bool = False
    dry: bool = False


def import_file(file: str, format_: Format, wanted: Wanted) -> Totals:
    """Register what a file lists, or stdin for `-`, and show on a terminal how far it is.

    Raises:
        RequestError: a channel's name is wrong, or there is no such app; nothing was written.
        InvalidParameter: the file cannot be read.
    """
    for name in wanted.channels:
        check_channel_name(name)
    with _opened(file) as source, _progress(source) as advance:
        return import_devices(source, wanted, advance, format_)


def import_devices(
    source: IO[bytes], wanted: Wanted, advance: Callable[[int], None], format_: Format = OURS
) -> Totals:
    """Register what a stream lists, chunk by chunk; `advance` is told the bytes read so far.

    Raises:
        UnknownApp: there is no such app; nothing was written.
    """
    return _import_lines(
        read_lines(source, now_ms(), adapted(format_, wanted.said)), wanted, advance
    )


def import_tables(tables: Tables, wanted_tables: Sequence[ForeignTable], wanted: Wanted) -> Totals:
    """Register what the tables of another package hold, and show on a terminal how far it is.

    Raises:
        InvalidParameter: none of the tables is there.
        DatabaseUnavailable, UnknownApp: nothing was written.
    """
    for name in wanted.channels:
        check_channel_name(name)
    counts = {table: tables.count(table) for table in wanted_tables}
    if all(count is None for count in counts.values()):
        raise InvalidParameter(f"{tables.place()} has no {wanted_tables[0].called}")
    applications: set[str] = set()
    lines = _rows(tables, [one for one in wanted_tables if counts[one]], wanted.said, applications)
    with _bar(sum(count or 0 for count in counts.values())) as advance:
        totals = _import_lines(lines, wanted, advance)
    if len(applications) > 1:
        note(
            f"they are of several applications ({', '.join(sorted(applications))}): import each"
            " into an app of its own, with --only application_id=… --app …"
        )
    return totals


def _rows(
    tables: Tables, wanted: Sequence[ForeignTable], said: Said, applications: set[str]
) -> Iterator[Line]:
    """Yield the rows of tables as lines; note the applications of those that are devices."""
    now, done = now_ms(), 0
    for table in wanted:
        format_ = adapted(Format((), table.read or partial(_not_served, table)), said)
        for key, record in rows(tables, table):
            done += 1
            line = checked(Line(f"{table.called} {key}", done, None), record, now, format_)
            if line.registration is not None and record.get("application_id"):
                applications.add(str(record["application_id"]))
            yield line


def _not_served(table: ForeignTable, _: Record) -> Skipped:
    return Skipped(f"{table.called}: Windows is not served")


def _import_lines(lines: Iterator[Line], wanted: Wanted, advance: Callable[[int], None]) -> Totals:
    """Register what lines say.

    Each chunk is a transaction of its own: after an interruption the import is run again.

    Raises:
        UnknownApp: there is no such app; nothing was written.
    """
    started = now_ms()
    with db.reading() as connection:
        app_id = resolve_app(connection, wanted.app)
    totals = Totals()
    while chunk := list(islice(lines, CHUNK)):
        if wanted.foreign:
            chunk = _without_older(app_id, chunk, started)
        good = [one.registration for one in chunk if one.registration is not None]
        if not wanted.dry:
            _register(app_id, good, wanted.channels)
        _tell_bad(chunk)
        totals.lines += len(chunk)
        totals.imported += len(good)
        totals.bad += sum(one.reason is not None for one in chunk)
        totals.skipped.update(one.skipped for one in chunk if one.skipped is not None)
        advance(chunk[-1].end)
    return totals


def _without_older(app_id: str, chunk: Sequence[Line], started: int) -> list[Line]:
    """Skip the devices of which more is known here than their list can."""
    arrivals = [(one.registration, one.seen_at) for one in chunk if one.registration is not None]
    with db.reading() as connection:
        older = known_better(connection, app_id, arrivals, started)
    return [
        one._replace(registration=None, skipped=HERE)
        if one.registration is not None and one.registration.token in older
        else one
        for one in chunk
    ]


def _register(app_id: str, good: list[Registration], channels: Sequence[str]) -> None:
    if channels:
        good = [replace(one, channels=tuple(channels)) for one in good]
    if good:
        with db.writing() as connection:
            register_devices(connection, app_id, good, now_ms(), alive=False)


def _tell_bad(chunk: Sequence[Line]) -> None:
    for line in chunk:
        told: Iterable[object] = line.registration.warnings if line.registration else [line.reason]
        place = f"line {line.number}" if isinstance(line.number, int) else line.number
        for reason in told:
            if reason is not None:
                note(f"{place}: {reason}")


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
    """Show how much of a file was read, where it has a size to measure by."""
    size = os.fstat(source.fileno())
    with _bar(size.st_size if stat.S_ISREG(size.st_mode) else None) as advance:
        yield advance


@contextmanager
def _bar(total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar where there is a terminal to show it on, and a total."""
    if not sys.stderr.isatty() or total is None:
        yield lambda _: None
        return
    columns = (TextColumn("importing"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda end: bar.update(task, completed=end)
