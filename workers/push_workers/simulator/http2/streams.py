"""Open requests, and how many of them a client may have."""

import time

from push_workers.simulator.http2.frames import PADDED, ErrorCode, ViolationError, unpadded
from push_workers.simulator.messages import Request

#: Most bytes of a body that are kept; a longer one is refused by its size anyway.
_KEPT_BYTES = 65_536

#: Headers that HTTP/2 forbids (RFC 9113, section 8.2.2).
_FORBIDDEN = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
_PSEUDO = frozenset({":method", ":path", ":scheme"})
#: Names that were found lower case once: a set look-up is cheaper than looking at each letter.
_lower_case: set[str] = set()
#: Names remembered at most; clients use a dozen.
_LOWER_CASE_MAX = 1000


class Stream:
    """A request that is not answered yet."""

    __slots__ = ("_body", "_headers", "_repeated", "is_complete", "received")

    def __init__(self, headers: dict[str, str], *, repeated: bool) -> None:
        self.received = 0  # bytes of DATA payload, padding included
        self.is_complete = False
        self._headers = headers
        self._repeated = repeated
        self._body: list[bytes] = []

    def take(self, payload: bytes, *, padded: bool) -> None:
        """Take one DATA frame."""
        if self.is_complete:
            raise ViolationError(ErrorCode.STREAM_CLOSED, "DATA behind the end of a stream")
        self.received += len(payload)
        if self.received <= _KEPT_BYTES:
            self._body.append(unpadded(PADDED, payload) if padded else payload)

    def complete(self, stream: int) -> Request | None:
        """Return the request, None where its content-length is wrong."""
        if self.is_complete:
            raise ViolationError(ErrorCode.STREAM_CLOSED, "HEADERS behind the end of a stream")
        self.is_complete = True
        headers, body = self._headers, b"".join(self._body)
        length = headers.get("content-length")
        if length not in (None, str(len(body))) and self.received <= _KEPT_BYTES:
            return None
        method, path = headers.pop(":method"), headers.pop(":path")
        del headers[":scheme"]
        headers.pop(":authority", None)
        return Request(stream, method, path, headers, self._repeated, body, time.time())


class StreamLimit:
    """MAX_CONCURRENT_STREAMS as announced, and as far as the client has acknowledged it."""

    def __init__(self, streams: int) -> None:
        self._announced = [streams]  # the acknowledged one, then those on their way

    @property
    def newest(self) -> int:
        """What was announced last."""
        return self._announced[-1]

    @property
    def binding(self) -> int:
        """What a client may open without being wrong: a lower limit binds once acknowledged."""
        return max(self._announced)

    def announce(self, streams: int) -> None:
        """Note another limit."""
        self._announced.append(streams)

    def acknowledge(self) -> None:
        """Note that the client knows the next one."""
        if len(self._announced) > 1:
            self._announced.pop(0)


def is_well_formed(headers: dict[str, str]) -> bool:
    """Check names: all pseudo-headers, nothing of HTTP/1.1, no upper case (RFC 9113, 8.2)."""
    names = headers.keys()
    if not names >= _PSEUDO or names & _FORBIDDEN:
        return False
    return all(name in _lower_case or _is_lower_case(name) for name in names)


def _is_lower_case(name: str) -> bool:
    if name != name.lower():
        return False
    if len(_lower_case) < _LOWER_CASE_MAX:
        _lower_case.add(name)
    return True
