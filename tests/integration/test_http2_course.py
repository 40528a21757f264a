"""The usual course: every request its own answer, within every limit the peer sets."""

import threading
from collections import Counter

import h2.events

from push_workers.senders.http2 import Ended
from tests.unit.http2.peer_server import PeerServer
from tests.unit.http2.sending import assert_each_answer_is_its_own, kinds, send


def test_every_request_gets_its_own_answer_over_kept_connections():
    with PeerServer() as server:
        transport = server.transport(connections=2)
        for _ in range(3):
            endings = send(transport, 300)
            assert kinds(endings) == {(Ended.ANSWER, ""): 300}
            assert_each_answer_is_its_own(endings)
        assert transport.stats.connects == len(server.links) == 2
        assert transport.stats.requests == 900


def test_no_request_at_all_opens_no_connection():
    with PeerServer() as server:
        transport = server.transport()
        assert send(transport, 0) == []
        assert transport.stats.connects == 0


def test_a_single_request_uses_one_connection_only():
    with PeerServer() as server:
        transport = server.transport(connections=4)
        send(transport, 1)
        send(transport, 1)
        assert transport.stats.connects == 1


def test_request_ids_and_headers_arrive():
    with PeerServer() as server:
        transport = server.transport(request_id_header=b"apns-id", authority="push.example.com")
        send(transport, 2, request_ids=[b"first", b"second"])
        headers = [request.headers for request in server.requests]
        assert [fields[b"apns-id"] for fields in headers] == [b"first", b"second"]
        assert {fields[b":authority"] for fields in headers} == {b"push.example.com"}
        assert {fields[b"authorization"] for fields in headers} == {b"bearer e30"}


def test_headers_are_asked_for_once_per_connection_and_call():
    asked = []

    def headers(connection):
        asked.append(connection)
        return [(b"authorization", b"connection %d" % connection)]

    with PeerServer() as server:
        transport = server.transport(connections=2)
        for _ in range(2):
            transport.send_many([b"/"] * 400, b"{}", headers=headers)
        assert max(Counter(asked).values()) <= 2
        for link in server.links:
            assert len({request.headers[b"authorization"] for request in link.requests}) == 1


def test_bodies_larger_than_every_window_arrive_whole():
    with PeerServer(INITIAL_WINDOW_SIZE=1000) as server:
        bodies = [bytes([n]) * 40_000 for n in range(20)]
        endings = send(server.transport(), 20, bodies)
        assert kinds(endings) == {(Ended.ANSWER, ""): 20}
        assert sorted(request.body for request in server.requests) == bodies


def test_answers_larger_than_every_window_arrive_whole():
    page = b"<html>" * 10_000

    def answer_at_length(link, request):
        link.answer(request, 502, page)

    with PeerServer(answer_at_length, MAX_CONCURRENT_STREAMS=100) as server:
        endings = send(server.transport(), 400)  # 24 MB, more than the window of the connection
        assert {(ending.status, len(ending.body)) for ending in endings} == {(502, len(page))}


def test_the_first_request_goes_alone():
    released = threading.Event()
    seen_alone = []

    def hold_the_first(link, request):
        if not seen_alone:
            released.wait(0.3)  # whatever else is sent would arrive meanwhile
            seen_alone.append(link.h2.open_inbound_streams)
        link.answer(request)

    with PeerServer(hold_the_first) as server:
        send(server.transport(), 100)
        assert seen_alone == [1]
        first, *_ = server.links[0].events
        assert isinstance(first, h2.events.RemoteSettingsChanged)


def test_a_limit_of_one_stream_is_honoured_to_the_end():
    with PeerServer(MAX_CONCURRENT_STREAMS=1) as server:
        assert kinds(send(server.transport(), 50)) == {(Ended.ANSWER, ""): 50}
        assert server.links[0].open_at_once == 1


def test_a_limit_that_falls_to_one_and_rises_again_is_followed():
    def punish(link, request):
        number = int(request.path.split(b"/")[-1])
        link.answer(request, 400 if number % 50 == 7 else 200)
        if number % 50 == 7:
            link.settings(MAX_CONCURRENT_STREAMS=1)
        elif number % 50 == 40:
            link.settings(MAX_CONCURRENT_STREAMS=100)

    with PeerServer(punish, MAX_CONCURRENT_STREAMS=100) as server:
        endings = send(server.transport(), 400)
        assert Counter(ending.status for ending in endings) == {200: 392, 400: 8}
        assert max(server.received.values()) == 1


def test_no_more_streams_than_the_cap_are_open():
    waiting = []

    def answer_in_tens(link, request):
        waiting.append(request)
        if len(waiting) == 10 or request.path == b"/3/device/0":
            for one in waiting:
                link.answer(one)
            waiting.clear()

    with PeerServer(answer_in_tens, MAX_CONCURRENT_STREAMS=1000) as server:
        assert kinds(send(server.transport(stream_cap=10), 101)) == {(Ended.ANSWER, ""): 101}
        assert server.links[0].open_at_once == 10
