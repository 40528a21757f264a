"""HTTP/2 frames (RFC 9113, section 6): their numbers, and how they are written."""

import struct
from enum import IntEnum

#: What a client sends first on a connection (RFC 9113, section 3.4).
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Length (24 bits, as 8 + 16), type, flags, stream id.
HEAD = struct.Struct(">BHBBL")
#: Bytes in front of every payload.
HEAD_BYTES = 9
#: Largest payload that we announce and accept, in bytes: the protocol's default.
MAX_FRAME_BYTES = 16_384
#: Window that both sides start with until SETTINGS say otherwise, in bytes.
DEFAULT_WINDOW_BYTES = 65_535
#: No window may grow beyond this, in bytes.
MAX_WINDOW_BYTES = 2**31 - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = range(5)
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(5, 10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20


class Setting(IntEnum):
    """Names of the settings that matter here."""

    HEADER_TABLE_SIZE = 1
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (RFC 9113, section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class ViolationError(Exception):
    """The client broke the protocol; the connection ends with a GOAWAY of this code."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code


#: Payloads of one length, in bytes.
_EXACT_BYTES = {RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_SETTING_BYTES = 6


def check_length(kind: int, length: int) -> None:
    """Refuse a payload whose length its frame type does not allow."""
    wrong = (
        length > MAX_FRAME_BYTES
        or length != _EXACT_BYTES.get(kind, length)
        or (kind == SETTINGS and length % _SETTING_BYTES)
    )
    if wrong:
        raise ViolationError(ErrorCode.FRAME_SIZE_ERROR, "frame of a wrong length")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Write one frame; the payload must fit the peer's frame size."""
    size = len(payload)
    return HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """Write a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HL", k, v) for k, v in values.items()))


def goaway(last_stream: int, code: int, debug: bytes) -> bytes:
    """Write a GOAWAY frame."""
    return frame(GOAWAY, 0, 0, struct.pack(">LL", last_stream, code) + debug)


def rst_stream(stream: int, code: int) -> bytes:
    """Write an RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, struct.pack(">L", code))


def window_update(stream: int, credit: int) -> bytes:
    """Write a WINDOW_UPDATE frame; `credit` in bytes."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">L", credit))


def unpadded(flags: int, payload: bytes) -> bytes:
    """Take padding and the deprecated priority field off a HEADERS or DATA payload."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload or payload[0] >= end:
            raise ViolationError(ErrorCode.PROTOCOL_ERROR, "padding longer than the frame")
        start, end = 1, end - payload[0]
    if flags & WITH_PRIORITY:
        start += 5
    return payload[start:end] if start <= end else b""
