"""One server connection without I/O: bytes in, complete requests out, answers to bytes.

Written by hand, not on `h2`: `h2` cannot refuse a stream that is one too many, cannot answer after
its own GOAWAY, and serves a quarter of the requests per second.
"""

from collections.abc import Callable

from push_workers.simulator.http2 import frames as h2
from push_workers.simulator.http2.blocks import Block, Blocks
from push_workers.simulator.http2.frames import ErrorCode, ViolationError
from push_workers.simulator.http2.headers import Decoder, Field
from push_workers.simulator.http2.outbound import Outbound
from push_workers.simulator.http2.streams import Stream, StreamLimit, is_well_formed
from push_workers.simulator.http2.terms import Terms
from push_workers.simulator.http2.windows import ReceiveWindow
from push_workers.simulator.messages import Answer, Request, Shape
from push_workers.simulator.tally import RequestCounts


class Codec:
    """The state of one connection. Nothing here is sent; what is due gathers in `out.frames`."""

    def __init__(self, terms: Terms, tally: RequestCounts) -> None:
        self.out = Outbound(index_headers=terms.index_headers)
        self.open: dict[int, Stream] = {}  # streams that the client waits for
        self.dropped: set[int] = set()  # streams that a GOAWAY promised not to have processed
        self.finished = False  # nothing more will be read or written
        self.answer_pings = True
        self.watch: Callable[[str], bool] | None = None  # asked at each HEADERS whether to stop
        self._tally = tally
        self._strict_overrun = terms.strict_overrun
        self._limit = StreamLimit(terms.streams)
        self._receiving = ReceiveWindow(terms.window_bytes, grant=terms.grant_window)
        self._decoder = Decoder()
        self._buffer = b""
        self._greeted = False
        self._highest = 0
        self._last: int | None = None  # set by GOAWAY: later streams are ignored
        self._blocks = Blocks()
        self._done: list[Request] = []
        self.out.greet(terms.streams, terms.window_bytes)

    # ---- what the server does ------------------------------------------------------------

    def answer(self, stream: int, answer: Answer, shape: Shape = Shape.WHOLE) -> None:
        """Write an answer; a stream that the client or a GOAWAY ended is passed over."""
        if self.open.pop(stream, None) is not None:
            self.out.answer(stream, answer, shape)

    def answer_headers(self, stream: int, answer: Answer) -> None:
        """Write the head of an answer whose body will never come."""
        if stream in self.open:
            self.out.head(stream, answer, end=False)

    def reset(self, stream: int, code: int) -> None:
        """End a stream with RST_STREAM."""
        self.out.put(h2.rst_stream(stream, code))
        self._forget(stream)

    def limit(self, streams: int) -> None:
        """Announce another MAX_CONCURRENT_STREAMS."""
        if streams != self._limit.newest:
            self._limit.announce(streams)
            self.out.put(h2.settings({int(h2.Setting.MAX_CONCURRENT_STREAMS): streams}))

    def goaway(self, debug: bytes, *, spare: int = 0) -> None:
        """Say GOAWAY; all but the newest `spare` open streams are still answered.

        Streams above the announced id are forgotten unprocessed, which is what the frame promises;
        so an answered stream ends what can be spared.
        """
        last = self._highest
        while spare and last in self.open:
            self.dropped.add(last)
            self._forget(last)
            last, spare = last - 2, spare - 1
        self._last = max(0, last)
        self._say_goaway(self._last, ErrorCode.NO_ERROR, debug)

    def is_drained(self) -> bool:
        """Say whether a GOAWAY was exchanged and every stream before it has been answered."""
        return self._last is not None and not self.open and not self.out.window.is_waiting()

    # ---- what the client sends -----------------------------------------------------------

    def receive(self, data: bytes) -> list[Request]:
        """Take bytes from the client; return the requests that they complete, in order.

        A breach of the protocol ends the connection with a GOAWAY; requests that were complete
        before it are still returned.
        """
        self._done = []
        try:
            self._read(self._buffer + data if self._buffer else data)
        except ViolationError as violation:
            self._fail(violation.code, str(violation))
        return self._done

    def _read(self, data: bytes) -> None:
        at = 0 if self._greeted else self._read_preface(data)
        size = len(data)
        while self._greeted and size - at >= h2.HEAD_BYTES and not self.finished:
            high, low, kind, flags, stream = h2.HEAD.unpack_from(data, at)
            length = (high << 16) | low
            h2.check_length(kind, length)
            end = at + h2.HEAD_BYTES + length
            if end > size:
                break
            if self._blocks.pending and kind != h2.CONTINUATION:
                raise ViolationError(ErrorCode.PROTOCOL_ERROR, "header block interrupted")
            reader = self._READERS.get(kind)
            if reader is not None:  # unknown frame types are ignored (RFC 9113, section 4.1)
                reader(self, flags, stream & 0x7FFFFFFF, data[at + h2.HEAD_BYTES : end])
            at = end
        self._buffer = data[at:]

    def _read_preface(self, data: bytes) -> int:
        if not h2.PREFACE.startswith(data[: len(h2.PREFACE)]):
            self.out.frames.clear()  # no HTTP/2 here: the connection is closed without a word
            self.finished = True
        self._greeted = data.startswith(h2.PREFACE)
        return len(h2.PREFACE) if self._greeted else 0

    def _on_headers(self, flags: int, stream: int, payload: bytes) -> None:
        self._on_block(self._blocks.begin(flags, stream, payload))

    def _on_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        self._on_block(self._blocks.go_on(flags, stream, payload))

    def _on_block(self, block: Block | None) -> None:
        if block is None:
            return
        stream, flags, data = block
        fields = self._decoder.decode(data)  # always: its table must stay in step
        if stream in self.open:  # trailers
            if not flags & h2.END_STREAM:
                raise ViolationError(ErrorCode.PROTOCOL_ERROR, "HEADERS twice on one stream")
            self._complete(stream)
            return
        if not stream & 1 or stream <= self._highest:
            raise ViolationError(ErrorCode.PROTOCOL_ERROR, "stream id not odd and rising")
        self._highest = stream
        if self._last is not None and stream > self._last:
            self._tally.ignored += 1
        else:
            self._open(stream, flags, fields)

    def _open(self, stream: int, flags: int, fields: list[Field]) -> None:
        headers = dict(fields)
        if not is_well_formed(headers):
            self.reset(stream, ErrorCode.PROTOCOL_ERROR)
            return
        if not self._admit(stream):
            return
        self.open[stream] = Stream(headers, repeated=len(headers) != len(fields))
        self._tally.peak_streams = max(self._tally.peak_streams, len(self.open))
        if self.watch is not None and self.watch(headers[":path"]):
            self.finished = True
        elif flags & h2.END_STREAM:
            self._complete(stream)

    def _admit(self, stream: int) -> bool:
        if len(self.open) < self._limit.newest:
            return True
        if not self._strict_overrun:
            self._tally.refused += 1
            self.reset(stream, ErrorCode.REFUSED_STREAM)
            return False
        if len(self.open) >= self._limit.binding:
            raise ViolationError(ErrorCode.PROTOCOL_ERROR, "Maximum active streams violated")
        return True

    def _on_data(self, flags: int, stream: int, payload: bytes) -> None:
        if stream == 0 or stream > self._highest:
            raise ViolationError(ErrorCode.PROTOCOL_ERROR, "DATA on an idle stream")
        self.out.put(self._receiving.take(len(payload)))
        state = self.open.get(stream)
        if state is None:  # refused, reset or ignored: only the window is accounted for
            return
        state.take(payload, padded=bool(flags & h2.PADDED))
        if flags & h2.END_STREAM:
            self._complete(stream)
        else:
            credit = self._receiving.take_stream(stream, state.received, len(payload))
            self.out.put(credit)

    def _complete(self, stream: int) -> None:
        request = self.open[stream].complete(stream)
        if request is None:
            self.reset(stream, ErrorCode.PROTOCOL_ERROR)
        else:
            self._done.append(request)

    def _on_rst(self, _flags: int, stream: int, _payload: bytes) -> None:
        if stream > self._highest:
            raise ViolationError(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream")
        self._tally.resets += 1
        self._forget(stream)

    def _on_settings(self, flags: int, _stream: int, payload: bytes) -> None:
        if flags & h2.ACK:
            self._limit.acknowledge()
        else:
            self.out.adopt(payload)

    def _on_ping(self, flags: int, _stream: int, payload: bytes) -> None:
        if not flags & h2.ACK:
            self._tally.pings += 1
            if self.answer_pings:
                self.out.put(h2.frame(h2.PING, h2.ACK, 0, payload))

    def _on_window_update(self, _flags: int, stream: int, payload: bytes) -> None:
        window = self.out.window
        if stream == 0 or stream in self.open or window.is_waiting():
            self.out.put(window.credit(stream, int.from_bytes(payload) & h2.MAX_WINDOW_BYTES))

    def _on_priority(self, _flags: int, _stream: int, _payload: bytes) -> None:
        self._tally.priorities += 1

    def _on_goaway(self, _flags: int, _stream: int, _payload: bytes) -> None:
        self._tally.farewells += 1
        self._last = self._highest  # the client leaves: answer what is open, then close

    def _on_push_promise(self, _flags: int, _stream: int, _payload: bytes) -> None:
        raise ViolationError(ErrorCode.PROTOCOL_ERROR, "a client cannot push")

    def _fail(self, code: ErrorCode, text: str) -> None:
        self._say_goaway(self._highest, code, b'{"reason":"%b"}' % text.encode())
        self.finished = True

    def _say_goaway(self, last: int, code: ErrorCode, debug: bytes) -> None:
        self._tally.goaways += 1
        self.out.put(h2.goaway(last, code, debug))

    def _forget(self, stream: int) -> None:
        self.open.pop(stream, None)
        self.out.window.forget(stream)

    _READERS = {  # noqa: RUF012 - a constant of the class; its values are the methods above
        h2.DATA: _on_data,
        h2.HEADERS: _on_headers,
        h2.PRIORITY: _on_priority,
        h2.RST_STREAM: _on_rst,
        h2.SETTINGS: _on_settings,
        h2.PUSH_PROMISE: _on_push_promise,
        h2.PING: _on_ping,
        h2.GOAWAY: _on_goaway,
        h2.WINDOW_UPDATE: _on_window_update,
        h2.CONTINUATION: _on_continuation,
    }
