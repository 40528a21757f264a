"""What goes straight from the wire to its transaction is answered as the framework answers it."""

import gzip
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

import orjson
import pytest

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import add_key, revoke_key
from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.gateway import access_log, app, straight_protocol
from push_pipeline.gateway.batcher import Batcher
from push_pipeline.gateway.straight_protocol import StraightProtocol
from push_pipeline.gateway.straight_way import SMALL_MAX, Reply, StraightWay, Whole
from push_pipeline.gateway.ttl_cache import TtlCache
from push_pipeline.settings import Settings
from tests.integration.gateway_stand import (
    APP,
    IOS_TOKEN,
    KEY,
    Client,
    in_common,
    make_app,
    running_gateway,
)
from tests.processes import wait_until

_HELLO = {"message": "hello"}
_DEVICE = {"deviceId": "d-1", "deviceToken": IOS_TOKEN, "os": "IOS"}
_READER = "KEY-READ"

#: Where, body, headers, and whether it is plain and right, so that it goes straight.
_PUBLISHES: list[tuple[str, Any, dict[str, str], bool]] = [
    ("default", _HELLO, {}, True),
    ("nobody", {**_HELLO, "publishPolicy": "PUBSUB", "repeatExpiresAt": 1}, {}, False),
    ("nobody", {**_HELLO, "publishPolicy": "PUBSUB"}, {}, True),
    ("default", {**_HELLO, "headers": {"ios-badge": 1}, "ttl": 60}, {}, True),
    ("default", {"message": "a" * 9000}, {}, False),
    ("default", {"message": "a" * SMALL_MAX}, {}, False),
    ("default", {**_HELLO, "strict": True, "publishPolicy": "PUBSUB"}, {}, False),
    ("default", {**_HELLO, "strict": True, "pushSinglecast": ["nobody"]}, {}, True),
    ("default", {**_HELLO, "publishAtLocal": "09:00"}, {}, False),
    ("a%20b%C3%A4", _HELLO, {}, False),
    ("default", b"\xef\xbb\xbf" + orjson.dumps(_HELLO), {}, True),
    ("default", b"\xff\xfe" + "{}".encode("utf-16-le"), {}, False),
    ("default", gzip.compress(orjson.dumps(_HELLO)), {"Content-Encoding": "gzip"}, False),
    ("default", b"", {}, False),
    ("default", b'{"message": NaN}', {}, False),
    ("default", _HELLO, {"Content-Type": "text/plain"}, True),
    ("default", _HELLO, {"Idempotency-Key": "once"}, True),
    ("default", {"message": "another"}, {"Idempotency-Key": "once"}, True),
    ("default", _HELLO, {"Idempotency-Key": ""}, False),
    ("default", _HELLO, {"user-token": "none"}, False),
    ("default", _HELLO, {"Origin": "https://a.example"}, False),
    ("default", _HELLO, {"Connection": "close"}, False),
    ("default", {"message": None}, {}, False),
    ("default", {**_HELLO, "pushUsers": None}, {}, False),
]

_REGISTRATIONS: list[tuple[Any, dict[str, str], bool]] = [
    (_DEVICE, {}, True),
    ({**_DEVICE, "timezone": "Nowhere/At/All", "channels": ["a", "b"]}, {}, True),
    ({**_DEVICE, "deviceToken": "cd" * 32}, {}, True),
    ({**_DEVICE, "deviceToken": "cd" * 32}, {"device-token": IOS_TOKEN}, True),
    ({**_DEVICE, "os": "BEOS"}, {}, False),
    ({**_DEVICE, "expiration": "2040-01-01T00:00:00"}, {}, True),
    (b"null", {}, False),
    (b"{", {}, False),
]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request that was offered went straight, in a gateway whose pushes none traces.

    A test before may have left a tracer in this process.
    """
    monkeypatch.setattr("push_pipeline.tracing.is_on", lambda: False)
    found: list[bool] = []
    take = StraightWay.take

    def note(self: StraightWay, request: Whole, reply: Reply) -> bool:
        found.append(take(self, request, reply))
        return found[-1]

    monkeypatch.setattr(StraightWay, "take", note)
    return found


@pytest.fixture
def known(taken: list[bool], api: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client whose key the gateway has just looked up, and who has used a key of its own.

    It sends head and body one after the other.
    """
    monkeypatch.setattr(straight_protocol, "REST_SECONDS", 30)
    assert api("POST", "/messaging/default", _HELLO, idempotency_key="once").status == 200
    assert taken == [False]
    taken.clear()
    return api


def test_a_publish_is_answered_as_by_the_framework(
    known: Client, taken: list[bool], subtests: Any
) -> None:
    path = f"/{APP}/console/messaging"
    for channel, body, headers, goes_straight in _PUBLISHES:
        with subtests.test(channel=channel, body=str(body)[:40], headers=headers):
            long = known("POST", f"{path}/{channel}", body, prefix="", auth_key=KEY, **headers)
            taken.clear()
            straight = known("POST", f"/messaging/{channel}", body, **headers)

            assert in_common(straight) == in_common(long)
            assert any(taken) == goes_straight


def test_a_registration_is_answered_as_by_the_framework(
    known: Client, taken: list[bool], subtests: Any
) -> None:
    for body, headers, goes_straight in _REGISTRATIONS:
        with subtests.test(body=str(body)[:60], headers=headers):
            known.publish()  # so that the key is known, however late it is
            taken.clear()
            straight = known("POST", "/messaging/registrations", body, **headers)
            assert any(taken) == goes_straight
            long = known("POST", "/messaging/registrations/", body, **headers)

            assert in_common(straight) == in_common(long)


def test_who_is_not_known_or_may_not_is_the_frameworks(known: Client, taken: list[bool]) -> None:
    with db.writing() as connection:
        add_key(connection, APP, now_ms(), key="KEY-READ", scopes=("read",))
        add_key(connection, APP, now_ms(), key="KEY-SLOW", publish_rate=100)

    for key, status in (("wrong", 400), ("KEY-READ", 400), ("KEY-SLOW", 200)):
        for _ in range(2):
            assert known("POST", "/messaging/x", _HELLO, prefix=f"/{APP}/{key}").status == status
    assert not any(taken)


def _sent(api: Client, channel: str = "default", *heads: str) -> bytes:
    """Return a publish as it stands on the wire."""
    body = b'{"message": "hello"}'
    line = f"POST {api.prefix}/messaging/{channel} HTTP/1.1"
    head = [line, "Host: x", f"Content-Length: {len(body)}", *heads, "", ""]
    return "\r\n".join(head).encode() + body


def _connected(api: Client, port: int | None = None) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port or api.port), timeout=30)


def _read(stream: BinaryIO) -> tuple[int, bytes]:
    """Read one answer: its status, and all of its head."""
    head = b"".join(iter(stream.readline, b"\r\n"))
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    stream.read(length)
    return int(head.split()[1]), head.lower()


def test_requests_behind_one_another_are_answered_in_their_order(
    known: Client, taken: list[bool]
) -> None:
    asked = b"".join(_sent(known, channel) for channel in ("default", "push", "default"))
    with _connected(known) as connection, connection.makefile("rb") as stream:
        for _ in range(2):
            connection.sendall(asked)
            assert [_read(stream)[0] for _ in range(3)] == [200, 400, 200]
    assert taken == [True, True]  # those behind them were not there alone


def test_a_body_that_comes_late_is_waited_for_by_the_framework(
    known: Client, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = _sent(known)
    for seconds, goes_straight in ((30, [True]), (0, [])):
        monkeypatch.setattr(straight_protocol, "REST_SECONDS", seconds)
        taken.clear()
        with _connected(known) as connection, connection.makefile("rb") as stream:
            for part in (sent[:-4], sent[-4:]):
                connection.sendall(part)
                assert known("GET", "/info").status == 200  # it was read by then
            assert _read(stream)[0] == 200
        assert taken == goes_straight


def test_a_client_that_goes_away_in_the_middle_is_seen_by_the_framework(
    known: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(straight_protocol, "REST_SECONDS", 30)
    caplog.set_level(logging.INFO)
    with _connected(known) as connection:
        connection.sendall(_sent(known)[:-4])

    wait_until(lambda: "/messaging/{channel} 400" in caplog.text, what="the end of the request")


def test_an_answer_is_given_before_the_gateway_ends(
    known: Client, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, may_go_on = threading.Event(), threading.Event()
    answer = Batcher._answers

    def hold(self: Batcher[Any, Any], asked: Any) -> Any:
        began.set()
        assert may_go_on.wait(30)
        return answer(self, asked)

    monkeypatch.setattr(Batcher, "_answers", hold)
    asking = StraightProtocol.shutdown
    ending = threading.Event()

    def note(self: StraightProtocol) -> None:
        asking(self)
        ending.set()

    monkeypatch.setattr(StraightProtocol, "shutdown", note)
    with _connected(known) as connection, connection.makefile("rb") as stream:
        connection.sendall(_sent(known))
        assert began.wait(30)
        assert known.server is not None
        known.server.should_exit = True
        assert ending.wait(30)
        may_go_on.set()
        status, head = _read(stream)

        assert (status, b"connection: close" in head) == (200, True)
        assert stream.read() == b""
    assert taken == [True]


def test_what_fails_in_a_transaction_is_answered_as_elsewhere(
    taken: list[bool],
    settings: Settings,
    configure: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    wrong: list[Exception] = []

    def fail(_: object) -> Any:
        raise wrong[0]

    monkeypatch.setattr(app, "write_all", fail)
    configure(app_id=APP)
    make_app()
    with running_gateway() as api:
        api.publish(publishAtLocal="x")  # its key is known now
        for error, fault in ((DatabaseUnavailable("away"), (503, 8011)), (KeyError(), (500, 8011))):
            wrong[:] = [error]
            taken.clear()
            assert api.publish().fault == fault
            assert taken == [True]
    assert "KeyError" in caplog.text


def test_the_log_tells_whom_a_trusted_proxy_speaks_for(
    taken: list[bool],
    settings: Settings,
    configure: Callable[..., Settings],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    configure(app_id=APP, trusted_proxies="127.0.0.1 10.0.0.0/8")
    make_app()
    with running_gateway(operators=True) as api:
        api.publish()
        for told in ("192.0.2.7, 10.1.2.3", "127.0.0.1"):
            assert api("POST", "/messaging/default", _HELLO, X_Forwarded_For=told).status == 200
        assert taken[1:] == [True, True]
        api.port = api.operator_port or 0
        assert api.publish().fault == (404, 8002)
    told = [one.getMessage().split()[0] for one in caplog.records if one.name == access_log.NAME]
    assert told == ["127.0.0.1", "192.0.2.7", "127.0.0.1"]


def test_where_publishes_are_traced_all_goes_by_the_framework(
    taken: list[bool],
    settings: Settings,
    configure: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("push_pipeline.tracing.is_on", lambda: True)
    configure(app_id=APP)
    make_app()
    with running_gateway() as api:
        assert [api.publish().status for _ in range(2)] == [200, 200]
    assert taken == []


def test_a_key_that_is_used_without_a_break_is_looked_up_again(
    known: Client, taken: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TtlCache, "ages", lambda *_: True)
    with db.writing() as connection:
        assert revoke_key(connection, APP, KEY[-4:], now_ms()) == 1

    assert known.publish().status == 200  # within the time that a look-up counts
    wait_until(lambda: known.publish().status == 400, what="the refusal")
    assert taken[0] is True
