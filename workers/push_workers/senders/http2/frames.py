"""HTTP/2 frames as bytes: types, flags, settings and error codes of RFC 9113."""

import struct
from enum import IntEnum
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: A frame's head: length in 16 + 8 bits, type, flags, stream (RFC 9113, 4.1).
HEAD: Final = struct.Struct(">HBBBI")
HEAD_BYTES: Final = 9

# Plain integers, not an enum: they are compared once per frame received.
DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITISED: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

#: Bytes a window holds before any SETTINGS or WINDOW_UPDATE (RFC 9113, 6.9.2).
DEFAULT_WINDOW: Final = 65_535
#: Bytes no window may exceed (RFC 9113, 6.9.1); also the highest stream number (5.1.1).
LARGEST: Final = 2**31 - 1
#: Bytes of the largest frame everybody must take (RFC 9113, 4.2).
DEFAULT_MAX_FRAME: Final = 16_384
#: Bytes of the largest frame that may be announced (RFC 9113, 6.5.2).
LARGEST_MAX_FRAME: Final = 2**24 - 1


class ErrorCode(IntEnum):
    """Why a stream or a connection ended (RFC 9113, 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class PeerViolation(Exception):
    """The peer broke the protocol or a limit of ours: the connection must end."""

    def __init__(self, code: ErrorCode, what: str) -> None:
        super().__init__(what)
        self.code = code
        self.word = f"Protocol:{what}"


def error_word(code: int) -> str:
    """The code's name as one word (`RefusedStream`), or its number (`Code99`)."""
    try:
        return ErrorCode(code).name.title().replace("_", "")
    except ValueError:
        return f"Code{code}"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One whole frame."""
    size = len(payload)
    return HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload


def frame_head(size: int, kind: int, flags: int) -> bytes:
    """The first five bytes of a frame: all but the stream."""
    return HEAD.pack(size >> 8, size & 0xFF, kind, flags, 0)[:5]


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *item) for item in values.items()))


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame: `increment` more bytes may come."""
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def reset(stream: int, code: ErrorCode) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(code: ErrorCode) -> bytes:
    """A GOAWAY frame of a client: the peer opens no streams, so the last one is 0."""
    return frame(GOAWAY, 0, 0, bytes(4) + code.to_bytes(4, "big"))


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload without its padding (RFC 9113, 6.1).

    Raises:
        PeerViolation: the padding is as long as the frame.
    """
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise PeerViolation(ErrorCode.PROTOCOL_ERROR, "Padding")
    return payload[1 : len(payload) - payload[0]]
