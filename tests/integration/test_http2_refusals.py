"""What the peer surely did not process is sent again; nothing else is."""

import json
from collections import Counter

from push_workers.senders.http2 import Ended, frames
from tests.unit.http2.peer_server import PeerServer
from tests.unit.http2.sending import assert_each_answer_is_its_own, kinds, send


def test_refused_streams_are_sent_again_and_answered_once():
    refused = set()

    def refuse_some(link, request):
        if int(request.path.split(b"/")[-1]) % 50 == 3 and request.path not in refused:
            refused.add(request.path)
            link.refuse(request)
        else:
            link.answer(request)

    with PeerServer(refuse_some) as server:
        transport = server.transport()
        endings = send(transport, 400)
        assert kinds(endings) == {(Ended.ANSWER, ""): 400}
        assert_each_answer_is_its_own(endings)
        assert transport.stats.refused == len(refused) == 8


def test_a_stream_that_is_always_refused_ends_as_refused():
    def refuse_one(link, request):
        (link.refuse if request.path.endswith(b"/5") else link.answer)(request)

    with PeerServer(refuse_one) as server:
        endings = send(server.transport(), 10)
        assert kinds(endings) == {(Ended.ANSWER, ""): 9, (Ended.REFUSED, "RefusedStream"): 1}
        assert server.received[b"/3/device/5"] == 3


def test_after_goaway_accepted_streams_are_answered_and_the_rest_goes_elsewhere():
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

    with PeerServer(leave_after_150, MAX_CONCURRENT_STREAMS=500) as server:
        transport = server.transport()
        endings = send(transport, 400)
        assert kinds(endings) == {(Ended.ANSWER, ""): 400}
        assert_each_answer_is_its_own(endings)
        assert set(processed.values()) == {1}
        assert len(server.links) == 2
        assert transport.stats.goaways == 1


def test_a_goaway_in_two_steps_loses_nothing():
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

    with PeerServer(leave_politely) as server:
        endings = send(server.transport(), 400)
        assert kinds(endings) == {(Ended.ANSWER, ""): 400}
        assert set(processed.values()) == {1}


def test_a_host_that_refuses_by_goaway_each_time_is_not_stormed():
    def leave(link, request):
        link.goaway(0, b'{"reason":"BadCertificate"}')

    with PeerServer(leave) as server:
        transport = server.transport()
        endings = send(transport, 50)
        assert {ending.kind for ending in endings} <= {Ended.REFUSED, Ended.NOT_SENT}
        assert {ending.detail for ending in endings} == {"GoAway:BadCertificate"}
        assert transport.stats.connects == 1
        assert kinds(send(transport, 5)) == {(Ended.NOT_SENT, "GoAway:BadCertificate"): 5}
        assert transport.stats.connects == 1
