"""HTTP on the wire: a request's head comes in time, and what is no request is told so."""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from push_pipeline.gateway.errors import NO_SUCH_ROUTE, fault

#: Seconds from a connection's start, or from a request's first byte, to the end of its head.
HEAD_SECONDS = 60.0


class Protocol(HttpToolsProtocol):
    """The server's own protocol, which waits for ever and speaks plain text where this does not."""

    _head: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_SECONDS, transport.close)

    def on_message_begin(self) -> None:
        """Wait for the head of a request whose first byte is there."""
        super().on_message_begin()
        self._head.cancel()
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """Stop to wait: the head is there."""
        self._head.cancel()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to wait: there is nobody any more."""
        self._head.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, and close: nobody knows where a next request would begin."""
        answer = fault(400, NO_SUCH_ROUTE, msg, {"Connection": "close"})
        status = HTTPStatus.BAD_REQUEST
        lines = [f"HTTP/1.1 {status} {status.phrase}".encode()]
        lines += [b"%s: %s" % header for header in answer.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()
