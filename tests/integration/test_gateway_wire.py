"""Bytes on the wire that no SDK sends: half of a request, no HTTP, bodies without an end."""

import logging
import socket
from contextlib import ExitStack

import pytest

from push_pipeline.gateway import body, crowd, protocol
from push_pipeline.gateway.protocol import HEAD_MAX
from tests.integration.gateway_stand import Answer, Client
from tests.processes import wait_until

JSON = b'{"message": 1}'


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url  # what is judged here comes before any database


def publish(api: Client, head: str, sent: bytes) -> Answer:
    line = f"POST {api.prefix}/messaging/default HTTP/1.1"
    return api.raw("\r\n".join([line, "Host: x", head, "", ""]).encode() + sent)


def test_a_body_may_come_in_chunks(api: Client) -> None:
    chunks = b"6\r\n" + JSON[:6] + b"\r\n8\r\n" + JSON[6:] + b"\r\n0\r\n\r\n"
    assert publish(api, "Transfer-Encoding: chunked", chunks).status == 200


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(api: Client) -> None:
    line = f"POST {api.prefix}/messaging/default HTTP/1.1\r\nHost: x\r\n"
    head = f"{line}Expect: 100-continue\r\nContent-Length: {len(JSON)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
        connection.sendall(JSON)
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")


def test_a_body_without_a_length_is_none(api: Client) -> None:
    assert publish(api, "Connection: close", JSON).fault == (400, 8004)


def test_a_body_that_will_be_too_long_is_refused_before_it_comes(api: Client) -> None:
    assert publish(api, f"Content-Length: {body.BODY_MAX + 1}", b"").fault == (413, 8008)
    assert publish(api, f"Content-Length: {10**18}", JSON).fault == (413, 8008)


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "BODY_SECONDS", 0.2)

    answer = publish(api, "Content-Length: 100", JSON)

    assert answer.fault == (408, 8004)
    assert answer.headers["connection"] == "close"
    assert api.publish().status == 200


def test_a_head_that_does_not_come_is_not_waited_for_for_ever(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)

    for sent in (b"", b"GET /info HTTP/1.1\r\nHost: "):
        with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
            connection.sendall(sent)
            assert connection.recv(1024) == b""
    assert api.publish().status == 200


def test_a_connection_may_rest_between_two_requests(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    request = f"GET {api.prefix}/info HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    with socket.create_connection(("127.0.0.1", api.port), timeout=0.6) as connection:
        connection.sendall(request)
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(request)
        assert connection.recv(1024).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_ends_nowhere_behind_a_whole_request_is_not_waited_for_either(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    request = f"GET {api.prefix}/info HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
        connection.sendall(request + request[:20])
        received = b"".join(iter(lambda: connection.recv(1024), b""))

    assert received.count(b"HTTP/1.1 200 ") == 1


def test_a_client_that_goes_away_in_the_middle_is_no_fault_of_ours(
    api: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    head = f"POST {api.prefix}/messaging/default HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
        connection.sendall(head.encode() + JSON)

    wait_until(lambda: "/messaging/{channel} 400" in caplog.text, what="the end of the request")
    assert "Traceback" not in caplog.text


def test_bytes_that_are_no_request_are_refused_in_the_same_shape(
    api: Client, subtests: pytest.Subtests
) -> None:
    bytes_sent = {
        "no http": b"hello\r\n\r\n",
        "tls": b"\x16\x03\x01\x02\x00\x01\x00",
        "an unknown method": b"FOO /info HTTP/1.1\r\nHost: x\r\n\r\n",
        "a path that is not escaped": "GET /api/messaging/ü HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        "a space in the path": b"GET /api/messaging/a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "a negative length": b"POST /api/info HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "no Host": b"GET /info HTTP/1.1\r\n\r\n",
        "two Hosts": b"GET /info HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    }
    for name, sent in bytes_sent.items():
        with subtests.test(name=name):
            answer = api.raw(sent)
            assert answer.fault == (400, 8002)
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["connection"] == "close"
    assert publish(api, "Transfer-Encoding: chunked", b"no chunk\r\n").fault == (400, 8002)


def test_a_head_is_bounded_in_all_and_so_are_trailers(
    api: Client, subtests: pytest.Subtests
) -> None:
    many = b"".join(b"x-%d: %s\r\n" % (n, b"y" * 1000) for n in range(HEAD_MAX // 500))
    get = b"GET /info HTTP/1.1\r\nHost: x\r\n"
    post = f"POST {api.prefix}/messaging/news HTTP/1.1\r\nHost: x\r\n".encode()
    chunks = post + b"Transfer-Encoding: chunked\r\n\r\n"
    sent = {
        "a path": b"GET /" + b"x" * 1_048_576 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "a line": get + b"x: " + b"y" * 1_048_576 + b"\r\n\r\n",
        "many lines": get + many + b"\r\n",
        "trailers": chunks + b"1\r\n{\r\n0\r\n" + many + b"\r\n",
        "the extension of a chunk": chunks + b"1;x=" + b"y" * 1_048_576 + b"\r\n{\r\n0\r\n\r\n",
    }
    for name, data in sent.items():
        with subtests.test(name=name):
            answer = api.raw(data)
            assert answer.fault == (431, 8002)
            assert answer.headers["connection"] == "close"


def test_trailers_are_no_headers(api: Client) -> None:
    chunks = b"e\r\n" + JSON + b"\r\n0\r\nUser-Token: x\r\nHost: y\r\n\r\n"
    assert publish(api, "Transfer-Encoding: chunked", chunks).status == 200


def is_closed(connection: socket.socket) -> bool:
    """Closed in order, or reset because it was closed before what it sent had been read."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_heads_left_half_open_keep_nobody_out_and_are_told(
    api: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(crowd, "HALF_OPEN_MAX", 3)
    monkeypatch.setattr(crowd, "HALF_OPEN_SECONDS", 0.0)
    with ExitStack() as open_:
        connections = [
            open_.enter_context(socket.create_connection(("127.0.0.1", api.port), timeout=30))
            for _ in range(5)
        ]
        for one in connections:
            one.sendall(b"GET /info HTTP/1.1\r\n")
        assert api.publish().status == 200
        assert is_closed(connections[0]), "the oldest makes room"
        connections[-1].sendall(b"Host: x\r\n\r\n")
        assert connections[-1].recv(8) == b"HTTP/1.1"
    assert "127.0.0.1 left many requests half open" in caplog.text
