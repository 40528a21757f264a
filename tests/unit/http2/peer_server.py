"""An HTTP/2 server over real TLS whose every answer, refusal and cut a test decides."""

import atexit
import shutil
import socket
import ssl
import struct
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

from push_workers.senders.http2 import Transport, frames
from tests.bench.sink_certificate import Certificate, make_certificate

#: Seconds a test waits for anything; all of it happens on the loopback.
PATIENCE_SECONDS = 10.0


@cache
def loopback_certificate() -> Certificate:
    """The certificate of every server of this process."""
    directory = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, directory)
    return make_certificate(Path(directory))


def trusting() -> ssl.SSLContext:
    """A client's context that trusts it."""
    return ssl.create_default_context(cafile=loopback_certificate().certificate)


class Request(NamedTuple):
    """One complete request, as the server read it."""

    stream: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def path(self) -> bytes:
        return self.headers[b":path"]


class Link:
    """One accepted connection. All but `close` and `cut` is called by its own thread only."""

    def __init__(self, number: int, sock: ssl.SSLSocket, settings: dict[str, int]) -> None:
        self.number = number
        self.requests: list[Request] = []
        self.events: list[h2.events.Event] = []
        self.open_at_once = 0
        self._socket = sock
        self._settings = settings
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )

    def start(self) -> None:
        self.h2.initiate_connection()
        if self._settings:
            self.settings(**self._settings)
        self.send()

    def settings(self, **values: int) -> None:
        codes = h2.settings.SettingCodes
        self.h2.update_settings({getattr(codes, name): value for name, value in values.items()})

    def answer(
        self,
        request: Request,
        status: int = 200,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Answer with the request's own path in a header, so that a mix-up shows."""
        fields = [(":status", str(status)), ("x-path", request.path.decode()), *headers]
        self.h2.send_headers(request.stream, fields, end_stream=not body)
        while body:
            piece, body = body[: frames.DEFAULT_MAX_FRAME], body[frames.DEFAULT_MAX_FRAME :]
            self.h2.send_data(request.stream, piece, end_stream=not body)

    def answer_late(self, request: Request) -> None:
        """Answer a stream that was cancelled, by hand: h2 would not."""
        block = self.h2.encoder.encode([(":status", "200"), ("x-path", "late")])
        flags = frames.END_HEADERS | frames.END_STREAM
        self.raw(frames.frame(frames.HEADERS, flags, request.stream, block))

    def refuse(self, request: Request) -> None:
        self.h2.reset_stream(request.stream, error_code=7)

    def goaway(self, last: int, debug: bytes = b"", code: int = 0) -> None:
        """By hand: h2 would take no answer after it."""
        payload = last.to_bytes(4, "big") + code.to_bytes(4, "big") + debug
        self.raw(frames.frame(frames.GOAWAY, 0, 0, payload))

    def raw(self, data: bytes) -> None:
        self.send()
        self._socket.sendall(data)

    def send(self) -> None:
        if data := self.h2.data_to_send():
            self._socket.sendall(data)

    def close(self) -> None:
        """End with FIN."""
        with suppress(OSError):  # the other side may have ended it already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def cut(self) -> None:
        """End with RST: nothing more is read or sent, not even what was answered."""
        linger = struct.pack("ii", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()


Handler = Callable[[Link, Request], object]


def answer(link: Link, request: Request) -> None:
    """The usual behaviour: 200."""
    link.answer(request)


class PeerServer:
    """Listens on a port of the loopback; `handler` is called for each complete request."""

    host = "localhost"

    def __init__(
        self,
        handler: Handler = answer,
        *,
        opened: Callable[[Link], object] = Link.send,
        protocols: tuple[str, ...] = ("h2",),
        acknowledge: bool = True,
        port: int = 0,
        **settings: int,
    ) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*loopback_certificate())
        if protocols:
            self._context.set_alpn_protocols([*protocols])
        self._transports: list[Transport] = []
        self._handler, self._opened = handler, opened
        self._acknowledge = acknowledge
        self.port = port
        self._settings = settings
        self._threads: list[threading.Thread] = []
        self.links: list[Link] = []
        self.violations: list[Exception] = []

    def transport(self, **options: object) -> Transport:
        """A client of this server, closed when it ends."""
        options = {"connections": 1, "timeout": 10.0, "tls": trusting()} | options
        self._transports.append(Transport(self.host, self.port, **options))
        return self._transports[-1]

    @property
    def requests(self) -> list[Request]:
        return [request for link in self.links for request in link.requests]

    @property
    def received(self) -> Counter[bytes]:
        """How often each path arrived, over all connections."""
        return Counter(request.path for request in self.requests)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for transport in self._transports:
            transport.close()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()
        for link in self.links:
            link.close()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        assert not self.violations, self.violations

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._welcome, sock)

    def _welcome(self, sock: socket.socket) -> None:
        try:
            secure = self._context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            return
        link = Link(len(self.links), secure, self._settings)
        self.links.append(link)
        try:
            link.start()
            self._opened(link)
            self._serve(link, secure)
        except OSError:  # either side has ended the connection
            pass
        except h2.exceptions.ProtocolError as error:
            self.violations.append(error)
        finally:
            secure.close()

    def _serve(self, link: Link, sock: ssl.SSLSocket) -> None:
        partial: dict[int, tuple[dict[bytes, bytes], bytearray]] = {}
        while data := sock.recv(65_536):
            for event in link.h2.receive_data(data):
                link.events.append(event)
                link.open_at_once = max(link.open_at_once, link.h2.open_inbound_streams)
                match event:
                    case h2.events.RequestReceived():
                        partial[event.stream_id] = dict(event.headers), bytearray()
                    case h2.events.DataReceived():
                        partial[event.stream_id][1].extend(event.data)
                        if self._acknowledge and event.flow_controlled_length:
                            link.h2.acknowledge_received_data(
                                event.flow_controlled_length, event.stream_id
                            )
                    case h2.events.StreamEnded():
                        headers, body = partial.pop(event.stream_id)
                        request = Request(event.stream_id, headers, bytes(body))
                        link.requests.append(request)
                        self._handler(link, request)
            link.send()
