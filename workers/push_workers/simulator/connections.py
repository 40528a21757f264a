"""What HTTP/2 and HTTP/1.1 connections share: numbers, activity, cutting, stalling."""

import asyncio
import itertools
import socket
import struct
import time
from typing import Any, cast

from push_workers.simulator.binding import Binding
from push_workers.simulator.service import Service

#: SO_LINGER on, zero seconds: closing then sends a TCP reset and drops what is unsent.
_LINGER_ZERO = struct.pack("ii", 1, 0)
#: What loopback needs to hand over the last bytes before a reset, in seconds.
_FLUSH_SECONDS = 0.05


class Connections:
    """The live connections of one listener."""

    _numbers = itertools.count(1)  # over all listeners, so that a log line names one connection

    def __init__(self) -> None:
        self.live: set[Connection] = set()
        self._recent: list[float] = []  # monotonic seconds of recent connects
        self._closed_until = 0.0

    def number(self) -> int:
        """Return the number of a new connection."""
        return next(self._numbers)

    def admit(self, connects_max: int | None, window: float, penalty: float) -> bool:
        """Refuse new connections for a while where too many came at once."""
        now = time.monotonic()
        if connects_max is None:
            return True
        if now < self._closed_until:
            return False
        self._recent = [at for at in self._recent if now - at < window] + [now]
        if len(self._recent) > connects_max:
            self._closed_until = now + penalty
            return False
        return True


class Connection(asyncio.Protocol):
    """One client connection; the rest depends on the protocol spoken."""

    transport: asyncio.Transport

    def __init__(self, service: Service, connections: Connections) -> None:
        self.service = service
        self.world = service.world
        self.number = connections.number()
        self.binding = Binding()
        self.last_active = time.monotonic()
        self.is_cut = False
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, or turn it away."""
        self.transport = cast("asyncio.Transport", transport)
        self.world.tally.connections += 1
        if transport.get_extra_info("ssl_object") is not None:
            self.world.tally.tls_handshakes += 1
        self.binding.certificate_topic = _certificate_topic(transport.get_extra_info("peercert"))
        behaviour = self.world.behaviour
        if not self._connections.admit(
            behaviour.connects_max,
            behaviour.connects_window_seconds,
            behaviour.connects_penalty_seconds,
        ):
            self.world.tally.connects_refused += 1
            self.cut()
            return
        self._connections.live.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget it."""
        self._connections.live.discard(self)

    def pause_writing(self) -> None:
        """A client that does not read is not read from either."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self.transport.resume_reading()

    def cut(self, *, flush: bool = False) -> None:
        """Break the connection with a TCP reset."""
        self.is_cut = True
        self.world.tally.cuts += 1
        self._connections.live.discard(self)
        if flush:
            # The bytes must reach the client before the reset, and a reset drops what the kernel
            # still holds: give them one turn of the loop, then go.
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._abort)
        else:
            self._abort()

    def stall(self, seconds: float) -> None:
        """Read nothing for a while, as a half-open connection does."""
        self.transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self._resume)

    def is_busy(self) -> bool:
        """Say whether a request waits for its answer."""
        raise NotImplementedError

    def goaway(self, reason: str, *, spare: int = 0, close: bool = False) -> None:
        """Announce the end of the connection."""
        raise NotImplementedError

    def limit(self, streams: int) -> None:
        """Announce another stream limit, where the protocol has one."""

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _abort(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()


def _certificate_topic(peer: dict[str, Any] | None) -> str | None:
    """Return the UID of a client certificate's subject, which is its default topic."""
    if not peer:
        return None
    names = {name: value for part in peer.get("subject", ()) for name, value in part}
    return names.get("userId") or names.get("UID") or ""
