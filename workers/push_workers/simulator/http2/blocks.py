"""Header blocks, which may come in pieces: HEADERS, then CONTINUATION until END_HEADERS."""

from typing import NamedTuple

from push_workers.simulator.http2 import frames as h2
from push_workers.simulator.http2.frames import ErrorCode, ViolationError

#: A block larger than this, in bytes, is a flood.
_BLOCK_MAX_BYTES = 65_536


class Block(NamedTuple):
    """A header block and the flags of the HEADERS frame that began it."""

    stream: int
    flags: int
    data: bytes


class Blocks:
    """Puts the pieces together. While `pending`, no other frame may come (RFC 9113, 6.10)."""

    def __init__(self) -> None:
        self.pending: Block | None = None

    def begin(self, flags: int, stream: int, payload: bytes) -> Block | None:
        """Take a HEADERS frame; return its block if it is whole."""
        return self._hold(Block(stream, flags, h2.unpadded(flags, payload)), flags)

    def go_on(self, flags: int, stream: int, payload: bytes) -> Block | None:
        """Take a CONTINUATION frame; return the block if it is whole now."""
        begun = self.pending
        if begun is None or begun.stream != stream:
            raise ViolationError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        return self._hold(begun._replace(data=begun.data + payload), flags)

    def _hold(self, block: Block, flags: int) -> Block | None:
        if len(block.data) > _BLOCK_MAX_BYTES:
            raise ViolationError(ErrorCode.ENHANCE_YOUR_CALM, "header block too large")
        whole = bool(flags & h2.END_HEADERS)
        self.pending = None if whole else block
        return block if whole else None
