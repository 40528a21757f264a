"""Many requests to one host in one call: spreads them over connections, ends each of them."""

import math
import os
import select
import ssl
import time
from collections.abc import Callable, Sequence
from random import SystemRandom
from typing import cast

from push_workers.senders.http2.call import Call, HeadersOf, StopsAt
from push_workers.senders.http2.channel import Address, Channel, ChannelError, resolve
from push_workers.senders.http2.codec import Codec
from push_workers.senders.http2.connection import Connection, Phase
from push_workers.senders.http2.endings import Ending, Replies
from push_workers.senders.http2.pace import Pace
from push_workers.senders.http2.patience import Patience
from push_workers.senders.http2.proxy import Proxy, proxy_for
from push_workers.senders.http2.requests import Column, Requests
from push_workers.senders.http2.stats import RunningTotals, Stats

#: Requests that one connection carries as fast as several would; only more open further ones.
SPREAD = 32
#: Connections beyond the usual number that may be opened at once to replace lost ones.
SPARE_CONNECTIONS = 2
#: Seconds that trickling answers are left to gather: halves our CPU, costs 1 % of the rate.
GATHER_SECONDS = 0.0015

#: An answer may take so many times as long as the last one that was measured.
LATENCY_MARGIN = 1.25

HTTPS_PORT = 443
DEFAULT_PATIENCE = Patience()


class Transport:
    """A few kept HTTP/2 connections to one host, used by one thread at a time.

    Made before or after a fork: a child never touches its parent's connections.
    `tls` is configured here (ALPN h2, TLS 1.2 or newer, as RFC 9113, 9.2 and Apple demand), so
    give a context of its own. Header names are in lower case. Nobody sleeps here beyond a call:
    while a back-off is in force, requests end as not sent at once.

    Args:
        host: name or address; resolved anew for each connection.
        port: TCP port.
        tls: trust, and the client certificate if there is one.
        authority: what `:authority` says; the host (and an unusual port) by default.
        connections: how many are kept when there is work for them.
        timeout: seconds a call may take.
        stream_cap: requests in flight per connection at most; the peer's limit if lower.
        request_id_header: header that carries `request_ids`, for example `apns-id`.
        method: HTTP method.
        patience: how long connections are waited for, and may be silent.
        takes: asked of each address of the host, whether it may be connected to. The connection
            goes to the address that was asked about; a proxy decides for itself.
    """

    def __init__(  # noqa: PLR0913  # keyword-only settings of one object
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext,
        authority: str | None = None,
        connections: int = 2,
        timeout: float = 30.0,
        stream_cap: int = 1000,
        request_id_header: bytes | None = None,
        method: bytes = b"POST",
        patience: Patience = DEFAULT_PATIENCE,
        takes: Callable[[str], bool] | None = None,
    ) -> None:
        tls.set_alpn_protocols(["h2"])
        tls.minimum_version = max(tls.minimum_version, ssl.TLSVersion.TLSv1_2)
        self._host, self._port, self._tls = host, port, tls
        self._leading = (
            (b":method", method),
            (b":scheme", b"https"),
            (b":authority", (authority or _authority(host, port)).encode("ascii")),
        )
        self._limit = connections
        self._timeout = timeout
        self._stream_cap = stream_cap
        self._id_header = request_id_header
        self._patience = patience
        self._takes = takes
        self._closed = False
        self._failure = ""  # why the last connection did not come about, until one does
        self._connections: list[Connection] = []
        self._start_afresh()

    @property
    def stats(self) -> Stats:
        """Counters since this process first used the transport."""
        return self._tally.snapshot()

    def send_many(
        self,
        paths: Sequence[bytes],
        bodies: Sequence[bytes] | bytes,
        *,
        headers: HeadersOf,
        request_ids: Sequence[bytes] | None = None,
        stops_at: StopsAt | None = None,
    ) -> list[Ending]:
        """Send one request per path and return one ending each, in the same order.

        Never raises for what the network or the peer does. A request that was surely not
        processed may be sent again within the call; one whose end is unknown never is.

        Args:
            paths: `:path` of each request.
            bodies: one body for all, or one per path.
            headers: constant headers; asked once per call for each connection used, with a
                number that no other connection of this process has had.
            request_ids: values of the request id header.
            stops_at: asked of each answer 429 or 5xx, whether nothing more is to be sent: what
                was handed to a connection by then is waited for, the rest ends as not sent.

        Raises:
            ValueError: the sequences differ in length.
        """
        requests = Requests(paths, bodies, request_ids)
        call = Call(requests, headers, self._leading, self._deadline(), stops_at)
        self._carry_out_or_abandon(call)
        return cast("list[Ending]", call.kept())

    def send_batch(
        self,
        paths: Column | Sequence[bytes],
        bodies: Sequence[bytes] | bytes,
        *,
        headers: HeadersOf,
        request_ids: Column | Sequence[bytes] | None = None,
        stops_at: StopsAt | None = None,
    ) -> Replies:
        """Send as `send_many` does, and keep no more of an answer 200 than its body.

        Paths and ids that begin alike may be said so.

        Raises:
            ValueError: the sequences differ in length.
        """
        requests = Requests.of(paths, bodies, request_ids)
        call = Call(requests, headers, self._leading, self._deadline(), stops_at, brief=True)
        self._carry_out_or_abandon(call)
        return Replies.of(call.kept())

    def close(self) -> None:
        """Say GOAWAY and close every connection. A second call does nothing."""
        if os.getpid() != self._pid:
            self._abandon()
        for connection in self._connections:
            connection.close()
        self._connections = []
        self._closed = True

    def _abandon(self) -> None:
        """Close our copies of the sockets without a word, as a forked child must."""
        for connection in self._connections:
            connection.abandon()
        self._connections = []

    def _start_afresh(self) -> None:
        self._abandon()
        self._pid = os.getpid()
        self._tally = RunningTotals()
        self._pace = Pace(self._limit + SPARE_CONNECTIONS, SystemRandom())

    def _deadline(self) -> float:
        return time.monotonic() + self._timeout

    def _carry_out_or_abandon(self, call: Call) -> None:
        if os.getpid() != self._pid:
            self._start_afresh()
        try:
            self._carry_out(call)
        except BaseException:  # a worker's time limit thrown into the call, for one
            self._abandon()  # nothing that still comes may be taken for a later call's answer
            raise

    def _carry_out(self, call: Call) -> None:
        now = time.monotonic()
        for connection in self._connections:
            connection.begin(call, now)
        self._bury(call, now)
        while call.pending or self._in_flight():
            if now >= call.deadline:
                self._give_up(call, now)
                return
            if call.begun and call.pending and self._is_too_late(call, now):
                call.settle_pending("TooLate")
            self._connect(call, now)
            self._hand_out(call, now)
            if self._in_flight() or any(connection.usable for connection in self._connections):
                self._wait(call, now)
            now = time.monotonic()
            self._bury(call, now)

    def _is_too_late(self, call: Call, now: float) -> bool:
        """Tell whether what is sent now would not be answered before the call's end.

        It would end as unknown, though it is answered a moment later; what was not sent can be
        sent again freely.
        """
        slowest = max((one.latency(now) for one in self._connections), default=0.0)
        return now + LATENCY_MARGIN * slowest > call.deadline

    def _in_flight(self) -> bool:
        return any(connection.in_flight for connection in self._connections)

    def _connect(self, call: Call, now: float) -> None:
        """Open what the work needs; without any connection to come, nothing more is sent."""
        wanted = min(self._limit, math.ceil(call.pending / SPREAD))
        usable = sum(connection.usable for connection in self._connections)
        while usable < wanted and not self._closed and self._pace.allows(now):
            usable += self._dial(call, now)
        if not usable:
            call.settle_pending(
                "Closed" if self._closed else call.failure or self._failure or "BackOff"
            )

    def _dial(self, call: Call, now: float) -> bool:
        self._pace.connecting(now)
        self._tally.connects += 1
        try:
            proxy = self._find_proxy()
            addresses = resolve(*proxy[:2]) if proxy else self._resolve()
            channel = Channel(addresses, self._host, self._tls, now, self._patience, proxy)
        except ChannelError as error:
            call.failure = self._failure = error.word
            self._pace.failed(now)
            return False
        codec = Codec(self._tally, stream_cap=self._stream_cap, id_header=self._id_header)
        careful = self._pace.is_failing
        connection = Connection(channel, codec, now, self._patience, careful=careful)
        connection.begin(call, now)
        self._connections.append(connection)
        return True

    def _resolve(self) -> list[Address]:
        """Find the host's addresses, of those that may be connected to.

        Raises:
            ChannelError: there is none.
        """
        found = resolve(self._host, self._port)
        if self._takes is None:
            return found
        taken = [address for address in found if self._takes(str(address[4][0]))]
        if not taken:
            raise ChannelError("PrivateAddress")
        return taken

    def _find_proxy(self) -> Proxy | None:
        try:
            return proxy_for(self._host, self._port)
        except ValueError:
            raise ChannelError("ProxyUnsupported") from None

    def _hand_out(self, call: Call, now: float) -> None:
        """Give each connection a chunk in turn, until none takes more."""
        while call.pending:
            ready = [connection for connection in self._connections if connection.room]
            if not ready:
                return
            for connection in ready:
                if call.pending:
                    connection.submit(call, now)

    def _wait(self, call: Call, now: float) -> None:
        """Wait until a socket or a clock has something for us, and let it act."""
        if any(connection.gathers for connection in self._connections):
            select.select((), (), (), GATHER_SECONDS)
        poll = select.poll()
        by_descriptor = {}
        until = call.deadline
        for connection in self._connections:
            if connection.phase is not Phase.CLOSED:
                poll.register(connection.fileno(), connection.events)
                by_descriptor[connection.fileno()] = connection
                until = min(until, connection.wakes_at)
        milliseconds = math.ceil(max(0.0, until - now) * 1000)
        ready = poll.poll(milliseconds)
        now = time.monotonic()
        for descriptor, _ in ready:
            by_descriptor[descriptor].step(now)
        for connection in self._connections:
            connection.tick(now)

    def _bury(self, call: Call, now: float) -> None:
        """Take back what connections did not process, and forget the closed ones."""
        for connection in self._connections:
            call.give_back(connection.returned(), counts=not connection.leaves_in_order)
            call.hear(connection.complaints())
            if connection.takes_credit():
                self._pace.answered()
                self._failure = ""
            if connection.phase is not Phase.CLOSED:
                continue
            if connection.useless:
                call.failure = self._failure = connection.failure
                self._pace.failed(now)
            elif connection.fruitful:
                self._pace.earned()
        self._connections = [
            connection for connection in self._connections if connection.phase is not Phase.CLOSED
        ]

    def _give_up(self, call: Call, now: float) -> None:
        for connection in self._connections:
            connection.cancel(now)
        self._bury(call, now)
        reason = None if self._connections else call.failure
        call.settle_pending(reason or "Timeout")


def _authority(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host  # an IPv6 address (RFC 3986, 3.2.2)
    return name if port == HTTPS_PORT else f"{name}:{port}"
