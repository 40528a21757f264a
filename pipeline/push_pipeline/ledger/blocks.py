"""Blocks: which members of a batch were accepted, a bit for each instead of a row; pure.

A block is about the members of one slice, by their places in the batch. Whoever records slice
after slice writes one block after the other, and no member is in two.
"""

import struct
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

#: Where its members begin and end in their batch, when they were settled, and whether bits follow.
_HEAD: Final = struct.Struct("<HHq?")

#: Bytes of a batch's blocks from which on accepted members get rows instead. They are written
#: anew with each slice, so very many small ones would cost more than rows do.
FULL: Final = 1024


class Block(NamedTuple):
    """Members of a batch from `start` to `end` that one provider call settled as accepted.

    `bits` has a bit for each, the lowest of the first byte first; without, all were accepted.
    """

    start: int
    end: int
    settled_at: int  # epoch milliseconds
    bits: bytes | None

    @classmethod
    def of(
        cls, start: int, members: Sequence[int], accepted: Collection[int], settled_at: int
    ) -> "Block":
        """Note which members of a slice that begins at `start` were accepted."""
        end = start + len(members)
        if len(accepted) == len(members):  # nearly always
            return cls(start, end, settled_at, None)
        these = frozenset(accepted)
        marked = sum(1 << place for place, key in enumerate(members) if key in these)
        return cls(start, end, settled_at, marked.to_bytes(_bytes(len(members)), "little"))

    def chosen(self, members: Sequence[int]) -> Sequence[int]:
        """Return those of a batch's members that are accepted here."""
        mine = members[self.start : self.end]
        if self.bits is None:
            return mine
        marked = int.from_bytes(self.bits, "little")
        return [key for place, key in enumerate(mine) if marked >> place & 1]


def is_full(blocks: bytes | None) -> bool:
    """Tell whether a batch takes no further block."""
    return len(blocks or b"") >= FULL


def append(blocks: bytes | None, block: Block) -> bytes:
    """Write a block behind those of a batch."""
    *head, bits = block
    return (blocks or b"") + _HEAD.pack(*head, bits is not None) + (bits or b"")


def read_blocks(blocks: bytes) -> Iterator[Block]:
    """Read the blocks of a batch."""
    at = 0
    while at < len(blocks):
        start, end, settled_at, has_bits = _HEAD.unpack_from(blocks, at)
        at += _HEAD.size
        size = _bytes(end - start) if has_bits else 0
        yield Block(start, end, settled_at, blocks[at : at + size] if has_bits else None)
        at += size


def _bytes(members: int) -> int:
    return -(-members // 8)
