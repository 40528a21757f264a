"""Connections that wait for their client: how many, and which of them go first."""

import pytest

from push_pipeline.gateway import crowd
from push_pipeline.gateway.clients import network_of
from push_pipeline.gateway.crowd import Crowd


class Waiting:
    closed = False

    def close(self) -> None:
        self.closed = True


def closed(connections: list[Waiting]) -> list[bool]:
    return [one.closed for one in connections]


def test_an_address_has_its_own_bound_and_the_oldest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "HALF_OPEN_MAX", 2)
    monkeypatch.setattr(crowd, "HALF_OPEN_SECONDS", 0.0)
    waiting, mine, other = Crowd(), [Waiting() for _ in range(4)], Waiting()
    waiting.begin(other, "192.0.2.2")
    for one in mine[:2]:
        waiting.begin(one, "192.0.2.1")
    waiting.end(mine[0])
    for one in mine[2:]:
        waiting.begin(one, "192.0.2.1")

    assert closed(mine) == [False, True, False, False]
    assert not other.closed


def test_who_came_a_moment_ago_is_not_closed_for_those_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(crowd, "HALF_OPEN_MAX", 2)
    monkeypatch.setattr(crowd.time, "monotonic", lambda: now)
    waiting, at_once = Crowd(), [Waiting() for _ in range(5)]
    for one in at_once:
        waiting.begin(one, "192.0.2.1")
    assert not any(closed(at_once))

    now = crowd.HALF_OPEN_SECONDS
    waiting.begin(Waiting(), "192.0.2.1")
    assert closed(at_once) == [True, True, True, True, False]


def test_those_that_rest_are_bounded_in_all_only() -> None:
    waiting, resting = Crowd(in_all=3), [Waiting() for _ in range(5)]
    for one in resting:
        waiting.begin(one)

    assert closed(resting) == [True, True, False, False, False]


def test_what_was_closed_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Crowd(in_all=1)
    for _ in range(10):
        waiting.begin(Waiting())

    assert caplog.messages == ["1 waiting connections were closed: there are too many"]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
    ],
)
def test_an_ipv6_address_stands_for_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
