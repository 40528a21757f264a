"""One HTTP/2 connection of a client without its socket: bytes in, bytes and endings out.

Knows RFC 9113 as far as a client needs that posts small bodies and is never pushed to. Nothing
here waits, reads a clock or touches a network, so every rule can be tested with plain bytes.
"""

import struct
from collections.abc import Callable, Sequence

from push_workers.senders.http2 import frames
from push_workers.senders.http2.answers import BRIEF_200, MAX_BODY_BYTES, Answers
from push_workers.senders.http2.endings import Ended, Ending, Kept
from push_workers.senders.http2.frames import ErrorCode, PeerViolation
from push_workers.senders.http2.goaway import read_goaway
from push_workers.senders.http2.header_blocks import MAX_BLOCK_BYTES, PLAIN_200
from push_workers.senders.http2.hpack_encoder import Field
from push_workers.senders.http2.outbound import Outbound
from push_workers.senders.http2.requests import Requests
from push_workers.senders.http2.stats import RunningTotals

#: Bytes of answers that may be on their way on one connection; renewed when half is used.
RECEIVE_WINDOW = 16 * 1024 * 1024
#: Frames without any request ending, beyond which the peer only keeps us busy. A peer may well
#: send a WINDOW_UPDATE for each of 1,000 streams and a PING a second for half an hour.
MAX_IDLE_FRAMES = 10_000

#: A frame's head with type and flags in one: what `receive` compares for each answer.
SHORT_HEAD = struct.Struct(">HBHI").unpack_from
WHOLE_ANSWER = frames.HEADERS << 8 | frames.END_HEADERS | frames.END_STREAM
BEGUN_ANSWER = frames.HEADERS << 8 | frames.END_HEADERS
LAST_DATA = frames.DATA << 8 | frames.END_STREAM
ANSWER = Ended.ANSWER  # looking a member up costs as much as making the ending
SETTING = struct.Struct(">HI")
WORD_BYTES = 4
PING_BYTES = 8

OPENING = (
    frames.PREFACE
    + frames.settings(
        {
            frames.HEADER_TABLE_SIZE: 0,
            frames.ENABLE_PUSH: 0,
            frames.INITIAL_WINDOW_SIZE: MAX_BODY_BYTES,
            frames.MAX_HEADER_LIST_SIZE: MAX_BLOCK_BYTES,
        }
    )
    + frames.window_update(0, RECEIVE_WINDOW - frames.DEFAULT_WINDOW)
)


class Codec:
    """The state of one connection. Send `OPENING` first, then what the methods return."""

    def __init__(
        self, tally: RunningTotals, *, stream_cap: int = 1000, id_header: bytes | None = None
    ) -> None:
        self.answers = Answers(tally)
        self.outbound = Outbound(id_header)
        self.goaway: str | None = None  # why the peer is leaving, once it said so
        self.pings_answered = 0
        self._tally = tally
        self._stream_cap = stream_cap
        self._peer_limit = stream_cap
        self._last_processed = frames.LARGEST
        self._replies: list[bytes] = []
        self._tail = b""
        self._block: tuple[int, int, bytearray] | None = None  # stream, flags, headers so far
        self._unrenewed = 0  # bytes received since the last WINDOW_UPDATE
        self._idle_frames = 0
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            frames.DATA: self._on_data,
            frames.HEADERS: self._on_headers,
            frames.RST_STREAM: self._on_reset,
            frames.SETTINGS: self._on_settings,
            frames.PUSH_PROMISE: self._on_push,
            frames.PING: self._on_ping,
            frames.GOAWAY: self._on_goaway,
            frames.WINDOW_UPDATE: self._on_window_update,
            frames.CONTINUATION: self._on_continuation,
        }

    @property
    def in_flight(self) -> int:
        """How many requests wait for their end."""
        return len(self.answers.waiting)

    @property
    def finished(self) -> bool:
        """No new stream may be opened: the peer is leaving, or the numbers are used up."""
        return self.goaway is not None or self.outbound.next_stream > frames.LARGEST

    @property
    def room(self) -> int:
        """How many requests may be submitted now."""
        if self.finished or self.outbound.blocked:
            return 0
        numbers = (frames.LARGEST - self.outbound.next_stream) // 2 + 1
        return max(0, min(self._peer_limit - self.in_flight, numbers))

    def begin(self, results: list[Kept | None], *, brief: bool = False) -> None:
        """Endings go to this list from now on, briefly or whole; nothing may be in flight."""
        self.answers.results, self.answers.brief = results, brief
        self.answers.complaints = []
        self._idle_frames = 0

    def submit(
        self, requests: Requests, indexes: Sequence[int], fields: Sequence[Field]
    ) -> tuple[bytes, range]:
        """Open streams for the first of `indexes` (at most `room` of them).

        Returns:
            The bytes to send and the streams that were opened, one per request taken.
        """
        data, streams = self.outbound.submit(requests, indexes, fields)
        self.answers.waiting.update(zip(streams, indexes, strict=False))
        self._tally.requests += len(streams)
        return data, streams

    def replies(self) -> bytes:
        """What has to be sent because of what came: acknowledgements, rests of bodies."""
        if self.outbound.has_rests and (rest := self.outbound.resume(self.answers.waiting)):
            self._replies.append(rest)
            self._idle_frames = 0  # the WINDOW_UPDATEs did serve something
        data = b"".join(self._replies)
        self._replies.clear()
        return data

    def cancel(self, detail: str) -> bytes:
        """Stop waiting: every stream in flight is reset, its request's end is unknown."""
        resets = [frames.reset(stream, ErrorCode.CANCEL) for stream in self.answers.waiting]
        for stream in self.answers.waiting:
            self.outbound.forget(stream)
        self.answers.end_all(detail)
        return b"".join(resets)

    def receive(self, data: bytes) -> None:
        """Take bytes, cut anywhere.

        Raises:
            PeerViolation: the connection must be given up.
        """
        if self._tail:
            data = self._tail + data
        waiting, begun, parts = self.answers.waiting, self.answers.begun, self.answers.bodies
        results, brief, quick = self.answers.results, self.answers.brief, self._reads_quickly()
        before, position, size, bodies_size = len(waiting), 0, len(data), 0
        last = size - frames.HEAD_BYTES
        while position <= last:
            high, low, form, stream = SHORT_HEAD(data, position)
            start = position + frames.HEAD_BYTES
            end = start + (high << 8 | low)
            if end > size:
                _check_size(end - start)
                break
            position = end
            # The answer of nearly every request: status 200, nothing to decode, in one frame; or
            # its body in a second one.
            if (
                quick
                and form == WHOLE_ANSWER
                and stream in waiting
                and data[start] == PLAIN_200
                and end > start
                and stream not in begun
            ):
                results[waiting.pop(stream)] = (
                    b"" if brief else Ending(ANSWER, 200, b"", data[start:end])
                )
            elif (
                brief
                and quick
                and form == BEGUN_ANSWER
                and stream in waiting
                and data[start] == PLAIN_200
                and end > start
                and stream not in begun
            ):
                begun[stream] = BRIEF_200
            elif (
                quick
                and form == LAST_DATA
                and begun.get(stream) is BRIEF_200
                and stream not in parts
                and end - start <= frames.DEFAULT_MAX_FRAME
            ):
                del begun[stream]
                results[waiting.pop(stream)] = data[start:end]
                bodies_size += end - start
            else:
                self._dispatch(form >> 8, form & 0xFF, stream & frames.LARGEST, data[start:end])
                quick = self._reads_quickly()
        self._tail = data[position:]
        self._renew_window(bodies_size)
        if len(waiting) < before:
            self._idle_frames = 0

    def _reads_quickly(self) -> bool:
        """Answers stand alone, the first is here, and no header block is left open."""
        answers = self.answers
        return answers.answered and answers.blocks.self_contained and self._block is None

    def _dispatch(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        _check_size(len(payload))
        if self._block is not None and kind != frames.CONTINUATION:
            raise PeerViolation(ErrorCode.PROTOCOL_ERROR, "Interleaved")
        self._idle_frames += 1
        if self._idle_frames > MAX_IDLE_FRAMES:
            raise PeerViolation(ErrorCode.ENHANCE_YOUR_CALM, "Flood")
        handler = self._handlers.get(kind)
        if handler is not None:  # unknown kinds must be ignored (RFC 9113, 4.1); so is PRIORITY
            handler(flags, stream, payload)

    def _on_data(self, flags: int, stream: int, payload: bytes) -> None:
        self._check_opened(stream)
        self._renew_window(len(payload))  # padding counts, and so do streams long cancelled
        if payload:
            self._idle_frames -= 1
        self._reset(
            stream,
            self.answers.data(
                stream, frames.unpadded(flags, payload), bool(flags & frames.END_STREAM)
            ),
        )

    def _on_headers(self, flags: int, stream: int, payload: bytes) -> None:
        self._check_opened(stream)
        block = frames.unpadded(flags, payload)
        self._block = stream, flags, bytearray(block[5 if flags & frames.PRIORITISED else 0 :])
        self._finish_block(flags)

    def _on_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if self._block is None or self._block[0] != stream:
            raise PeerViolation(ErrorCode.PROTOCOL_ERROR, "Continuation")
        self._block[2].extend(payload)
        if len(self._block[2]) > MAX_BLOCK_BYTES:
            raise PeerViolation(ErrorCode.ENHANCE_YOUR_CALM, "HeadersTooLarge")
        self._finish_block(flags)

    def _finish_block(self, flags: int) -> None:
        if self._block is None or not flags & frames.END_HEADERS:
            return
        (stream, first_flags, block), self._block = self._block, None
        self._reset(
            stream,
            self.answers.headers(stream, bytes(block), bool(first_flags & frames.END_STREAM)),
        )

    def _on_reset(self, _flags: int, stream: int, payload: bytes) -> None:
        self._check_opened(stream)
        self.outbound.forget(stream)
        self.answers.reset(stream, _word(payload))

    def _on_settings(self, flags: int, stream: int, payload: bytes) -> None:
        if stream or len(payload) % SETTING.size or (flags & frames.ACK and payload):
            raise PeerViolation(ErrorCode.FRAME_SIZE_ERROR, "Settings")
        if flags & frames.ACK:
            return
        for name, value in SETTING.iter_unpack(payload):
            if name == frames.HEADER_TABLE_SIZE:
                self.outbound.encoder.resize(value)
            elif name == frames.MAX_CONCURRENT_STREAMS:
                self._peer_limit = min(value, self._stream_cap)
            elif name == frames.INITIAL_WINDOW_SIZE:
                self.outbound.set_stream_window(value)
            elif name == frames.MAX_FRAME_SIZE:
                self.outbound.set_max_frame(value)
        self._replies.append(frames.frame(frames.SETTINGS, frames.ACK, 0))

    def _on_push(self, _flags: int, _stream: int, _payload: bytes) -> None:
        raise PeerViolation(ErrorCode.PROTOCOL_ERROR, "Push")

    def _on_ping(self, flags: int, _stream: int, payload: bytes) -> None:
        if len(payload) != PING_BYTES:
            raise PeerViolation(ErrorCode.FRAME_SIZE_ERROR, "FrameSize")
        if flags & frames.ACK:
            self.pings_answered += 1
        else:
            self._replies.append(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _on_goaway(self, _flags: int, _stream: int, payload: bytes) -> None:
        last, detail = read_goaway(payload)
        self._tally.goaways += self.goaway is None
        self.goaway = detail
        # A second GOAWAY may lower the last stream, never raise it (RFC 9113, 6.8).
        self._last_processed = min(last, self._last_processed)
        self.answers.refuse_above(self._last_processed, detail)

    def _on_window_update(self, _flags: int, stream: int, payload: bytes) -> None:
        increment = _word(payload) & frames.LARGEST
        if not increment:
            raise PeerViolation(ErrorCode.PROTOCOL_ERROR, "WindowUpdate")
        if not stream:
            self.outbound.widen(increment)
        elif not self.outbound.widen_stream(stream, increment):
            self.answers.reset(stream, ErrorCode.FLOW_CONTROL_ERROR)
            self._reset(stream, ErrorCode.FLOW_CONTROL_ERROR)

    def _renew_window(self, size: int) -> None:
        self._unrenewed += size
        if self._unrenewed > RECEIVE_WINDOW // 2:
            self._replies.append(frames.window_update(0, self._unrenewed))
            self._unrenewed = 0

    def _reset(self, stream: int, code: ErrorCode | None) -> None:
        if code is not None:
            self.outbound.forget(stream)
            self._replies.append(frames.reset(stream, code))

    def _check_opened(self, stream: int) -> None:
        if not stream & 1 or stream >= self.outbound.next_stream:
            raise PeerViolation(ErrorCode.PROTOCOL_ERROR, "Stream")


def _check_size(size: int) -> None:
    if size > frames.DEFAULT_MAX_FRAME:
        raise PeerViolation(ErrorCode.FRAME_SIZE_ERROR, "FrameSize")


def _word(payload: bytes) -> int:
    if len(payload) != WORD_BYTES:
        raise PeerViolation(ErrorCode.FRAME_SIZE_ERROR, "FrameSize")
    return int.from_bytes(payload, "big")
