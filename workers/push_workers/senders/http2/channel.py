"""A TCP connection with TLS on top that never blocks and knows what has left this process.

TLS runs in memory, so that one system call takes any number of records, and so that bytes which
the kernel did not take are known not to have been sent.
"""

import errno
import math
import select
import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import Any

from push_workers.senders.http2.patience import Patience
from push_workers.senders.http2.proxy import LONGEST_HEAD, Proxy

#: What is wrong with a certificate, by OpenSSL's number for it (X509_V_ERR_…); any other is of
#: an authority that we do not trust.
_FAULTS = {
    9: "CertificateNotYetValid",
    10: "CertificateExpired",
    23: "CertificateRevoked",
    62: "CertificateOfAnotherName",
    64: "CertificateOfAnotherName",
}

Address = tuple[Any, ...]  # one row of socket.getaddrinfo

#: Bytes taken from the kernel at once: a few hundred answers, and a socket's usual buffer.
READ_BYTES = 262_144
#: Bytes of plaintext that one pass of `read` returns at most.
PLAIN_BYTES = READ_BYTES


class ChannelError(Exception):
    """No usable connection came about; `word` says why."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Channel:
    """One connection: dial and handshake by `advance`, then `read` and `write`."""

    def __init__(
        self,
        addresses: list[Address],
        server_name: str,
        context: ssl.SSLContext,
        now: float,
        patience: Patience,
        proxy: Proxy | None = None,
    ) -> None:
        self._question = b"" if proxy is None else proxy.request
        self._answer: bytes | None = (
            None if proxy is None else b""
        )  # of the proxy, until it is whole
        self._addresses = deque(addresses)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._plain = bytearray(PLAIN_BYTES)
        self._backlog = memoryview(b"")
        self._broken = False
        self._connected = False
        self.secure = False  # the handshake is over
        self.ended = False  # the peer has closed, or the network has
        self.encrypted = 0  # bytes of ciphertext made so far
        self._patience = patience
        self._dial(now)

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    @property
    def events(self) -> int:
        """What poll should wait for."""
        if not self._connected:
            return select.POLLOUT
        return select.POLLIN | (select.POLLOUT if self._backlog else 0)

    @property
    def backlog(self) -> int:
        """Bytes of ciphertext that the kernel has not taken yet."""
        return len(self._backlog)

    @property
    def taken(self) -> int:
        """Bytes of ciphertext that the kernel has taken so far."""
        return self.encrypted - len(self._backlog)

    def advance(self, now: float) -> None:
        """Go on with dialling and the handshake.

        Raises:
            ChannelError: every address failed, or TLS did, or the peer does not speak HTTP/2.
        """
        if not self._connected and not self._finish_dial(now):
            return
        if self._answer is not None and not self._is_through():
            return
        self._fill()
        try:
            self._tls.do_handshake()
            self.secure = True
        except ssl.SSLWantReadError:
            if self.ended:
                raise ChannelError("TlsFailed") from None
        except ssl.SSLCertVerificationError as error:
            self.flush()  # the alert, so that the peer knows as well
            raise ChannelError(_FAULTS.get(error.verify_code, "CertificateUntrusted")) from None
        except ssl.SSLError as error:
            self.flush()
            refused = "NO_APPLICATION_PROTOCOL" in (error.reason or "")
            raise ChannelError("NoHttp2" if refused else "TlsFailed") from None
        self.flush()
        if self.secure and self._tls.selected_alpn_protocol() != "h2":
            raise ChannelError("NoHttp2")

    def _is_through(self) -> bool:
        """Ask the proxy for a tunnel, once, and read its answer.

        Raises:
            ChannelError: it refuses, or hangs up.
        """
        try:
            if self._question:  # a few hundred bytes, which a new socket takes at once
                self._socket.sendall(self._question)
                self._question = b""
            data = self._socket.recv(LONGEST_HEAD)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self._answer = (self._answer or b"") + data
        head, whole, rest = self._answer.partition(b"\r\n\r\n")
        if not whole:
            if not data or len(self._answer) > LONGEST_HEAD:
                raise ChannelError("ProxyFailed")
            return False
        status = head[9:12]
        if not status.startswith(b"2"):
            raise ChannelError("ProxyWantsPassword" if status == b"407" else "ProxyRefused")
        self._answer = None
        self._incoming.write(rest)
        return True

    def read(self) -> bytes:
        """All plaintext that is here, or as much as one pass takes. Sets `ended` at the end."""
        self._fill()
        view, filled = memoryview(self._plain), 0
        incoming, tls = self._incoming, self._tls
        try:
            # Nothing left is seen so: that it wants more costs an exception to be told.
            while filled < PLAIN_BYTES and (incoming.pending or tls.pending()):
                count = tls.read(PLAIN_BYTES - filled, view[filled:])
                if not count:
                    self.ended = True
                    break
                filled += int(count)  # typeshed has bytes here
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # close_notify, truncation or an alert: nothing more will come
            self.ended = True
        self.ended = self.ended or self._broken
        return bytes(view[:filled])

    def write(self, data: bytes) -> None:
        """Encrypt and hand to the kernel what it takes now; the rest is the backlog."""
        try:
            self._tls.write(data)
        except ssl.SSLError:
            self._broken = self.ended = True
            return
        self.flush()

    def flush(self) -> None:
        """Hand the backlog to the kernel, as far as it takes it."""
        if self._outgoing.pending:
            fresh = self._outgoing.read()
            self.encrypted += len(fresh)
            self._backlog = memoryview(bytes(self._backlog) + fresh if self._backlog else fresh)
        while self._backlog and not self._broken:
            try:
                self._backlog = self._backlog[self._socket.send(self._backlog) :]
            except BlockingIOError:
                return
            except OSError:  # answers may still wait in our buffer: the end is seen by reading
                self._broken = True

    def close(self) -> None:
        """Say goodbye where that is possible without waiting, and close."""
        if self.secure and not self._broken and not self._backlog:
            with suppress(ssl.SSLError):  # it wants the peer's goodbye, which nobody waits for
                self._tls.unwrap()
            self.flush()
        self.abandon()

    def abandon(self) -> None:
        """Close our copy of the socket and write nothing: it may be another process's too."""
        self._socket.close()

    @property
    def redials_at(self) -> float:
        """When the next address is due, if this one has not answered; infinity if none is."""
        if self._connected or not self._addresses:
            return math.inf
        return self._dialled + self._patience.address

    def redial_if_slow(self, now: float) -> None:
        """Try the next address if this one does not answer.

        Raises:
            ChannelError: it cannot be dialled, and it was the last one.
        """
        if now >= self.redials_at:
            self._socket.close()
            self._dial(now)

    def _dial(self, now: float) -> None:
        while self._addresses:
            family, kind, protocol, _, address = self._addresses.popleft()
            self._dialled = now
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            if self._socket.connect_ex(address) in (0, errno.EINPROGRESS):
                return
            self._socket.close()
        raise ChannelError("ConnectFailed")

    def _finish_dial(self, now: float) -> bool:
        if self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._socket.close()
            self._dial(now)
            return False
        # A chunk of requests is one write already; waiting for more only delays the last ones.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connected = True
        return True

    def _fill(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._incoming.write(data)
        else:
            self.ended = True


def resolve(host: str, port: int) -> list[Address]:
    """The host's addresses now; never cached, since providers move their traffic by DNS.

    Raises:
        ChannelError: there is none, or no resolver.
    """
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except OSError:
        raise ChannelError("DnsFailed") from None
