"""HTTP/1.1 with `h11`: for FCM clients that do not speak HTTP/2, and for the control API."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import h11

from push_workers.simulator.connections import Connection, Connections
from push_workers.simulator.messages import Answer, Request, Shape
from push_workers.simulator.service import Service


class Exchange:
    """One HTTP/1.1 connection without I/O: collects a request, writes its answer."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER)
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self.waiting = False  # a complete request has no answer yet

    def feed(self, data: bytes) -> None:
        """Take bytes; empty ones mean that the client closed its side."""
        self._http.receive_data(data)

    def next_request(self) -> Request | None:
        """Return the next complete request, None where more bytes are needed.

        Raises:
            h11.RemoteProtocolError: the client does not speak HTTP/1.1.
        """
        while not self.waiting:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return self._request()
            else:
                return None
        return None

    def answer(self, answer: Answer, *, close: bool = False) -> bytes:
        """Write an answer; the connection is then ready for the next request."""
        length = str(len(answer.body))
        fields = [*answer.headers, ("content-length", length)]
        if close:
            fields.append(("connection", "close"))
        return self.head(answer, fields) + self._finish(answer.body)

    def head(self, answer: Answer, fields: list[tuple[str, str]]) -> bytes:
        """Write the head of an answer."""
        response = h11.Response(
            status_code=answer.status, headers=[(n.encode(), v.encode()) for n, v in fields]
        )
        return self._http.send(response) or b""

    def must_close(self) -> bool:
        """Say whether the connection cannot be used again."""
        return self._http.our_state in {h11.MUST_CLOSE, h11.CLOSED, h11.ERROR}

    def _finish(self, body: bytes) -> bytes:
        data = (self._http.send(h11.Data(data=body)) or b"") if body else b""
        data += self._http.send(h11.EndOfMessage()) or b""
        self.waiting = False
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return data

    def _request(self) -> Request:
        head = cast("h11.Request", self._head)
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        body = b"".join(self._body)
        self._body.clear()
        self.waiting = True
        headers = dict(pairs)
        method, path = head.method.decode(), head.target.decode()
        return Request(0, method, path, headers, len(headers) != len(pairs), body, time.time())


class Http1Connection(Connection):
    """A keep-alive connection; a fault meant for one stream breaks all of it."""

    def __init__(self, service: Service, connections: Connections) -> None:
        super().__init__(service, connections)
        self._exchange = Exchange()
        self._last = False
        self.world.tally.http1_connections += 1

    def data_received(self, data: bytes) -> None:
        """Serve the request that these bytes complete."""
        self.last_active = time.monotonic()
        try:
            self._exchange.feed(data)
            self._serve_next()
        except h11.RemoteProtocolError:
            self.transport.close()

    def is_busy(self) -> bool:
        """Say whether a request waits for its answer."""
        return self._exchange.waiting

    def is_dropped(self, _stream: int) -> bool:
        """HTTP/1.1 has no such promise."""
        return False

    def answer(self, _stream: int, answer: Answer, shape: Shape = Shape.WHOLE) -> None:
        """Answer, then go on with what the client sent meanwhile."""
        if self.transport.is_closing() or not self._exchange.waiting:
            return
        if shape in {Shape.NONE, Shape.EMPTY}:
            answer = answer._replace(body=b"")
        self.transport.write(self._exchange.answer(answer, close=self._last))
        if self._exchange.must_close():
            self.transport.close()
        else:
            asyncio.get_running_loop().call_soon(self._serve_next)

    def answer_headers(self, _stream: int, answer: Answer) -> None:
        """Begin an answer that will not be finished."""
        fields = [*answer.headers, ("content-length", str(len(answer.body)))]
        self.transport.write(self._exchange.head(answer, fields))

    def reset(self, _stream: int, _code: int) -> None:
        """One request is the connection."""
        self.cut()

    def goaway(self, _reason: str, *, spare: int = 0, close: bool = False) -> None:  # noqa: ARG002 - as in Connection
        """Close after the answer that is due, or at once; `spare` means nothing here."""
        self._last = True
        if close or not self._exchange.waiting:
            self.transport.close()

    def _serve_next(self) -> None:
        if self.transport.is_closing():
            return
        request = self._exchange.next_request()
        if request is not None:
            self.service.serve(self, request)


class Plain(asyncio.Protocol):
    """A connection of the control API."""

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        self._respond = respond
        self._exchange = Exchange()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        try:
            self._exchange.feed(data)
            while (request := self._exchange.next_request()) is not None:
                self._transport.write(self._exchange.answer(self._respond(request)))
        except h11.RemoteProtocolError:
            self._transport.close()
            return
        if self._exchange.must_close():
            self._transport.close()
