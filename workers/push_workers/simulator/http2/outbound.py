"""What a server writes: answers, settings, resets; collected until somebody sends them."""

from collections.abc import Sequence

import hpack

from push_workers.simulator.http2 import frames as h2
from push_workers.simulator.http2.frames import Setting
from push_workers.simulator.http2.headers import TABLE_MAX_BYTES
from push_workers.simulator.http2.windows import SendWindow
from push_workers.simulator.messages import Answer, Shape

#: HPACK's static table has `:status 200` at 8; the name alone is index 8 as well (RFC 7541, A).
_STATUS_200 = b"\x88"
_STATUS_NAME = b"\x08\x03"
_OK = 200


class Outbound:
    """Frames that wait to be written, and the state that writing them needs."""

    def __init__(self, *, index_headers: bool) -> None:
        self.frames: list[bytes] = []
        self.window = SendWindow()
        self._index_headers = index_headers
        self._encoder = hpack.Encoder()

    def put(self, data: bytes) -> None:
        """Add frames; nothing is nothing."""
        if data:
            self.frames.append(data)

    def greet(self, streams: int, window_bytes: int) -> None:
        """Write the first SETTINGS."""
        values = {
            Setting.HEADER_TABLE_SIZE: TABLE_MAX_BYTES,
            Setting.MAX_CONCURRENT_STREAMS: streams,
            Setting.INITIAL_WINDOW_SIZE: window_bytes,
            Setting.MAX_HEADER_LIST_SIZE: 8000,
        }
        self.put(h2.settings({int(key): value for key, value in values.items()}))

    def adopt(self, payload: bytes) -> None:
        """Take the client's SETTINGS, and acknowledge them."""
        for at in range(0, len(payload), 6):
            key = int.from_bytes(payload[at : at + 2])
            value = int.from_bytes(payload[at + 2 : at + 6])
            if key == Setting.HEADER_TABLE_SIZE:
                self._encoder.header_table_size = min(value, TABLE_MAX_BYTES)
            elif key == Setting.INITIAL_WINDOW_SIZE:
                self.window.initial = value
        self.put(h2.frame(h2.SETTINGS, h2.ACK, 0))
        self.put(self.window.drain())

    def answer(self, stream: int, answer: Answer, shape: Shape) -> None:
        """Write an answer in the given shape."""
        body = b"" if shape in {Shape.NONE, Shape.EMPTY} else answer.body
        bare = not body and shape is not Shape.EMPTY
        self.head(stream, answer, end=bare)
        if shape is Shape.SPLIT and len(body) > 1:
            middle = len(body) // 2
            self.put(self.window.send(stream, body[:middle], end=False))
            body = body[middle:]
        if not bare:
            self.put(self.window.send(stream, body))

    def head(self, stream: int, answer: Answer, *, end: bool) -> None:
        """Write the HEADERS of an answer."""
        flags = h2.END_HEADERS | h2.END_STREAM if end else h2.END_HEADERS
        if self._index_headers:
            fields = [(":status", str(answer.status)), *answer.headers]
            block = self._encoder.encode(fields, huffman=True)
        else:
            block = literal_block(answer.status, answer.headers)
        self.put(h2.frame(h2.HEADERS, flags, stream, block))


def literal_block(status: int, headers: Sequence[tuple[str, str]]) -> bytes:
    """Write an HPACK block of literals that are not indexed (RFC 7541, section 6.2.2).

    Names and values must be shorter than 127 bytes.
    """
    parts = [_STATUS_200 if status == _OK else _STATUS_NAME + str(status).encode()]
    for name, value in headers:
        raw_name, raw_value = name.encode(), value.encode()
        parts.append(b"\x00%c%b%c%b" % (len(raw_name), raw_name, len(raw_value), raw_value))
    return b"".join(parts)
