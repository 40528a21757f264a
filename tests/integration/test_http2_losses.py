"""Cuts, stalls and violations: what was written and not answered is unknown, and stays so."""

import threading
import time

import h2.events
import pytest

from push_workers.senders.http2 import Ended, frames
from tests.processes import wait_until
from tests.unit.http2.peer_server import PeerServer
from tests.unit.http2.sending import HEADERS, assert_each_answer_is_its_own, kinds, send


def cut_at(number):
    def handle(link, request):
        if link.number == 0 and len(link.requests) == number:
            link.cut()
        elif link.number or len(link.requests) <= number // 2:
            link.answer(request)

    return handle


def test_requests_in_flight_when_the_connection_breaks_are_unknown_and_never_repeated():
    with PeerServer(cut_at(200), MAX_CONCURRENT_STREAMS=1000) as server:
        transport = server.transport()
        endings = send(transport, 600)
        assert max(server.received.values()) == 1
        assert_each_answer_is_its_own(endings)
        unknown = [ending for ending in endings if ending.kind is Ended.UNKNOWN]
        assert unknown
        assert {ending.detail for ending in unknown} == {"ConnectionLost"}
        assert transport.stats.unknown == len(unknown)
        answered = sum(ending.kind is Ended.ANSWER for ending in endings)
        assert answered + len(unknown) == 600


def test_a_connection_that_ends_with_fin_is_a_loss_too():
    def end(link, request):
        if link.number == 0 and len(link.requests) == 2:
            link.close()
        else:
            link.answer(request)

    with PeerServer(end) as server:
        transport = server.transport()
        send(transport, 1)
        assert kinds(send(transport, 1)) == {(Ended.UNKNOWN, "ConnectionLost"): 1}
        assert kinds(send(transport, 1)) == {(Ended.ANSWER, ""): 1}


def test_requests_accepted_before_a_goaway_and_then_cut_are_unknown():
    def leave_and_end(link, request):
        if link.number == 0 and len(link.requests) == 20:
            link.goaway(request.stream, b'{"reason":"InternalServerError"}')
            link.close()
        elif link.number or len(link.requests) < 10:
            link.answer(request)

    with PeerServer(leave_and_end) as server:
        endings = send(server.transport(), 100)
        by_kind = kinds(endings)
        assert by_kind[Ended.UNKNOWN, "GoAway:InternalServerError"] == 11
        assert by_kind[Ended.ANSWER, ""] == 89
        assert max(server.received.values()) <= 2  # refused ones may arrive twice
        lost = [b"/3/device/%d" % n for n, one in enumerate(endings) if one.kind is Ended.UNKNOWN]
        assert {server.received[path] for path in lost} == {1}


def test_a_stall_ends_with_the_deadline_and_is_cancelled():
    def stall(link, request):
        if len(link.requests) <= 10:
            link.answer(request)

    with PeerServer(stall, MAX_CONCURRENT_STREAMS=20) as server:
        transport = server.transport(timeout=0.5)
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


def test_answers_that_come_after_the_deadline_go_to_no_later_call():
    def answer_one_call_late(link, request):
        if len(link.requests) == 3:
            link.answer_late(link.requests[1])
        if len(link.requests) != 2:
            link.answer(request)

    with PeerServer(answer_one_call_late) as server:
        transport = server.transport(timeout=0.4)
        assert kinds(send(transport, 1)) == {(Ended.ANSWER, ""): 1}
        assert kinds(send(transport, 1)) == {(Ended.UNKNOWN, "Timeout"): 1}
        endings = transport.send_many([b"/other"], b"{}", headers=lambda _: HEADERS)
        assert endings[0].header("x-path") == "/other"


def test_a_peer_that_does_not_read_leaves_later_requests_unsent():
    stalled = threading.Event()

    def stop_reading(link, request):
        link.answer(request)
        link.send()
        stalled.wait(3.0)

    with PeerServer(stop_reading, INITIAL_WINDOW_SIZE=2**31 - 1) as server:
        server_opened_wide(server)
        transport = server.transport(timeout=1.0, stream_cap=1000)
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
def test_a_peer_that_breaks_the_protocol_loses_its_connection(flood, detail):
    def misbehave(link, request):
        if link.number == 0 and len(link.requests) == 2:
            link.raw(flood)
        else:
            link.answer(request)

    with PeerServer(misbehave) as server:
        transport = server.transport()
        send(transport, 1)
        assert kinds(send(transport, 1)) == {(Ended.UNKNOWN, detail): 1}
        assert kinds(send(transport, 1)) == {(Ended.ANSWER, ""): 1}
