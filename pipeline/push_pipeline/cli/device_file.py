"""Device lists as they come: NDJSON or CSV, read line by line, checked, never held in memory."""

import csv
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

from push_pipeline.cli.records import LINE_MAX, records
from push_pipeline.devices.foreign import OURS, Format, Record, Skipped, flat
from push_pipeline.devices.registration import Registration, check_registration
from push_pipeline.errors import InvalidParameter, RequestError
from push_pipeline.options.json_values import parse_json
from push_pipeline.settings import get_settings

#: Characters. A shorter value is no token, and may be repeated in a message.
_SHORT = 16


class Line(NamedTuple):
    """One line of the file: a registration, or why it is none. `end` is the bytes read so far.

    `skipped` says why it is none although nothing is wrong with it. `seen_at` is when another
    system heard of the device last, in epoch milliseconds.
    """

    number: int | str
    end: int
    registration: Registration | None
    reason: str | None = None
    skipped: str | None = None
    seen_at: int | None = None


class _Parser:
    """How one line is read; CSV remembers its header."""

    def __init__(self, needed: tuple[str, ...], *, is_csv: bool) -> None:
        self._needed = needed
        self._is_csv = is_csv
        self._names: list[str] | None = None

    def is_header(self, text: bytes) -> bool:
        """Take the first line of a CSV file as its header."""
        if not self._is_csv or self._names is not None:
            return False
        self._names = [name.strip() for name in _row(text)]
        missing = {*self._needed} - {*self._names}
        if missing:
            raise InvalidParameter(f"the CSV header lacks {', '.join(sorted(missing))}")
        return True

    def fields(self, text: bytes) -> dict[str, Any]:
        """Return a line's fields by the names that the file has."""
        if self._names is None:
            fields = parse_json("the line", text)
            if not isinstance(fields, dict):
                raise InvalidParameter("the line is not a JSON object")
            return fields
        values = _row(text)
        if len(values) != len(self._names):
            raise InvalidParameter(f"{len(values)} values for {len(self._names)} columns")
        return {name: cell for name, cell in zip(self._names, values, strict=True) if cell}


def read_lines(file: IO[bytes], now: int, format_: Format = OURS) -> Iterator[Line]:
    """Read a device list; a file that begins with a brace is NDJSON, any other is CSV.

    `channels` are separated by `|` or `;`, `properties` are JSON. In CSV a quoted field may have
    line breaks, an empty cell says nothing, as a name that NDJSON leaves out, and a record has
    the number of its first line.

    Raises:
        InvalidParameter: the CSV header lacks a column that is needed.
    """
    parser: _Parser | None = None
    for number, end, raw in records(file):
        text = raw.strip()
        if not text:
            continue
        if len(raw) > LINE_MAX:
            yield Line(number, end, None, f"the line is longer than {LINE_MAX} bytes")
            continue
        if parser is None:
            parser = _Parser(format_.needed, is_csv=not text.startswith(b"{"))
        if not parser.is_header(text):
            yield _parsed(parser, Line(number, end, None), text, now, format_)


def _parsed(parser: _Parser, line: Line, text: bytes, now: int, format_: Format) -> Line:
    try:
        fields = parser.fields(text)
    except RequestError as wrong:
        return line._replace(reason=str(wrong))
    except ValueError:  # JSON or UTF-8; the text of such an error quotes the line
        return line._replace(reason="the line cannot be read")
    return checked(line, flat(fields) if format_.flat else fields, now, format_)


def checked(line: Line, record: Record, now: int, format_: Format) -> Line:
    """Return a line with what its record says: a device, none, or what is wrong with it."""
    try:
        found = format_.read(record)
        if isinstance(found, Skipped):
            return line._replace(skipped=found.reason)
        registration = check_registration(_typed(found.fields), now, get_settings().push_services)
        return line._replace(registration=registration, seen_at=found.seen_at)
    except RequestError as wrong:
        return line._replace(reason=_without_values(wrong, record))
    except ValueError:
        return line._replace(reason="the line cannot be read")


def _without_values(wrong: RequestError, fields: Mapping[str, Any]) -> str:
    """Say what is wrong, but never a long value: a token may stand in the wrong column."""
    said = str(wrong)
    long = (str(value) for value in fields.values() if len(str(value)) >= _SHORT)
    if any(value in said for value in long):
        return (type(wrong).__doc__ or "").splitlines()[0]
    return said


def _row(text: bytes) -> list[str]:
    try:
        return next(csv.reader([text.decode()], strict=True))
    except csv.Error as wrong:
        raise InvalidParameter(f"the line is not CSV: {wrong}") from None
    except UnicodeDecodeError:
        raise InvalidParameter("the line is not UTF-8 text") from None


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with their properties as an object, which CSV has as a text."""
    if isinstance(fields.get("properties"), str):
        return fields | {"properties": parse_json("properties", fields["properties"].encode())}
    return fields
