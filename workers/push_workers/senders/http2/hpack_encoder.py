"""Request headers as HPACK, those that repeat one byte each (RFC 7541).

The peer keeps a copy of our dynamic table, so both must evict the same entry at the same
moment: every insertion and every change of size is accounted for here and nowhere else.
Strings are never Huffman-coded: a header costs its bytes once per connection, then one.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from hpack.table import HeaderTable

Field = tuple[bytes, bytes]

#: Bytes an entry costs beyond its name and value (RFC 7541, 4.1).
ENTRY_OVERHEAD = 32
#: Bytes of table we use at most, and the size before any SETTINGS (RFC 9113, 6.5.2).
TABLE_LIMIT = 4096

INDEXED = 0x80
INSERTED = 0x40
SIZE_UPDATE = 0x20
MORE_FOLLOWS = 0x80
WITHOUT_INDEXING = 0x00

STATIC_FIELDS = {field: n for n, field in enumerate(HeaderTable.STATIC_TABLE, 1) if field[1]}
STATIC_NAMES = {name: n for n, (name, _) in reversed([*enumerate(HeaderTable.STATIC_TABLE, 1)])}
FIRST_DYNAMIC = len(HeaderTable.STATIC_TABLE) + 1


class Block(NamedTuple):
    """The part of a header block that requests have in common.

    `update` must open the block, `fields` may follow other literals. A `steady` block changed
    nothing in the table and may be sent any number of times; another one exactly once.
    """

    update: bytes
    fields: bytes
    steady: bool


class HeaderEncoder:
    """Our half of one connection's HPACK state for requests."""

    def __init__(self) -> None:
        self._entries: deque[Field] = deque()  # newest first
        self._inserted: dict[Field, int] = {}  # field -> how many were inserted before it
        self._insertions = 0
        self._bytes = 0
        self._limit = TABLE_LIMIT
        self._announced = TABLE_LIMIT
        self._lowest = TABLE_LIMIT  # the smallest limit since the last block
        self._steady: tuple[Sequence[Field], Block] | None = None

    def resize(self, limit: int) -> None:
        """Take over the peer's SETTINGS_HEADER_TABLE_SIZE; the next block says so."""
        self._limit = min(limit, TABLE_LIMIT)
        self._lowest = min(self._lowest, self._limit)
        self._evict(self._limit)
        self._steady = None

    def encode(self, fields: Sequence[Field]) -> Block:
        """Encode fields (names in lower case, pseudo-headers first).

        Every block that is returned must be sent, in this order: the table has moved on.
        Calling it again with the same fields reaches a steady block after at most one
        insertion of each.
        """
        if self._steady and self._steady[0] == fields:  # the next call has its own
            return self._steady[1]
        update = self._size_update()
        before = self._insertions
        parts = [self._field(field, keep) for field, keep in self._fitting(fields)]
        block = Block(update, b"".join(parts), not update and before == self._insertions)
        self._steady = (fields, block) if block.steady else None  # else its indices have moved
        return block

    def _fitting(self, fields: Sequence[Field]) -> list[tuple[Field, bool]]:
        """Say which fields the table takes together; more would evict one another for ever."""
        room = self._limit
        chosen = []
        for field in fields:
            size = _entry_bytes(field)
            keep = size <= room and field not in STATIC_FIELDS
            room -= size if keep else 0
            chosen.append((field, keep))
        return chosen

    def _field(self, field: Field, keep: bool) -> bytes:
        if field in STATIC_FIELDS:
            return integer(STATIC_FIELDS[field], 7, INDEXED)
        if field in self._inserted:
            newer = self._insertions - self._inserted[field] - 1
            return integer(FIRST_DYNAMIC + newer, 7, INDEXED)
        if not keep:
            return literal_name(field[0]) + string(field[1])
        self._insert(field)
        return literal_name(field[0], 6, INSERTED) + string(field[1])

    def _insert(self, field: Field) -> None:
        self._evict(self._limit - _entry_bytes(field))
        self._entries.appendleft(field)
        self._inserted[field] = self._insertions
        self._insertions += 1
        self._bytes += _entry_bytes(field)

    def _evict(self, room: int) -> None:
        while self._bytes > room:
            oldest = self._entries.pop()
            del self._inserted[oldest]
            self._bytes -= _entry_bytes(oldest)

    def _size_update(self) -> bytes:
        """Announce the smallest size since the last block, then the present one (RFC 7541, 4.2)."""
        sizes = [self._lowest] if self._lowest < min(self._announced, self._limit) else []
        sizes += [self._limit] if sizes or self._limit != self._announced else []
        self._announced = self._lowest = self._limit
        return b"".join(integer(size, 5, SIZE_UPDATE) for size in sizes)


def integer(value: int, prefix_bits: int, flags: int = 0) -> bytes:
    """A number in HPACK's form: a prefix in the first byte, then seven bits each."""
    highest = (1 << prefix_bits) - 1
    if value < highest:
        return bytes((flags | value,))
    encoded = bytearray((flags | highest,))
    value -= highest
    while value >= MORE_FOLLOWS:
        encoded.append(value % MORE_FOLLOWS | MORE_FOLLOWS)
        value //= MORE_FOLLOWS
    encoded.append(value)
    return bytes(encoded)


def string(value: bytes) -> bytes:
    """A string as it is, with its length before it."""
    return integer(len(value), 7) + value


def literal_name(name: bytes, prefix_bits: int = 4, form: int = WITHOUT_INDEXING) -> bytes:
    """The start of a literal field, up to where its value's string begins."""
    known = STATIC_NAMES.get(name)
    return integer(known, prefix_bits, form) if known else bytes((form,)) + string(name)


def _entry_bytes(field: Field) -> int:
    return ENTRY_OVERHEAD + len(field[0]) + len(field[1])
