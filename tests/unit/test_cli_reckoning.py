"""The demo's last word: it must not pass what does not add up."""

from dataclasses import dataclass, replace

import pytest

from push_pipeline.cli.reckoning import Received, reckon


@dataclass(frozen=True)
class Case:
    audience: int = 100
    accepted: int = 95
    rejected: int = 4
    unknown: int = 1
    in_flight: int = 0
    resent: int = 0
    state: str = "finished"
    registered: int = 100
    received: tuple[int, int] = (95, 95)

    def holds(self) -> list[bool]:
        run = {
            "audience": self.audience, "accepted": self.accepted, "rejected": self.rejected,
            "expired": 0, "cancelled": 0, "unknown": self.unknown, "inFlight": self.in_flight,
            "resent": self.resent, "state": self.state,
        }  # fmt: skip
        return [
            line.ok for line in reckon({"runs": [run]}, self.registered, Received(*self.received))
        ]


def test_a_ledger_that_adds_up_and_agrees_with_the_providers_passes():
    assert all(Case().holds())


def test_an_unknown_one_may_have_arrived_or_not():
    assert all(Case(received=(96, 96)).holds())


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"registered": 101}, 0),  # somebody was never in the audience
        ({"rejected": 3}, 0),  # somebody was lost
        ({"accepted": 94, "in_flight": 1}, 1),
        ({"state": "paused"}, 1),
        ({"received": (94, 94)}, 2),  # the ledger claims one that nobody got
        ({"received": (97, 97)}, 2),  # somebody got it and the ledger does not know
        ({"received": (95, 96)}, 3),  # a duplicate that was not counted
    ],
)
def test_what_does_not_add_up_is_found(wrong, line):
    held = replace(Case(), **wrong).holds()
    assert held[line] is False


def test_duplicates_that_the_ledger_counted_are_no_fault():
    assert all(Case(received=(95, 97), resent=2).holds())
