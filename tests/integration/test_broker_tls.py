"""A broker behind TLS: it is spoken to only when its certificate is that of who it should be."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from push_pipeline import queues
from push_pipeline.errors import BrokerUnavailable
from push_pipeline.settings import Settings
from push_workers.simulator import certificates
from tests.services import Valkey


class TlsInFront:
    """Takes TLS off what comes, and hands it on to a plain server."""

    def __init__(self, certificate: Path, target: int) -> None:
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate)
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> int:
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        return self._server.sockets[0].getsockname()[1]

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, forth = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            await asyncio.gather(_pass(near, forth), _pass(far, back))
        finally:
            back.transport.abort()
            forth.transport.abort()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
    target.close()


@pytest.fixture
def authority(tmp_path: Path) -> certificates.Issued:
    made = certificates.authority()
    (tmp_path / "server.pem").write_bytes(certificates.server(made).pem_with_key())
    (tmp_path / "ca.pem").write_bytes(made.pem())
    return made


@pytest.fixture
def secure_port(authority: certificates.Issued, tmp_path: Path, valkey: Valkey) -> Iterator[int]:
    with TlsInFront(tmp_path / "server.pem", valkey.port) as port:
        yield port
        queues.forget()


def test_a_broker_that_nobody_vouches_for_is_not_spoken_to(
    secure_port: int, configure: Callable[..., Settings], tmp_path: Path
) -> None:
    url = f"rediss://127.0.0.1:{secure_port}"  # a database each: kombu keeps connections by it
    configure(broker_url=f"{url}/0")
    with pytest.raises(BrokerUnavailable):
        queues.backlog(queues.PUBLISH)

    configure(broker_url=f"{url}/1", ca_file=tmp_path / "ca.pem")
    assert queues.backlog("nothing") == 0

    configure(broker_url=f"{url}/2?ssl_cert_reqs=none", ca_file="")
    assert queues.backlog("nothing") == 0
