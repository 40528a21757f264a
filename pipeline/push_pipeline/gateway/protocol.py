"""HTTP on the wire: a request's head comes in time and is bounded; what is none is told so."""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from push_pipeline.gateway.clients import network_of
from push_pipeline.gateway.crowd import Crowd
from push_pipeline.gateway.errors import NO_SUCH_ROUTE, fault

#: Seconds from a connection's start, or from a request's first byte, to the end of its head.
HEAD_SECONDS = 15.0

#: Bytes of a head, of the trailers, of whatever stands between two pieces of a body. A head
#: with a user token of the greatest length has nine thousand.
HEAD_MAX = 65_536

#: Bytes that are parsed before it is looked again how much of a head there is.
_PIECE = 4096


class Protocol(HttpToolsProtocol):
    """The server's own protocol, which waits for ever, takes any length and speaks plain text."""

    _head: asyncio.TimerHandle
    _network: str

    def __init__(self, crowd: Crowd, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._crowd = crowd
        self._head_bytes = 0  # since the last head, body or part of a body was there
        self._in_head = True
        self._wrong: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._network = network_of(self.client[0] if self.client else "")
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Parse what came, piece by piece; the parser itself would keep a line of any length."""
        for start in range(0, len(data), _PIECE):
            if self.transport.is_closing():
                return
            piece = data[start : start + _PIECE] if len(data) > _PIECE else data
            self._head_bytes += len(piece)
            super().data_received(piece)
            if self._head_bytes > HEAD_MAX:
                self._refuse(431, f"A request's head has at most {HEAD_MAX} bytes.")
        if self._in_head and self._head.cancelled():  # most heads come in one piece
            self._wait_for_head()

    def on_message_begin(self) -> None:
        """Note the first byte of a request; what is not there of its head is waited for."""
        super().on_message_begin()
        self._in_head = True
        self._head.cancel()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are read by nobody."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop to wait for the head: it is there. Its body may be late, or none."""
        self._head.cancel()
        self._in_head, self._head_bytes = False, 0
        self._crowd.begin(self)
        self._check_host()
        self.begin_request()

    def begin_request(self) -> None:
        """Give the request to the framework."""
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop to wait for the body."""
        self.end_waiting()
        super().on_message_complete()

    def end_waiting(self) -> None:
        """Note that the client has said all: it is we who are waited for."""
        self._head_bytes = 0
        self._crowd.end(self)

    def on_response_complete(self) -> None:
        """Wait for the next request, if the client likes."""
        super().on_response_complete()
        if self._head.cancelled() and not self.transport.is_closing():
            self._crowd.begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait: there is nobody any more."""
        self._head.cancel()
        self._crowd.end(self)
        super().connection_lost(exc)

    def close(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and close: nobody knows where a next request would begin."""
        self._refuse(400, self._wrong or msg)

    def _check_host(self) -> None:
        """Refuse a request that does not say once to whom it speaks (RFC 9112, 3.2)."""
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            self._wrong = "A request has one Host header."
            raise ValueError(self._wrong)  # the parser stops, and a 400 is sent

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(HEAD_SECONDS, self._late)
        self._crowd.begin(self, self._network)

    def _late(self) -> None:
        self._crowd.give_up(self, "no request came in time")

    def _refuse(self, status: int, message: str) -> None:
        answer = fault(status, NO_SUCH_ROUTE, message, {"Connection": "close"})
        known = HTTPStatus(status)
        lines = [f"HTTP/1.1 {known} {known.phrase}".encode()]
        lines += [b"%s: %s" % header for header in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()
