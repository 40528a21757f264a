"""Connections: limits, GOAWAY, cuts, windows, idling, as APNs and Google's front ends do them."""

import json
import socket
import ssl
import time

import pytest

from push_workers.simulator import Simulator
from tests.integration.simulator_peer import TOKEN, ApnsPeer, FcmPeer
from tests.processes import wait_until

REFUSED, CANCEL, INTERNAL = 7, 8, 2


@pytest.fixture(scope="module")
def shared_sim():
    with Simulator() as sim:
        yield sim


@pytest.fixture
def sim(shared_sim):
    shared_sim.fault("drop")
    return shared_sim.reset()


@pytest.fixture
def peer(sim):
    with ApnsPeer(sim) as peer:
        yield peer


def test_a_connection_starts_with_one_stream_and_gets_a_thousand(peer):
    peer.read_until(lambda: peer.stream_limit == 1)
    assert peer.ask().status == 200
    peer.read_until(lambda: peer.stream_limit == 1000)


def test_the_limit_falls_after_an_error_and_recovers_after_a_success(sim, peer):
    sim.behave(streams_after_error=1)

    assert peer.ask("bad0").status == 400
    peer.read_until(lambda: peer.stream_limit == 1)
    assert peer.ask("dead").status == 410
    assert peer.ask().status == 200
    peer.read_until(lambda: peer.stream_limit == 1000)


def test_a_stream_too_many_is_refused_and_not_processed(sim, peer):
    sim.behave(delay_seconds=(0.2, 0.2))

    streams = [peer.push(f"ab{n:02x}") for n in range(3)]
    replies = [peer.reply(stream) for stream in streams]

    assert [reply.reset for reply in replies] == [None, REFUSED, REFUSED]
    assert sim.received() == {"ab00": 1}
    assert sim.metrics()["refused"] == 2


def test_a_stream_too_many_may_cost_the_connection(sim):
    sim.behave(overrun="goaway", delay_seconds=(0.2, 0.2))
    with ApnsPeer(sim) as peer:
        peer.ask()  # its reply comes behind our acknowledgement of the first limit
        sim.fault("limit", streams=1)
        peer.read_until(lambda: peer.stream_limit == 1)
        peer.disobey()
        peer.push()
        peer.push()
        peer.read_until(lambda: peer.goaway)

    assert int(peer.goaway.error_code) == 1
    assert b"Maximum active streams violated" in peer.goaway.additional_data


def test_a_lower_limit_does_not_punish_streams_that_were_on_their_way(sim):
    sim.behave(overrun="goaway", initial_streams=10, streams=10, delay_seconds=(0.1, 0.1))
    with ApnsPeer(sim) as peer:
        streams = [peer.push(f"ab{n:02x}") for n in range(5)]
        sim.fault("limit", streams=1)

        assert [peer.reply(stream).status for stream in streams] == [200] * 5


# ---- GOAWAY ------------------------------------------------------------------------------


def frames_until_closed(peer) -> bytes:
    """Read what comes by hand: `h2` refuses every answer behind a GOAWAY."""
    data = b""
    while chunk := peer.socket.recv(65_536):
        data += chunk
    return data


def split(data: bytes) -> list[tuple[int, int, bytes]]:
    """Return kind, stream and payload of each frame."""
    found = []
    while data:
        size = int.from_bytes(data[:3])
        found.append((data[3], int.from_bytes(data[5:9]), data[9 : 9 + size]))
        data = data[9 + size :]
    return found


def test_accepted_streams_are_answered_after_a_goaway_and_then_it_closes(sim):
    sim.behave(initial_streams=100, delay_seconds=(0.3, 0.3))
    with ApnsPeer(sim) as peer:
        streams = [peer.push(f"ab{n:02x}") for n in range(3)]
        wait_until(lambda: sum(sim.attempts().values()) == 3)
        sim.fault("goaway", provider="apns", reason="Shutdown")
        frames = split(frames_until_closed(peer))

    goaway = next(payload for kind, _, payload in frames if kind == 7)
    assert int.from_bytes(goaway[:4]) == streams[-1]
    assert int.from_bytes(goaway[4:8]) == 0
    assert json.loads(goaway[8:]) == {"reason": "Shutdown"}
    answered = [stream for kind, stream, _ in frames if kind == 1]
    assert answered == streams
    assert len(sim.received()) == 3


def test_streams_above_the_announced_one_are_not_processed(sim):
    sim.behave(initial_streams=100, delay_seconds=(0.3, 0.3))
    with ApnsPeer(sim) as peer:
        streams = [peer.push(f"ab{n:02x}") for n in range(5)]
        wait_until(lambda: sum(sim.attempts().values()) == 5)
        sim.fault("goaway", spare=2)
        frames = split(frames_until_closed(peer))

    goaway = next(payload for kind, _, payload in frames if kind == 7)
    assert int.from_bytes(goaway[:4]) == streams[2]
    assert [stream for kind, stream, _ in frames if kind == 1] == streams[:3]
    assert sorted(sim.received()) == ["ab00", "ab01", "ab02"]


def test_a_stream_behind_a_goaway_is_ignored(sim):
    sim.behave(initial_streams=100, delay_seconds=(0.3, 0.3))
    with ApnsPeer(sim) as peer:
        peer.push("ab00")
        wait_until(sim.attempts)
        sim.fault("goaway")
        peer.push("ab01")
        frames = split(frames_until_closed(peer))

    assert [stream for kind, stream, _ in frames if kind == 1] == [1]
    assert sim.received() == {"ab00": 1}
    assert sim.metrics()["ignored"] == 1


def test_a_goaway_may_close_at_once(sim):
    sim.behave(delay_seconds=(5, 5))
    with ApnsPeer(sim) as peer:
        peer.push()
        wait_until(sim.attempts)
        assert sim.fault("goaway", close=True) == 1
        kinds = [kind for kind, _, _ in split(frames_until_closed(peer))]

    assert kinds[-1] == 7
    assert 1 not in kinds


def test_a_rule_may_end_the_connection_after_an_answer(sim, peer):
    sim.rules([{"match": {"nth": [2]}, "action": {"goaway": "Shutdown"}}])

    assert peer.ask().status == 200
    assert peer.ask().status == 200
    peer.read_until(lambda: peer.goaway and peer.closed)

    assert json.loads(peer.goaway.additional_data) == {"reason": "Shutdown"}


def test_too_many_errors_cost_the_connection_and_dead_tokens_cost_nothing(sim, peer):
    sim.behave(error_budget=9)

    for _ in range(20):
        assert peer.ask("dead").status == 410
    peer.push("bad0")
    assert peer.ask("dead").status == 410
    peer.push("bad0")
    peer.read_until(lambda: peer.goaway)


# ---- cuts, resets, silence ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("cut", "processed"),
    [("headers", 0), ("unprocessed", 0), ("processed", 1), ("answer", 1)],
)
def test_a_cut_resets_the_connection_before_or_after_processing(sim, peer, cut, processed):
    sim.rules([{"action": {"cut": cut}}])

    stream = peer.push()

    if cut == "answer":
        peer.read_until(lambda: peer.replies[stream].status == 200)
    assert peer.is_reset()
    assert not peer.replies[stream].ended
    assert sim.received().get(TOKEN, 0) == processed


@pytest.mark.parametrize("code", [REFUSED, INTERNAL, CANCEL])
def test_a_rule_may_reset_one_stream(sim, peer, code):
    sim.rules([{"times": 1, "action": {"rst": code}}])

    assert peer.ask().reset == code
    assert sim.received() == {}
    assert peer.ask().status == 200


def test_a_request_may_never_be_answered_and_is_processed_all_the_same(sim):
    sim.behave(initial_streams=10)
    sim.rules([{"match": {"prefix": "aa"}, "action": {"never": True}}])
    with ApnsPeer(sim) as peer:
        silent = peer.push("aa01")
        assert peer.ask("ab01").status == 200

    assert not peer.replies[silent].ended
    assert sim.received() == {"aa01": 1, "ab01": 1}


def test_one_slow_stream_does_not_hold_up_the_others(sim):
    sim.behave(initial_streams=10)
    sim.rules([{"match": {"prefix": "aa"}, "action": {"delay": 0.3}}])
    with ApnsPeer(sim) as peer:
        slow = peer.push("aa01")
        assert peer.ask("ab01").status == 200
        assert not peer.replies[slow].ended
        assert peer.reply(slow).status == 200


def test_a_slow_request_is_processed_even_when_the_client_gives_up(sim, peer):
    sim.rules([{"action": {"delay": 0.2}}])
    stream = peer.push()
    wait_until(sim.attempts)
    peer.h2.reset_stream(stream, CANCEL)
    peer.flush()

    wait_until(lambda: sim.received() == {TOKEN: 1})
    assert sim.metrics()["resets"] == 1


def test_all_connections_can_be_dropped(sim, peer):
    assert peer.ask().status == 200

    assert sim.fault("drop") == 1

    assert peer.is_reset()


def test_a_stalled_connection_answers_later(sim, peer):
    assert peer.ask().status == 200
    sim.fault("stall", seconds=0.5)
    started = time.monotonic()

    assert peer.ask().status == 200

    assert time.monotonic() - started > 0.4


@pytest.mark.parametrize(
    ("shape", "frames", "body"),
    [
        ("whole", 1, '{"reason":"InternalServerError"}'), ("none", 0, ""), ("empty", 1, ""),
        ("split", 2, '{"reason":"InternalServerError"}'),
        ("text", 1, "<html><body>Error</body></html>"),
    ],
)  # fmt: skip
def test_an_error_body_comes_in_every_shape(sim, peer, shape, frames, body):
    sim.rules([{"action": {"status": 500, "shape": shape}}])

    reply = peer.ask()

    assert (reply.status, reply.frames, reply.body.decode()) == (500, frames, body)


# ---- windows, pings, idling --------------------------------------------------------------


def test_a_small_window_is_granted_bit_by_bit(sim):
    sim.behave(window_bytes=20)
    with ApnsPeer(sim) as peer:
        peer.read_until(lambda: peer.h2.remote_settings.initial_window_size == 20)

        assert peer.ask(body={"aps": {"alert": "x" * 200}}).status == 200


def test_a_withheld_window_stops_the_client(sim):
    sim.behave(grant_window=False, initial_streams=1000)
    body = {"aps": {"alert": "x" * 3900}}
    with ApnsPeer(sim) as peer:
        for _ in range(16):
            assert peer.ask(body=body).status == 200

        assert peer.h2.outbound_flow_control_window < 4000
        assert sim.metrics()["requests"] == 16


def test_a_client_that_returns_no_credit_stalls(sim, peer):
    peer.h2.acknowledge_received_data = lambda *_args: None
    sim.rules(
        [{"action": {"status": 400, "reason": "x" * 988}}]
    )  # with its JSON a body of 1,001 bytes
    for _ in range(65):
        assert len(peer.ask().body) == 1001

    stream = peer.push()
    peer.read_until(lambda: peer.replies[stream].status == 400)
    peer.h2.ping(b"12345678")
    peer.flush()
    peer.read_until(lambda: peer.pongs)

    assert not peer.replies[stream].ended


def test_a_ping_is_answered_unless_told_otherwise(sim, peer):
    peer.h2.ping(b"12345678")
    peer.flush()
    peer.read_until(lambda: peer.pongs == 1)

    sim.behave(answer_pings=False)
    peer.h2.ping(b"12345678")
    peer.flush()
    assert peer.ask().status == 200
    assert peer.pongs == 1
    assert sim.metrics()["pings"] == 2


@pytest.mark.parametrize("say_goaway", [True, False])
def test_an_idle_connection_is_closed_with_or_without_a_word(sim, peer, say_goaway):
    assert peer.ask().status == 200

    sim.behave(idle_seconds=0.2, idle_goaway=say_goaway)
    peer.read_to_end()

    assert (peer.goaway is not None) is say_goaway
    if say_goaway:
        assert json.loads(peer.goaway.additional_data) == {"reason": "IdleTimeout"}


def test_connecting_too_often_is_taken_for_an_attack(sim):
    sim.behave(connects_max=2, connects_window_seconds=30, connects_penalty_seconds=0.3)
    for _ in range(2):
        with ApnsPeer(sim) as peer:
            assert peer.ask().status == 200

    with pytest.raises(OSError), ApnsPeer(sim) as peer:  # noqa: PT011 - reset at any point
        peer.ask()
    assert sim.metrics()["connects_refused"] == 1


# ---- TLS ---------------------------------------------------------------------------------


def test_http2_without_alpn_is_tolerated_unless_alpn_is_required(sim):
    with ApnsPeer(sim, alpn=()) as peer:
        assert peer.ask().status == 200
    sim.behave(require_alpn=True)
    with pytest.raises(OSError), ApnsPeer(sim, alpn=()) as peer:  # noqa: PT011 - reset or closed
        peer.ask()


def test_http_1_is_hung_up_on_by_apns(sim):
    with ApnsPeer(sim, alpn=("http/1.1",), greet=False) as peer:
        peer.socket.sendall(b"POST /3/device/ab HTTP/1.1\r\nhost: localhost\r\n\r\n")
        answer = frames_until_closed(peer)

    assert {kind for kind, _, _ in split(answer)} <= {4}  # SETTINGS, which it cannot read


def test_tls_1_1_is_refused(sim):
    context = ssl.create_default_context(cafile=str(sim.ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    port = int(sim.apns_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.settimeout(5)
        # A ClientHello of TLS 1.1 by hand: this OpenSSL refuses to make one.
        hello = bytes.fromhex("0302") + bytes(32) + b"\x00" + b"\x00\x02\xc0\x13" + b"\x01\x00"
        raw.sendall(b"\x16\x03\x01" + (len(hello) + 4).to_bytes(2)
                    + b"\x01" + len(hello).to_bytes(3) + hello)  # fmt: skip
        answer = raw.recv(100)

    assert answer[:1] != b"\x16"  # no handshake


# ---- FCM ---------------------------------------------------------------------------------


def test_fcm_allows_a_hundred_streams_and_says_goaway_to_more(sim):
    with FcmPeer(sim) as peer:
        assert peer.ask({"token": "a" * 30}).status == 200
        assert peer.stream_limit == 100
        sim.behave(delay_seconds=(1, 1))
        peer.disobey()
        for n in range(101):
            peer.send({"token": f"{n:030d}"})
        peer.read_until(lambda: peer.goaway)


# ---- duplicates --------------------------------------------------------------------------


def test_duplicates_are_what_was_processed_twice_under_one_id(sim, peer):
    given = "123e4567-e89b-12d3-a456-426655440000"
    sim.rules([{"match": {"prefix": "aa", "nth": [1]}, "action": {"status": 503}}])

    for token in ("aa01", "aa01", "ab01", "ab01"):
        peer.ask(token, apns_id=given)
    for other in (given[:-1] + "1", given[:-1] + "2"):
        peer.ask("ab02", {"aps": {}, "mid": "order-7"}, apns_id=other)
        peer.ask("ab03", apns_id=other)

    assert sim.duplicates() == [
        {"token": "ab01", "id": given, "count": 2},
        {"token": "ab02", "id": "order-7", "count": 2},
    ]
    assert sim.received() == {"aa01": 1, "ab01": 2, "ab02": 2, "ab03": 2}
    assert sim.attempts()["aa01"] == 2


def test_the_log_tells_every_request_without_its_credential(sim, peer):
    peer.ask(apns_id="123e4567-e89b-12d3-a456-426655440000")
    peer.ask("dead")

    first, second = sim.log()

    assert (first["token"], first["status"], first["processed"]) == (TOKEN, 200, True)
    assert first["arrived"] <= first["answered"]
    assert first["connection"] == second["connection"]
    assert (second["status"], second["reason"], second["processed"]) == (410, "Unregistered", False)
    assert "authorization" not in first["headers"]
