"""Device lists as they come: NDJSON or CSV, read line by line, checked, never held in memory."""

import csv
from collections.abc import Iterator, Mapping
from typing import IO, Any, NamedTuple

from push_pipeline.cli.records import LINE_MAX, records
from push_pipeline.devices.registration import Registration, check_registration
from push_pipeline.errors import InvalidParameter, RequestError
from push_pipeline.options.json_values import parse_json

#: Characters. A shorter value is no token, and may be repeated in a message.
_SHORT = 16


class Line(NamedTuple):
    """One line of the file: a registration, or why it is none. `end` is the bytes read so far."""

    number: int
    end: int
    registration: Registration | None
    reason: str | None = None


class _Parser:
    """How one line is read; CSV remembers its header."""

    def __init__(self, *, is_csv: bool) -> None:
        self._is_csv = is_csv
        self._names: list[str] | None = None

    def is_header(self, text: bytes) -> bool:
        """Take the first line of a CSV file as its header."""
        if not self._is_csv or self._names is not None:
            return False
        self._names = [name.strip() for name in _row(text)]
        missing = {"deviceId", "deviceToken", "os"} - set(self._names)
        if missing:
            raise InvalidParameter(f"the CSV header lacks {', '.join(sorted(missing))}")
        return True

    def fields(self, text: bytes) -> dict[str, Any]:
        """Return a line's fields by the API's names."""
        if self._names is None:
            fields = parse_json("the line", text)
            if not isinstance(fields, dict):
                raise InvalidParameter("the line is not a JSON object")
            return fields
        values = _row(text)
        if len(values) != len(self._names):
            raise InvalidParameter(f"{len(values)} values for {len(self._names)} columns")
        return _typed(dict(zip(self._names, values, strict=True)))


def read_lines(file: IO[bytes], now: int) -> Iterator[Line]:
    """Read a device list; a file that begins with a brace is NDJSON, any other is CSV.

    `channels` are separated by `|` or `;`, `properties` are JSON. In CSV a quoted field may have
    line breaks, and a record has the number of its first line.

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
            parser = _Parser(is_csv=not text.startswith(b"{"))
        if not parser.is_header(text):
            yield _checked(parser, number, end, text, now)


def _checked(parser: _Parser, number: int, end: int, text: bytes, now: int) -> Line:
    fields: dict[str, Any] = {}
    try:
        fields = parser.fields(text)
        return Line(number, end, check_registration(fields, now))
    except RequestError as wrong:
        return Line(number, end, None, _without_values(wrong, fields))
    except ValueError:  # JSON or UTF-8; the text of such an error quotes the line
        return Line(number, end, None, "the line cannot be read")


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


def _typed(cells: dict[str, str]) -> dict[str, Any]:
    """Return what a row says: an empty cell says nothing, as a name that NDJSON leaves out."""
    fields: dict[str, Any] = {name: cell for name, cell in cells.items() if cell}
    if "properties" in fields:
        fields["properties"] = parse_json("properties", fields["properties"].encode())
    return fields
