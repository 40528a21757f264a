"""Reading HPACK header blocks (RFC 7541): the half of compression that clients decide."""

from collections import deque

from hpack.table import HeaderTable

from push_workers.simulator.http2 import huffman
from push_workers.simulator.http2.frames import ErrorCode, ViolationError

#: Dynamic table that we announce, in bytes.
TABLE_MAX_BYTES = 4096
#: What an entry costs beside its text, in bytes (RFC 7541, section 4.1).
_ENTRY_OVERHEAD_BYTES = 32
#: Fields of one request; a block of one-byte references to long entries could hold far more.
_FIELDS_MAX = 200
#: No integer of ours needs more than five continuation bytes; a sixth is an attack.
_INTEGER_MAX_SHIFT = 35

Field = tuple[str, str]

_STATIC: list[Field] = [(n.decode(), v.decode()) for n, v in HeaderTable.STATIC_TABLE]


class Decoder:
    """The client's dynamic table, kept in step with what it sends."""

    def __init__(self) -> None:
        self._recent: deque[Field] = deque()  # newest first
        self._size = 0
        self._limit = TABLE_MAX_BYTES

    def decode(self, block: bytes) -> list[Field]:
        """Return the fields of one block.

        Raises:
            ViolationError: the block is broken; the connection cannot go on.
        """
        try:
            fields = self._decode(block)
        except (IndexError, ValueError) as error:
            raise ViolationError(ErrorCode.COMPRESSION_ERROR, "broken header block") from error
        return fields

    def _decode(self, block: bytes) -> list[Field]:
        fields: list[Field] = []
        at, end = 0, len(block)
        while at < end:
            first = block[at]
            if len(fields) > _FIELDS_MAX:
                raise ValueError("too many header fields")
            if first & 0x80:  # an indexed field
                index, at = _integer(block, at, 0x7F)
                fields.append(self._at(index))
            elif first & 0x40:  # a literal that enters the table
                field, at = self._literal(block, at, 0x3F)
                self._add(field)
                fields.append(field)
            elif first & 0x20:  # a new size of the table
                limit, at = _integer(block, at, 0x1F)
                self._resize(limit)
            else:  # a literal that does not
                field, at = self._literal(block, at, 0x0F)
                fields.append(field)
        return fields

    def _literal(self, block: bytes, at: int, mask: int) -> tuple[Field, int]:
        index, at = _integer(block, at, mask)
        if index:
            name = self._at(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return (name, value), at

    def _at(self, index: int) -> Field:
        if index == 0:
            raise IndexError("index 0")
        if index <= len(_STATIC):
            return _STATIC[index - 1]
        return self._recent[index - len(_STATIC) - 1]

    def _add(self, field: Field) -> None:
        self._recent.appendleft(field)
        self._size += _cost(field)
        self._evict()

    def _resize(self, limit: int) -> None:
        if limit > TABLE_MAX_BYTES:
            raise ValueError("table larger than announced")
        self._limit = limit
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            self._size -= _cost(self._recent.pop())


def _cost(field: Field) -> int:
    return len(field[0]) + len(field[1]) + _ENTRY_OVERHEAD_BYTES


def _integer(block: bytes, at: int, mask: int) -> tuple[int, int]:
    """Read an integer whose first bits share a byte; return it and where it ends."""
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at
        shift += 7
        if shift > _INTEGER_MAX_SHIFT:
            raise ValueError("integer too large")


def _string(block: bytes, at: int) -> tuple[str, int]:
    """Read a string; bytes become the characters of the same number, one for one."""
    compressed = block[at] & 0x80
    size, at = _integer(block, at, 0x7F)
    end = at + size
    if end > len(block):
        raise IndexError("string longer than its block")
    raw = block[at:end]
    return (huffman.decode(raw) if compressed else raw).decode("latin-1"), end
