"""Getting a connection: what fails says why, at once, and is not tried again too soon."""

import json
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from push_workers.senders.http2 import Ended, Patience, Transport, frames
from tests.processes import free_port, wait_until
from tests.unit.http2.peer_server import Link, PeerServer, loopback_certificate, trusting

ROOT = Path(__file__).parents[2]


@pytest.fixture
def connect():
    """Make transports to a port of the loopback that are closed when the test ends."""
    made = []

    def make(port, host="localhost", **options):
        tls = trusting()
        options = {"connections": 2, "timeout": 5.0, "tls": tls} | options
        made.append(Transport(host, port, **options))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def send(transport, count=100):
    endings = transport.send_many([b"/%d" % n for n in range(count)], b"{}", headers=lambda _: [])
    return Counter((ending.kind, ending.detail) for ending in endings)


def test_a_port_where_nobody_listens(connect):
    assert send(connect(free_port())) == {(Ended.NOT_SENT, "ConnectFailed"): 100}


def test_a_name_that_does_not_exist(connect):
    assert send(connect(443, "push.invalid")) == {(Ended.NOT_SENT, "DnsFailed"): 100}


def test_a_certificate_that_is_not_trusted(connect):
    with PeerServer() as server:
        stranger = connect(server.port, tls=ssl.create_default_context())
        assert send(stranger) == {(Ended.NOT_SENT, "CertificateUntrusted"): 100}


@pytest.mark.parametrize("protocols", [("http/1.1",), ()])
def test_a_server_that_does_not_speak_http2(connect, protocols):
    with PeerServer(protocols=protocols) as server:
        assert send(connect(server.port)) == {(Ended.NOT_SENT, "NoHttp2"): 100}


def test_a_server_that_does_not_speak_tls(connect):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = connect(listener.getsockname()[1], connections=1, timeout=0.5)
        assert send(transport) == {(Ended.NOT_SENT, "ConnectTimeout"): 100}


def test_a_handshake_that_hangs_ends_before_a_longer_call(connect):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        patience = Patience(connect=0.3)
        transport = connect(listener.getsockname()[1], timeout=20.0, patience=patience)
        started = time.monotonic()
        assert send(transport) == {(Ended.NOT_SENT, "ConnectTimeout"): 100}
        assert time.monotonic() - started < 5.0


def test_while_a_back_off_is_in_force_nothing_is_dialled_and_nobody_waits(connect):
    transport = connect(free_port())
    send(transport)
    dialled = transport.stats.connects
    started = time.monotonic()
    for _ in range(20):
        assert send(transport) == {(Ended.NOT_SENT, "ConnectFailed"): 100}
    assert time.monotonic() - started < 0.5
    assert transport.stats.connects == dialled <= 2


def test_a_host_that_comes_back_is_used_again(connect):
    with PeerServer() as server:
        port = server.port
    transport = connect(port)
    assert send(transport) == {(Ended.NOT_SENT, "ConnectFailed"): 100}
    with PeerServer(port=port):
        wait_until(lambda: send(transport) == {(Ended.ANSWER, ""): 100}, what="the host's return")


def test_another_connection_carries_on_while_one_cannot_be_had(connect):
    def cut_the_second(link):
        if link.number:
            link.cut()

    with PeerServer(opened=cut_the_second) as server:
        transport = connect(server.port)
        for _ in range(5):
            assert send(transport)[Ended.ANSWER, ""] >= 99
        assert transport.stats.connects <= 5


def test_a_host_that_hangs_up_each_time_is_not_stormed(connect):
    with PeerServer(opened=Link.close) as server:
        transport = connect(server.port, connections=1)
        found = send(transport)
        assert found[Ended.UNKNOWN, "ConnectionLost"] <= 1  # the first request went alone
        assert sum(found.values()) == 100
        assert transport.stats.connects == 1
        assert send(transport) == {(Ended.NOT_SENT, "ConnectionLost"): 100}


def test_after_a_host_has_hung_up_no_request_is_risked_before_it_answers(connect):
    with PeerServer(opened=Link.close) as server:
        transport = connect(server.port, connections=1)
        send(transport)
        dialled = transport.stats.connects
        hung_up = {(Ended.NOT_SENT, "ConnectFailed"): 100}
        wait_until(lambda: send(transport) == hung_up, what="the next connection")
        port = server.port
    assert transport.stats.connects == dialled + 1
    with PeerServer(port=port):
        wait_until(lambda: send(transport) == {(Ended.ANSWER, ""): 100}, what="the host's return")


def test_tls_1_2_is_the_least_that_is_offered(connect):
    tls = trusting()
    tls.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    connect(free_port(), tls=tls)
    assert tls.minimum_version == ssl.TLSVersion.TLSv1_2


def test_stream_numbers_that_run_out_lead_to_a_new_connection(connect):
    with PeerServer() as server:
        transport = connect(server.port, connections=1)
        send(transport, 1)
        (connection,) = transport._connections
        connection._codec.outbound.next_stream = frames.LARGEST - 20
        assert send(transport) == {(Ended.ANSWER, ""): 100}
        assert len(server.links) == 2
        assert max(request.stream for request in server.links[0].requests) == frames.LARGEST
        assert max(server.received.values()) <= 2  # "/0" was of both calls


def test_a_forked_child_uses_connections_of_its_own():
    with PeerServer() as server:
        command = [sys.executable, "-m", "tests.unit.http2.fork_a_user"]
        arguments = [str(server.port), str(loopback_certificate().certificate)]
        output = subprocess.run(
            [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        found = json.loads(output)
        assert [set(found[who]) for who in ("before", "child", "after")] == [{"answer"}] * 3
        assert found["connects"] == 2  # the parent kept its own through the child's life
        assert set(server.received.values()) == {1}
        for link in server.links:
            users = {request.path.split(b"/")[1] for request in link.requests}
            assert users == {b"child"} or b"child" not in users
