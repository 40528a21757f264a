"""The TLS listeners of APNs, FCM and Web Push, and what can be done to all connections at once."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable

from push_workers.simulator.apns.service import ApnsService
from push_workers.simulator.connections import Connection, Connections
from push_workers.simulator.fcm.service import FcmService
from push_workers.simulator.http1 import Http1Connection
from push_workers.simulator.http2.server import Http2Connection
from push_workers.simulator.http2.terms import Terms
from push_workers.simulator.identity import Identity
from push_workers.simulator.service import Service
from push_workers.simulator.webpush.service import WebPushService
from push_workers.simulator.world import World

#: How often idle connections are looked for, in seconds.
_SWEEP_SECONDS = 0.05
#: Connections that may wait to be accepted; a whole fleet connects at once.
_BACKLOG = 1024


class Chooser(asyncio.Protocol):
    """Looks at what TLS agreed on, then hands the connection to HTTP/2 or HTTP/1.1."""

    def __init__(self, choose: Callable[[str | None], Connection | None]) -> None:
        self._choose = choose

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand over; a protocol that is not spoken here is hung up on."""
        tls = transport.get_extra_info("ssl_object")
        connection = self._choose(tls.selected_alpn_protocol() if tls else None)
        if connection is None:
            transport.close()
            return
        transport.set_protocol(connection)
        connection.connection_made(transport)


class Listener:
    """One port."""

    def __init__(self, service: Service, alpn: list[str]) -> None:
        self.service = service
        self.connections = Connections()
        self._world = service.world
        self._alpn = alpn
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        """Accept connections on a socket that is bound already."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Chooser(self._choose),
            sock=sock,
            ssl=_context(self._world.identity, self._alpn),
            backlog=_BACKLOG,
        )

    def stop(self) -> None:
        """Stop accepting and drop every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections.live):
            connection.transport.abort()

    def sweep(self) -> None:
        """Close what is idle."""
        behaviour = self._world.behaviour
        if behaviour.idle_seconds is None:
            return
        oldest = time.monotonic() - behaviour.idle_seconds / self._world.clock.scale
        self.close_idle(oldest, say_goaway=behaviour.idle_goaway)

    def close_idle(self, oldest: float, *, say_goaway: bool) -> int:
        """Close the connections that were last active before a monotonic instant."""
        idle = [c for c in self.connections.live if not c.is_busy() and c.last_active <= oldest]
        for connection in idle:
            if say_goaway:
                connection.goaway("IdleTimeout", close=True)
            else:
                connection.transport.close()
        return len(idle)

    def _choose(self, protocol: str | None) -> Connection | None:
        raise NotImplementedError


class ApnsListener(Listener):
    """HTTP/2 only; without ALPN a bare preface is tolerated, as Apple does."""

    def __init__(self, world: World) -> None:
        super().__init__(ApnsService(world), ["h2"])

    def _choose(self, protocol: str | None) -> Connection | None:
        if protocol != "h2" and self._world.behaviour.require_alpn:
            return None
        return Http2Connection(self.service, self.connections, self._terms)

    def _terms(self) -> Terms:
        behaviour = self._world.behaviour
        return _terms(self._world, behaviour.initial_streams)


class FcmListener(Listener):
    """HTTP/2 or HTTP/1.1, as the client asks."""

    def __init__(self, world: World) -> None:
        super().__init__(FcmService(world), ["h2", "http/1.1"])

    def _choose(self, protocol: str | None) -> Connection | None:
        if protocol == "h2":
            return Http2Connection(self.service, self.connections, self._terms)
        return Http1Connection(self.service, self.connections)

    def _terms(self) -> Terms:
        # Google's front ends answer an overrun with GOAWAY, whatever APNs is set to do.
        return _terms(self._world, self._world.behaviour.fcm_streams)._replace(strict_overrun=True)


class WebPushListener(Listener):
    """HTTP/2 or HTTP/1.1, as the client asks."""

    def __init__(self, world: World) -> None:
        self._push_service = WebPushService(world)
        super().__init__(self._push_service, ["h2", "http/1.1"])

    async def start(self, sock: socket.socket) -> None:
        """Accept connections, and tokens for this port."""
        port = sock.getsockname()[1]
        self._push_service.audiences = frozenset(
            f"https://{host}:{port}" for host in ("localhost", "127.0.0.1")
        )
        await super().start(sock)

    def _choose(self, protocol: str | None) -> Connection | None:
        if protocol == "h2":
            return Http2Connection(self.service, self.connections, self._terms)
        return Http1Connection(self.service, self.connections)

    def _terms(self) -> Terms:
        return _terms(self._world, self._world.behaviour.fcm_streams)


def _terms(world: World, streams: int) -> Terms:
    behaviour = world.behaviour
    return Terms(
        streams=streams,
        window_bytes=behaviour.window_bytes,
        grant_window=behaviour.grant_window,
        strict_overrun=behaviour.overrun == "goaway",
        index_headers=behaviour.index_headers and not world.fast,
    )


def _context(identity: Identity, alpn: list[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(identity.server_file)
    context.load_verify_locations(identity.ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL  # a client certificate stands for a provider token
    context.set_alpn_protocols(alpn)
    return context


async def sweep(listeners: list[Listener]) -> None:
    """Close idle connections, for ever."""
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        for listener in listeners:
            listener.sweep()
