"""Flow control (RFC 9113, section 5.2): what we may still send, what the client may still send."""

from collections import deque

from push_workers.simulator.http2.frames import (
    DATA,
    DEFAULT_WINDOW_BYTES,
    END_STREAM,
    MAX_FRAME_BYTES,
    MAX_WINDOW_BYTES,
    ErrorCode,
    ViolationError,
    frame,
    window_update,
)


class SendWindow:
    """Bytes the client lets us send; bodies that do not fit wait here for its WINDOW_UPDATE.

    A client that never returns credit therefore stalls here exactly as it does in production.
    """

    def __init__(self) -> None:
        self.initial = DEFAULT_WINDOW_BYTES
        self._connection = DEFAULT_WINDOW_BYTES
        self._spent: dict[int, int] = {}  # stream -> bytes sent less credit, only where non-zero
        self._waiting: deque[tuple[int, bytes, int]] = deque()

    def send(self, stream: int, body: bytes, *, end: bool = True) -> bytes:
        """Return the frame if it may go now; otherwise it waits, and all later ones behind it."""
        flags = END_STREAM if end else 0
        room = min(self._connection, self.initial - self._spent.get(stream, 0), MAX_FRAME_BYTES)
        if len(body) <= room and not self._waiting:
            self._connection -= len(body)
            if not end:
                self._spent[stream] = self._spent.get(stream, 0) + len(body)
            return frame(DATA, flags, stream, body)
        self._waiting.append((stream, body, flags))
        return b""

    def credit(self, stream: int, amount: int) -> bytes:
        """Take a WINDOW_UPDATE; return the frames that it sets free."""
        if amount == 0:
            raise ViolationError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of zero")
        if stream:
            self._spent[stream] = self._spent.get(stream, 0) - amount
        else:
            self._connection += amount
            if self._connection > MAX_WINDOW_BYTES:
                raise ViolationError(ErrorCode.FLOW_CONTROL_ERROR, "connection window too large")
        return self.drain()

    def drain(self) -> bytes:
        """Return the waiting frames that fit by now, oldest first."""
        out = []
        while self._waiting and self._fits(*self._waiting[0][:2]):
            stream, body, flags = self._waiting.popleft()
            self._connection -= len(body)
            self._spent.pop(stream, None)
            out.append(frame(DATA, flags, stream, body))
        return b"".join(out)

    def forget(self, stream: int) -> None:
        """Drop what is kept for a stream that is over."""
        self._spent.pop(stream, None)
        if self._waiting:
            self._waiting = deque(item for item in self._waiting if item[0] != stream)

    def is_waiting(self) -> bool:
        """Say whether a body waits for credit."""
        return bool(self._waiting)

    def _fits(self, stream: int, body: bytes) -> bool:
        return len(body) <= min(self._connection, self.initial - self._spent.get(stream, 0))


class ReceiveWindow:
    """Bytes that we let the client send; credit is returned in halves unless `grant` is off."""

    def __init__(self, initial: int, *, grant: bool = True) -> None:
        self.initial = initial
        self.grant = grant
        self._connection = DEFAULT_WINDOW_BYTES

    def take(self, size: int) -> bytes:
        """Account for received bytes on the connection; return a WINDOW_UPDATE when one is due."""
        self._connection -= size
        if self._connection < 0:
            raise ViolationError(ErrorCode.FLOW_CONTROL_ERROR, "more bytes than the window allows")
        if not self.grant or self._connection > DEFAULT_WINDOW_BYTES // 2:
            return b""
        credit, self._connection = DEFAULT_WINDOW_BYTES - self._connection, DEFAULT_WINDOW_BYTES
        return window_update(0, credit)

    def take_stream(self, stream: int, received: int, size: int) -> bytes:
        """Account for bytes of an unfinished body; `received` includes this frame's `size`."""
        if self.grant:
            return window_update(stream, size) if size else b""
        if received > self.initial:
            raise ViolationError(ErrorCode.FLOW_CONTROL_ERROR, "more than the stream's window")
        return b""
