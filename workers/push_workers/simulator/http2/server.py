"""HTTP/2 on a socket: feeds the codec, hands requests to the service, writes what is due."""

import asyncio
import time
from collections.abc import Callable

import orjson

from push_workers.simulator.connections import Connection, Connections
from push_workers.simulator.http2.codec import Codec
from push_workers.simulator.http2.terms import Terms
from push_workers.simulator.messages import Answer, Shape
from push_workers.simulator.service import Service


class Http2Connection(Connection):
    """One connection. Everything that a loop turn produces leaves in one write."""

    def __init__(
        self, service: Service, connections: Connections, terms: Callable[[], Terms]
    ) -> None:
        super().__init__(service, connections)
        self._codec = Codec(terms(), self.world.tally)
        self._due = False
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet with SETTINGS."""
        super().connection_made(transport)
        self._write_soon()

    def data_received(self, data: bytes) -> None:
        """Serve the requests that these bytes complete."""
        self.last_active = time.monotonic()
        codec = self._codec
        codec.watch = self._watch if self.world.rules.cuts_at_headers else None
        codec.answer_pings = self.world.behaviour.answer_pings
        serve = self.service.serve
        for request in codec.receive(data):
            if self.is_cut:  # what came behind a cut was never read
                break
            serve(self, request)
        self._write_soon()

    def is_busy(self) -> bool:
        """Say whether a stream is open."""
        return bool(self._codec.open)

    def is_dropped(self, stream: int) -> bool:
        """Say whether a GOAWAY promised that this stream was not processed."""
        return stream in self._codec.dropped

    def answer(self, stream: int, answer: Answer, shape: Shape = Shape.WHOLE) -> None:
        """Answer a request; nothing happens if the client no longer waits."""
        self._codec.answer(stream, answer, shape)
        self._write_soon()

    def answer_headers(self, stream: int, answer: Answer) -> None:
        """Begin an answer that will not be finished."""
        self._codec.answer_headers(stream, answer)
        self._flush()

    def reset(self, stream: int, code: int) -> None:
        """End one stream without an answer."""
        self._codec.reset(stream, code)
        self._write_soon()

    def limit(self, streams: int) -> None:
        """Announce another stream limit."""
        self._codec.limit(streams)
        self._write_soon()

    def goaway(self, reason: str, *, spare: int = 0, close: bool = False) -> None:
        """Say GOAWAY, then close when every open stream is answered, or at once."""
        self._codec.goaway(orjson.dumps({"reason": reason}), spare=spare)
        self._closing = close
        self._write_soon()

    def _watch(self, path: str) -> bool:
        return self.service.watch(self, path)

    def _write_soon(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        codec, transport = self._codec, self.transport
        if transport.is_closing():
            return
        frames = codec.out.frames
        if frames:
            transport.write(b"".join(frames))
            frames.clear()
        if codec.finished or self._closing or codec.is_drained():
            transport.close()
