"""The transport under everything a peer may do: one honest ending each, nothing sent twice."""

import json
import signal
import threading
import time
from collections import Counter

import h2.events
import pytest

from tests.bench.sink_certificate import make_certificate
from tests.processes import wait_until
from tests.unit.http2.peer_server import PeerServer
from workers.senders.http2 import Ended, Patience, Transport, frames

HEADERS = [(b"authorization", b"bearer e30"), (b"apns-topic", b"com.example.app")]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def connect():
    """Make transports to a server that are closed when the test ends."""
    made = []

    def make(server, **options):
        options = {"connections": 1, "timeout": 10.0, "tls": server.tls} | options
        transport = Transport(server.host, server.port, **options)
        made.append(transport)
        return transport

    yield make
    for transport in made:
        transport.close()


def send(transport, count, body=b"{}", **options):
    paths = [b"/3/device/%d" % n for n in range(count)]
    return transport.send_many(paths, body, headers=lambda _: HEADERS, **options)


def kinds(endings):
    return Counter((ending.kind, ending.detail) for ending in endings)


def assert_each_answer_is_its_own(endings):
    for number, ending in enumerate(endings):
        if ending.kind is Ended.ANSWER:
            assert ending.header("x-path") == f"/3/device/{number}"


# The usual course


def test_every_request_gets_its_own_answer_over_kept_connections(certificate, connect):
    with PeerServer(certificate) as server:
        transport = connect(server, connections=2)
        for _ in range(3):
            endings = send(transport, 300)
            assert kinds(endings) == {(Ended.ANSWER, ""): 300}
            assert_each_answer_is_its_own(endings)
        assert transport.stats.connects == len(server.links) == 2
        assert transport.stats.requests == 900


def test_no_request_at_all_opens_no_connection(certificate, connect):
    with PeerServer(certificate) as server:
        transport = connect(server)
        assert send(transport, 0) == []
        assert transport.stats.connects == 0


def test_a_single_request_uses_one_connection_only(certificate, connect):
    with PeerServer(certificate) as server:
        transport = connect(server, connections=4)
        send(transport, 1)
        send(transport, 1)
        assert transport.stats.connects == 1


def test_request_ids_and_headers_arrive(certificate, connect):
    with PeerServer(certificate) as server:
        transport = connect(server, request_id_header=b"apns-id", authority="push.example.com")
        send(transport, 2, request_ids=[b"first", b"second"])
        headers = [request.headers for request in server.requests]
        assert [fields[b"apns-id"] for fields in headers] == [b"first", b"second"]
        assert {fields[b":authority"] for fields in headers} == {b"push.example.com"}
        assert {fields[b"authorization"] for fields in headers} == {b"bearer e30"}


def test_headers_are_asked_for_once_per_connection_and_call(certificate, connect):
    asked = []

    def headers(connection):
        asked.append(connection)
        return [(b"authorization", b"connection %d" % connection)]

    with PeerServer(certificate) as server:
        transport = connect(server, connections=2)
        for _ in range(2):
            transport.send_many([b"/"] * 400, b"{}", headers=headers)
        assert max(Counter(asked).values()) <= 2
        for link in server.links:
            assert len({request.headers[b"authorization"] for request in link.requests}) == 1


def test_bodies_larger_than_every_window_arrive_whole(certificate, connect):
    with PeerServer(certificate, INITIAL_WINDOW_SIZE=1000) as server:
        bodies = [bytes([n]) * 40_000 for n in range(20)]
        endings = send(connect(server), 20, bodies)
        assert kinds(endings) == {(Ended.ANSWER, ""): 20}
        assert sorted(request.body for request in server.requests) == bodies


def test_answers_larger_than_every_window_arrive_whole(certificate, connect):
    page = b"<html>" * 10_000

    def answer_at_length(link, request):
        link.answer(request, 502, page)

    with PeerServer(certificate, answer_at_length, MAX_CONCURRENT_STREAMS=100) as server:
        endings = send(connect(server), 400)  # 24 MB, more than the window of the connection
        assert {(ending.status, len(ending.body)) for ending in endings} == {(502, len(page))}


# Limits


def test_the_first_request_goes_alone(certificate, connect):
    released = threading.Event()
    seen_alone = []

    def hold_the_first(link, request):
        if not seen_alone:
            released.wait(0.3)  # whatever else is sent would arrive meanwhile
            seen_alone.append(link.h2.open_inbound_streams)
        link.answer(request)

    with PeerServer(certificate, hold_the_first) as server:
        send(connect(server), 100)
        assert seen_alone == [1]
        first, *_ = server.links[0].events
        assert isinstance(first, h2.events.RemoteSettingsChanged)


def test_a_limit_of_one_stream_is_honoured_to_the_end(certificate, connect):
    with PeerServer(certificate, MAX_CONCURRENT_STREAMS=1) as server:
        assert kinds(send(connect(server), 50)) == {(Ended.ANSWER, ""): 50}
        assert server.links[0].open_at_once == 1


def test_a_limit_that_falls_to_one_and_rises_again_is_followed(certificate, connect):
    def punish(link, request):
        number = int(request.path.split(b"/")[-1])
        link.answer(request, 400 if number % 50 == 7 else 200)
        if number % 50 == 7:
            link.settings(MAX_CONCURRENT_STREAMS=1)
        elif number % 50 == 40:
            link.settings(MAX_CONCURRENT_STREAMS=100)

    with PeerServer(certificate, punish, MAX_CONCURRENT_STREAMS=100) as server:
        endings = send(connect(server), 400)
        assert Counter(ending.status for ending in endings) == {200: 392, 400: 8}
        assert max(server.received.values()) == 1


def test_no_more_streams_than_the_cap_are_open(certificate, connect):
    waiting = []

    def answer_in_tens(link, request):
        waiting.append(request)
        if len(waiting) == 10 or request.path == b"/3/device/0":
            for one in waiting:
                link.answer(one)
            waiting.clear()

    with PeerServer(certificate, answer_in_tens, MAX_CONCURRENT_STREAMS=1000) as server:
        assert kinds(send(connect(server, stream_cap=10), 101)) == {(Ended.ANSWER, ""): 101}
        assert server.links[0].open_at_once == 10


# Refusals


def test_refused_streams_are_sent_again_and_answered_once(certificate, connect):
    refused = set()

    def refuse_some(link, request):
        if int(request.path.split(b"/")[-1]) % 50 == 3 and request.path not in refused:
            refused.add(request.path)
            link.refuse(request)
        else:
            link.answer(request)

    with PeerServer(certificate, refuse_some) as server:
        transport = connect(server)
        endings = send(transport, 400)
        assert kinds(endings) == {(Ended.ANSWER, ""): 400}
        assert_each_answer_is_its_own(endings)
        assert transport.stats.refused == len(refused) == 8


def test_a_stream_that_is_always_refused_ends_as_refused(certificate, connect):
    def refuse_one(link, request):
        (link.refuse if request.path.endswith(b"/5") else link.answer)(request)

    with PeerServer(certificate, refuse_one) as server:
        endings = send(connect(server), 10)
        assert kinds(endings) == {(Ended.ANSWER, ""): 9, (Ended.REFUSED, "RefusedStream"): 1}
        assert server.received[b"/3/device/5"] == 3


def test_after_goaway_accepted_streams_are_answered_and_the_rest_goes_elsewhere(
    certificate, connect
):
    processed = Counter()
    held = []

    def leave_after_150(link, request):
        if link.number:
            processed[request.path] += 1
            return link.answer(request)
        if len(link.requests) <= 150:
            processed[request.path] += 1
            held.append(request)
            if len(held) == 1:
                link.answer(held.pop())
        if len(link.requests) == 150:
            link.goaway(request.stream, json.dumps({"reason": "Shutdown"}).encode())
            for one in held:
                link.answer(one)
        return None

    with PeerServer(certificate, leave_after_150, MAX_CONCURRENT_STREAMS=500) as server:
        transport = connect(server)
        endings = send(transport, 400)
        assert kinds(endings) == {(Ended.ANSWER, ""): 400}
        assert_each_answer_is_its_own(endings)
        assert set(processed.values()) == {1}
        assert len(server.links) == 2
        assert transport.stats.goaways == 1


def test_a_goaway_in_two_steps_loses_nothing(certificate, connect):
    processed = Counter()

    def leave_politely(link, request):
        if link.number == 0:
            if len(link.requests) == 100:
                link.goaway(frames.LARGEST)
            if len(link.requests) == 110:
                link.goaway(request.stream - 2)
            if len(link.requests) >= 110:
                return
        processed[request.path] += 1
        link.answer(request)

    with PeerServer(certificate, leave_politely) as server:
        endings = send(connect(server), 400)
        assert kinds(endings) == {(Ended.ANSWER, ""): 400}
        assert set(processed.values()) == {1}


def test_a_host_that_refuses_by_goaway_each_time_is_not_stormed(certificate, connect):
    def leave(link, request):
        link.goaway(0, b'{"reason":"BadCertificate"}')

    with PeerServer(certificate, leave) as server:
        transport = connect(server)
        endings = send(transport, 50)
        assert {ending.kind for ending in endings} <= {Ended.REFUSED, Ended.NOT_SENT}
        assert {ending.detail for ending in endings} == {"GoAway:BadCertificate"}
        assert transport.stats.connects == 1
        assert kinds(send(transport, 5)) == {(Ended.NOT_SENT, "BackOff"): 5}
        assert transport.stats.connects == 1


# Losses


def cut_at(number):
    def handle(link, request):
        if link.number == 0 and len(link.requests) == number:
            link.cut()
        elif link.number or len(link.requests) <= number // 2:
            link.answer(request)

    return handle


def test_requests_in_flight_when_the_connection_breaks_are_unknown_and_never_repeated(
    certificate, connect
):
    with PeerServer(certificate, cut_at(200), MAX_CONCURRENT_STREAMS=1000) as server:
        transport = connect(server)
        endings = send(transport, 600)
        assert max(server.received.values()) == 1
        assert_each_answer_is_its_own(endings)
        unknown = [ending for ending in endings if ending.kind is Ended.UNKNOWN]
        assert unknown
        assert {ending.detail for ending in unknown} == {"ConnectionLost"}
        assert transport.stats.unknown == len(unknown)
        answered = sum(ending.kind is Ended.ANSWER for ending in endings)
        assert answered + len(unknown) == 600


def test_a_connection_that_ends_with_fin_is_a_loss_too(certificate, connect):
    def end(link, request):
        if link.number == 0 and len(link.requests) == 2:
            link.close()
        else:
            link.answer(request)

    with PeerServer(certificate, end) as server:
        transport = connect(server)
        send(transport, 1)
        assert kinds(send(transport, 1)) == {(Ended.UNKNOWN, "ConnectionLost"): 1}
        assert kinds(send(transport, 1)) == {(Ended.ANSWER, ""): 1}


def test_requests_accepted_before_a_goaway_and_then_cut_are_unknown(certificate, connect):
    def leave_and_end(link, request):
        if link.number == 0 and len(link.requests) == 20:
            link.goaway(request.stream, b'{"reason":"InternalServerError"}')
            link.close()
        elif link.number or len(link.requests) < 10:
            link.answer(request)

    with PeerServer(certificate, leave_and_end) as server:
        endings = send(connect(server), 100)
        by_kind = kinds(endings)
        assert by_kind[Ended.UNKNOWN, "GoAway:InternalServerError"] == 11
        assert by_kind[Ended.ANSWER, ""] == 89
        assert max(server.received.values()) <= 2  # refused ones may arrive twice
        lost = [b"/3/device/%d" % n for n, one in enumerate(endings) if one.kind is Ended.UNKNOWN]
        assert {server.received[path] for path in lost} == {1}


def test_a_stall_ends_with_the_deadline_and_is_cancelled(certificate, connect):
    def stall(link, request):
        if len(link.requests) <= 10:
            link.answer(request)

    with PeerServer(certificate, stall, MAX_CONCURRENT_STREAMS=20) as server:
        transport = connect(server, timeout=0.5)
        started = time.monotonic()
        endings = send(transport, 100)
        assert 0.4 < time.monotonic() - started < 2.0
        assert kinds(endings) == {
            (Ended.ANSWER, ""): 10,
            (Ended.UNKNOWN, "Timeout"): 20,
            (Ended.NOT_SENT, "Timeout"): 70,
        }
        wait_until(lambda: _resets(server) == 20)
        assert max(server.received.values()) == 1


def _resets(server):
    return sum(isinstance(event, h2.events.StreamReset) for event in server.links[0].events)


def test_answers_that_come_after_the_deadline_go_to_no_later_call(certificate, connect):
    def answer_one_call_late(link, request):
        if len(link.requests) == 3:
            link.answer_late(link.requests[1])
        if len(link.requests) != 2:
            link.answer(request)

    with PeerServer(certificate, answer_one_call_late) as server:
        transport = connect(server, timeout=0.4)
        assert kinds(send(transport, 1)) == {(Ended.ANSWER, ""): 1}
        assert kinds(send(transport, 1)) == {(Ended.UNKNOWN, "Timeout"): 1}
        endings = transport.send_many([b"/other"], b"{}", headers=lambda _: HEADERS)
        assert endings[0].header("x-path") == "/other"


def test_a_peer_that_does_not_read_leaves_later_requests_unsent(certificate, connect):
    stalled = threading.Event()

    def stop_reading(link, request):
        link.answer(request)
        link.send()
        stalled.wait(3.0)

    with PeerServer(certificate, stop_reading, INITIAL_WINDOW_SIZE=2**31 - 1) as server:
        server_opened_wide(server)
        transport = connect(server, timeout=1.0, stream_cap=1000)
        endings = send(transport, 400, b"b" * 60_000)
        stalled.set()
        found = kinds(endings)
        assert found[Ended.ANSWER, ""] == 1
        assert found[Ended.UNKNOWN, "Timeout"] > 0
        assert found[Ended.NOT_SENT, "Timeout"] > 100
        assert max(server.received.values()) == 1


def server_opened_wide(server):
    """Let the connection's window be as large as the streams'."""
    server._opened = lambda link: (link.h2.increment_flow_control_window(2**30), link.send())


@pytest.mark.parametrize(
    ("flood", "detail"),
    [
        (frames.frame(frames.PING, 0, 0, b"12345678") * 11_000, "Protocol:Flood"),
        (frames.HEAD.pack(0x41, 0, frames.DATA, 0, 1), "Protocol:FrameSize"),
        (frames.frame(frames.PUSH_PROMISE, 4, 1, bytes(4)), "Protocol:Push"),
    ],
)
def test_a_peer_that_breaks_the_protocol_loses_its_connection(certificate, connect, flood, detail):
    def misbehave(link, request):
        if link.number == 0 and len(link.requests) == 2:
            link.raw(flood)
        else:
            link.answer(request)

    with PeerServer(certificate, misbehave) as server:
        transport = connect(server)
        send(transport, 1)
        assert kinds(send(transport, 1)) == {(Ended.UNKNOWN, detail): 1}
        assert kinds(send(transport, 1)) == {(Ended.ANSWER, ""): 1}


# Silence


def test_a_connection_that_the_server_closed_while_idle_costs_no_request(certificate, connect):
    with PeerServer(certificate) as server:
        transport = connect(server)
        send(transport, 1)
        server.links[0].goaway(1, b'{"reason":"IdleTimeout"}')
        server.links[0].close()
        assert kinds(send(transport, 20)) == {(Ended.ANSWER, ""): 20}
        assert len(server.links) == 2
        assert transport.stats.unknown == 0


def test_a_silent_connection_is_asked_before_it_is_used_again(certificate, connect):
    with PeerServer(certificate) as server:
        transport = connect(server, patience=Patience(idle=0.0))
        for _ in range(3):
            assert kinds(send(transport, 5)) == {(Ended.ANSWER, ""): 5}
        pings = [event for event in server.links[0].events if type(event) is h2.events.PingReceived]
        assert len(pings) == 2
        assert len(server.links) == 1


def test_a_connection_that_is_dead_without_a_sign_is_replaced(certificate, connect):
    def freeze(link, request):
        link.answer(request)
        link.send()
        if link.number == 0:
            frozen.wait(5.0)

    frozen = threading.Event()
    with PeerServer(certificate, freeze) as server:
        transport = connect(server, patience=Patience(idle=0.0, ping=0.2))
        send(transport, 1)
        endings = send(transport, 20)
        frozen.set()
        assert kinds(endings) == {(Ended.ANSWER, ""): 20}
        assert len(server.links) == 2
        assert transport.stats.unknown == 0


# Interruption


def test_an_exception_thrown_into_a_call_leaves_no_answer_for_the_next(certificate, connect):
    class LimitExceededError(Exception):
        pass

    def raise_it(*_):
        raise LimitExceededError

    def hold(link, request):
        if link.number:
            link.answer(request)

    previous = signal.signal(signal.SIGALRM, raise_it)
    try:
        with PeerServer(certificate, hold) as server:
            transport = connect(server)
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(LimitExceededError):
                send(transport, 10)
            assert kinds(send(transport, 10)) == {(Ended.ANSWER, ""): 10}
            assert len(server.links) == 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_close_says_goodbye_and_may_be_repeated(certificate, connect):
    with PeerServer(certificate) as server:
        transport = connect(server)
        send(transport, 1)
        transport.close()
        transport.close()
        wait_until(
            lambda: any(
                isinstance(event, h2.events.ConnectionTerminated)
                for event in server.links[0].events
            )
        )
        assert kinds(send(transport, 2)) == {(Ended.NOT_SENT, "Closed"): 2}
