"""HTTP on the wire for the straight way: a request is offered to it once all of it is there."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from push_pipeline.gateway.crowd import Crowd
from push_pipeline.gateway.protocol import Protocol
from push_pipeline.gateway.proxies import ClientOf
from push_pipeline.gateway.straight_way import STRAIGHT_WAY, Headers, StraightWay, Told, Whole

#: Seconds that the rest of a body may take before the framework is to wait for it. Many clients
#: send head and body one after the other.
REST_SECONDS = 0.05


#: What each answer says of its body, before the length.
_JSON = b"content-type: application/json\r\ncontent-length: "


def protocol_with(crowd: Crowd, client_of: ClientOf) -> Callable[..., "StraightProtocol"]:
    """Return what makes the protocol of each connection of a server."""
    return partial(StraightProtocol, crowd, client_of)


class _Held(NamedTuple):
    """A request that is held back: its head, and its body so far."""

    headers: Headers
    body: bytearray


class StraightProtocol(Protocol):
    """The server's protocol, which holds some requests back until they are there as a whole."""

    _straight: StraightWay | None = None
    _held: _Held | None = None
    _patience: asyncio.TimerHandle | None = None  # ends the holding back

    def __init__(self, crowd: Crowd, client_of: ClientOf, *args: Any, **options: Any) -> None:
        super().__init__(crowd, *args, **options)
        self._client_of = client_of

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Look whether there is a straight way."""
        super().connection_made(transport)
        self._straight = self.app_state.get(STRAIGHT_WAY)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and wait a moment for what is not there of a request."""
        super().data_received(data)
        if self._held is not None and self._patience is None:
            self._patience = self.loop.call_later(REST_SECONDS, self._let_go)

    def begin_request(self) -> None:
        """Begin a request, or hold it back."""
        headers = dict(reversed(self.headers))  # of two the first
        if self._may_be_straight(headers):
            self._held = _Held(headers, bytearray())
        else:
            super().begin_request()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held.body.extend(body)

    def on_message_complete(self) -> None:
        """Offer a request that is there as a whole."""
        if self._held is not None:
            if self._is_taken(self._held):
                self._forget()
                self.end_waiting()
                return
            self._let_go()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the framework see that the rest of a request will never come."""
        self._let_go()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the connection, when what it asks is answered."""
        self._let_go()
        super().shutdown()

    def _may_be_straight(self, headers: Headers) -> bool:
        port = self.server[1] if self.server else None
        return (
            self._straight is not None
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and not self.flow.write_paused
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and self._straight.may_take(self.url, headers, port)
        )

    def _is_taken(self, held: _Held) -> bool:
        assert self._straight is not None  # noqa: S101 - nothing is held back without
        client = self._client_of(self.client[0], self.headers) if self.client else "-"
        answering = _Answering(self)
        request = Whole(self.url, held.headers, bytes(held.body), client)
        if not self._straight.take(request, answering.reply):
            return False
        self.cycle = answering  # type: ignore[assignment]
        return True

    def _let_go(self) -> None:
        """Leave a request that is held back to the framework, with what is there of its body."""
        held = self._held
        self._forget()
        if held is not None:
            super().begin_request()
            super().on_body(bytes(held.body))

    def _forget(self) -> None:
        self._held = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Answering:
    """A request that is being answered, as the server's protocol looks at it.

    It stands where the framework's would, so that a request behind it waits for its answer, and
    a connection is not closed before it.
    """

    message_event = asyncio.Event()  # for which nobody waits

    def __init__(self, protocol: StraightProtocol) -> None:
        self._protocol = protocol
        self.keep_alive = True
        self.response_complete = False
        self.disconnected = False

    def reply(self, told: Told) -> None:
        """Send the answer, if anybody is there to get it."""
        if self.disconnected:
            return
        self.response_complete = True
        protocol = self._protocol
        protocol.transport.write(self._on_the_wire(told))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()

    def _on_the_wire(self, told: Told) -> bytes:
        headers = [*self._protocol.server_state.default_headers, *told.headers]
        if not self.keep_alive and (b"connection", b"close") not in headers:
            headers.append((b"connection", b"close"))
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        line = STATUS_LINE[told.status]
        return b"%b%b%b%d\r\n\r\n%b" % (line, lines, _JSON, len(told.body), told.body)
