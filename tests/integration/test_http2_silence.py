"""Connections that fell silent, and calls that were interrupted, cost no later request."""

import signal
import threading

import h2.events
import pytest

from push_workers.senders.http2 import Ended, Patience
from tests.processes import wait_until
from tests.unit.http2.peer_server import PATIENCE_SECONDS, PeerServer
from tests.unit.http2.sending import kinds, send


def test_a_connection_that_the_server_closed_while_idle_costs_no_request():
    gone = threading.Event()

    def leave_after_one(link, request):
        link.answer(request)
        if link.number == 0:
            link.goaway(request.stream, b'{"reason":"IdleTimeout"}')
            link.close()
            gone.set()

    with PeerServer(leave_after_one) as server:
        transport = server.transport()
        send(transport, 1)
        assert gone.wait(PATIENCE_SECONDS)
        assert kinds(send(transport, 20)) == {(Ended.ANSWER, ""): 20}
        assert len(server.links) == 2
        assert transport.stats.unknown == 0


def test_a_silent_connection_is_asked_before_it_is_used_again():
    with PeerServer() as server:
        transport = server.transport(patience=Patience(idle=0.0))
        for _ in range(3):
            assert kinds(send(transport, 5)) == {(Ended.ANSWER, ""): 5}
        pings = [event for event in server.links[0].events if type(event) is h2.events.PingReceived]
        assert len(pings) == 2
        assert len(server.links) == 1


def test_a_connection_that_is_dead_without_a_sign_is_replaced():
    def freeze(link, request):
        link.answer(request)
        link.send()
        if link.number == 0:
            frozen.wait(5.0)

    frozen = threading.Event()
    with PeerServer(freeze) as server:
        transport = server.transport(patience=Patience(idle=0.0, ping=0.2))
        send(transport, 1)
        endings = send(transport, 20)
        frozen.set()
        assert kinds(endings) == {(Ended.ANSWER, ""): 20}
        assert len(server.links) == 2
        assert transport.stats.unknown == 0


def test_an_exception_thrown_into_a_call_leaves_no_answer_for_the_next():
    class LimitExceededError(Exception):
        pass

    def raise_it(*_):
        raise LimitExceededError

    def hold(link, request):
        if link.number:
            link.answer(request)

    previous = signal.signal(signal.SIGALRM, raise_it)
    try:
        with PeerServer(hold) as server:
            transport = server.transport()
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(LimitExceededError):
                send(transport, 10)
            assert kinds(send(transport, 10)) == {(Ended.ANSWER, ""): 10}
            assert len(server.links) == 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_close_says_goodbye_and_may_be_repeated():
    with PeerServer() as server:
        transport = server.transport()
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
