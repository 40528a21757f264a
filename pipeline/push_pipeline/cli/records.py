"""A file of NDJSON or CSV cut into its records, however long one is.

What is not read as a part of its record would be read as a record: a field that somebody else
filled in could say whatever a line of the file may say.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import IO

#: Bytes. A longer record is no registration; of such a one this much and one byte are kept.
LINE_MAX = 65_536

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_PARTS = re.compile(rb'"|,|[^",]+')


class _At(Enum):
    """Where in a CSV record the reading is."""

    START = auto()  # of a field
    PLAIN = auto()
    QUOTED = auto()
    QUOTE = auto()  # in a quoted field: its end, or the first of two that stand for one


_NEXT = {
    (_At.START, b'"'): _At.QUOTED,
    (_At.QUOTED, b'"'): _At.QUOTE,
    (_At.QUOTE, b'"'): _At.QUOTED,
    **dict.fromkeys([(at, b",") for at in (_At.START, _At.PLAIN, _At.QUOTE)], _At.START),
}


def records(file: IO[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield each record: the number of its first line, the bytes read by its end, and itself."""
    number, lines, end = 1, 0, 0
    record, quotes = bytearray(), None
    while piece := file.readline(LINE_MAX):
        text = piece if end else piece.removeprefix(_BYTE_ORDER_MARK)
        end += len(piece)
        lines += piece.endswith(b"\n")
        record += text[: LINE_MAX + 1 - len(record)]
        if quotes is None and text.strip():
            quotes = _Quotes(is_csv=not text.lstrip().startswith(b"{"))
        if quotes is None or quotes.let_it_end(text):
            yield number, end, bytes(record)
            number, lines = number + lines, 0
            record.clear()
    if record:
        yield number, end, bytes(record)


class _Quotes:
    """Whether a line break is one of a quoted field, or the end of a record."""

    def __init__(self, *, is_csv: bool) -> None:
        self._is_csv = is_csv
        self._at = _At.START

    def let_it_end(self, text: bytes) -> bool:
        """Read on; tell whether a record ends with this piece of a line."""
        if self._is_csv and (self._at is not _At.START or b'"' in text):
            for part in _PARTS.findall(text):
                inside = _At.QUOTED if self._at is _At.QUOTED else _At.PLAIN
                self._at = _NEXT.get((self._at, part), inside)
        ends = text.endswith(b"\n") and self._at is not _At.QUOTED
        if ends:
            self._at = _At.START
        return ends
