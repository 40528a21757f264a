"""The headers of answers: read at once only where the status is not plain to see.

We announce a header table of size 0. A peer that obeys opens its first block with a size update
to 0, and from there on every block stands alone: its status is in the first bytes, and the
block may wait until somebody asks for a header. A peer that does not obey keeps
state between blocks, so each is decoded as it comes, in order.
"""

import hpack
from hpack import Decoder
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from push_workers.senders.http2.endings import Fields, decode
from push_workers.senders.http2.frames import ErrorCode, PeerViolation

#: First byte of a block that starts with an indexed `:status` (RFC 7541, appendix A).
INDEXED_STATUS = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}
PLAIN_200 = 0x88

#: First byte of one that starts with a `:status` whose value follows, as 201 has to: indexed, not
#: indexed, or never to be (RFC 7541, 6.2), with any of the names in the static table.
LITERAL_STATUS = frozenset(kind | name for kind in (0x40, 0x00, 0x10) for name in range(8, 15))

SIZE_UPDATE_TO_0 = 0x20
SIZE_UPDATE_MASK = 0xE0

#: Bytes of one header block, packed or unpacked; what we announce as MAX_HEADER_LIST_SIZE.
MAX_BLOCK_BYTES = 65_536

DIGITS_OF_A_STATUS = 3

HUFFMAN = 0x80


def _written() -> dict[bytes, int]:
    """Return how a status is written as a value, with its length before it, plain and packed."""
    encoder = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
    found = {}
    for status in range(100, 600):
        plain = b"%d" % status
        packed = encoder.encode(plain)
        found[bytes((len(plain),)) + plain] = status
        found[bytes((HUFFMAN | len(packed),)) + packed] = status
    return found


WRITTEN_STATUS = _written()


class HeaderBlocks:
    """The HPACK state of a connection's answers."""

    def __init__(self) -> None:
        self.self_contained = False
        self._decoder = Decoder(MAX_BLOCK_BYTES)

    def open(self, block: bytes) -> tuple[int, bytes | Fields]:
        """Return a block's status (0 for trailers) and its headers, read or still packed.

        Raises:
            PeerViolation: it cannot be decoded, so nothing after it could be either.
        """
        start = 0
        if _empties_table(block):
            self.self_contained = True
            start = 1
        if self.self_contained and len(block) > start:
            status = INDEXED_STATUS.get(block[start]) or _literal_status(block, start)
            if status is not None:
                return status, block
        try:
            fields = decode(block) if self.self_contained else self._decode(block)
        except hpack.HPACKError:
            raise PeerViolation(ErrorCode.COMPRESSION_ERROR, "Headers") from None
        return _status(fields), fields

    def _decode(self, block: bytes) -> Fields:
        return [(bytes(n), bytes(v)) for n, v in self._decoder.decode(block, raw=True)]


def _literal_status(block: bytes, start: int) -> int | None:
    """Return the status that a block begins with, where it is written out."""
    if block[start] not in LITERAL_STATUS:
        return None
    length = block[start + 1] & ~HUFFMAN if len(block) > start + 1 else 0
    return WRITTEN_STATUS.get(block[start + 1 : start + 2 + length])


def _empties_table(block: bytes) -> bool:
    """It sets the size to 0, and not only on the way to another size."""
    return block[:1] == bytes((SIZE_UPDATE_TO_0,)) and (
        len(block) == 1 or block[1] & SIZE_UPDATE_MASK != SIZE_UPDATE_TO_0
    )


def _status(fields: Fields) -> int:
    for name, value in fields:
        if name == b":status":
            return int(value) if value.isdigit() and len(value) == DIGITS_OF_A_STATUS else -1
    return 0
