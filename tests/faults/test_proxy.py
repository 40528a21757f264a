"""Both providers and the token endpoint are reached through the environment's proxy."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from push_pipeline import status
from push_pipeline.cli.checks import examine
from push_workers.delivery.backoff import Backoff
from tests.audience import android, ios
from tests.installation import Installation

pytestmark = pytest.mark.usefixtures("nobody_answers")

PASSWORD = b"Proxy-Authorization: Basic dXNlcjpwYXNz"  # user:pass


class ConnectProxy:
    """A proxy that lets through whoever knows the password, and notes where to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._open = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._open[0].getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._begin(self._accept, self._open[0])

    def close(self) -> None:
        """Cut every connection, and wait for what served it."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for one in self._open:
            one.close()

    def _begin(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        thread = threading.Thread(target=work, args=sockets, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._open.append(client)
                self._begin(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        if PASSWORD not in head:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            client.shutdown(socket.SHUT_WR)
            return
        target = head.split(b" ")[1].decode()
        self.asked.append(target)
        host, _, port = target.rpartition(":")
        server = socket.create_connection((host, int(port)))
        self._open.append(server)
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._begin(_pump, client, server)
        _pump(server, client)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy() -> Iterator[ConnectProxy]:
    made = ConnectProxy()
    yield made
    made.close()


def test_every_provider_is_reached_through_the_proxy(
    installation: Installation, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    installation.register(ios(3))
    installation.register(android(3), "ANDROID")

    run = installation.work(installation.publish())

    assert run["accepted"] == 6
    (named,) = [one.says for one in examine() if one.name == "proxy"]
    assert named == f"HTTPS goes by 127.0.0.1:{proxy.port}, but for elsewhere.example"
    sim = installation.simulator
    for url in (sim.apns_url, sim.fcm_url):
        assert url.rpartition("/")[2] in proxy.asked


@pytest.mark.parametrize("scheme", ["https", "socks5"])
def test_a_proxy_of_another_kind_is_refused_in_words_and_gets_no_password(
    installation: Installation, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://user:pass@127.0.0.1:{proxy.port}")
    installation.context.backoff = Backoff(max_attempts=8)
    installation.register(ios(3))

    message_id = installation.publish()
    installation.work(message_id)

    assert "ProxyUnsupported" in str(status(message_id)["errorMessage"])
    (named,) = [one for one in examine() if one.name == "proxy"]
    assert not named.ok
    assert named.says.startswith(f"HTTPS_PROXY is {scheme}://…: only http:// proxies are used")
    assert not proxy.asked


def test_a_proxy_that_wants_a_password_is_named(
    installation: Installation, proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    installation.context.backoff = Backoff(max_attempts=8)
    installation.register(ios(3))

    message_id = installation.publish()
    installation.work(message_id)

    assert "ProxyWantsPassword" in str(status(message_id)["errorMessage"])
    assert not proxy.asked
