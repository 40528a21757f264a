"""The status of an answer, read from its first bytes: the same as by decoding all of it."""

import pytest
from hpack import Encoder

from push_workers.senders.http2 import header_blocks
from push_workers.senders.http2.endings import decode
from push_workers.senders.http2.frames import PeerViolation
from push_workers.senders.http2.header_blocks import HeaderBlocks


def opened() -> HeaderBlocks:
    """A connection whose peer obeys: its table is empty."""
    blocks = HeaderBlocks()
    blocks.open(b"\x20\x88")
    return blocks


def written(status: int, *, huffman: bool, sensitive: bool = False) -> bytes:
    """A block by a library that is not ours, with an empty table."""
    encoder = Encoder()
    encoder.header_table_size = 0
    encoder.encode([])  # the size update, which the first block of the connection had
    fields = [(b":status", b"%d" % status, sensitive), (b"retry-after", b"7", False)]
    return encoder.encode(fields, huffman=huffman)


@pytest.mark.parametrize("huffman", [True, False])
def test_every_status_is_read_without_decoding(
    monkeypatch: pytest.MonkeyPatch, huffman: bool
) -> None:
    blocks = opened()
    monkeypatch.setattr(header_blocks, "decode", None)  # to call it would fail
    for status in range(200, 600):
        for sensitive in (True, False):
            block = written(status, huffman=huffman, sensitive=sensitive)
            assert blocks.open(block) == (status, block)
            assert dict(decode(block))[b"retry-after"] == b"7"


@pytest.mark.parametrize(
    "block", [b"\x08", b"\x08\x03", b"\x08\x0320", b"\x48\x7f", b"\x18\x82\x10"]
)
def test_a_block_that_ends_too_soon_is_none(block: bytes) -> None:
    with pytest.raises(PeerViolation):
        opened().open(block)


@pytest.mark.parametrize("value", [b"20", b"2x1", b"2001", b""])
def test_what_is_no_status(value: bytes) -> None:
    status, _ = opened().open(b"\x08" + bytes((len(value),)) + value)
    assert status == -1
