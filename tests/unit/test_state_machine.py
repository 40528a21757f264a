"""The tables of the state machine, walked pair by pair, and their drawing in ARCHITECTURE.md."""

import re
from enum import Enum
from itertools import product
from pathlib import Path

import pytest

from push_pipeline.ledger.state_machine import (
    SENDABLE,
    BatchMove,
    BatchState,
    MessageMove,
    MessageState,
    RunMove,
    RunState,
    batch_state,
)

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"

#: States that nothing leads out of; `unknown` is the answer for what does not exist.
ENDS = {
    MessageState: {"published", "failed", "cancelled", "unknown"},
    RunState: {"finished", "cancelled", "skipped"},
    BatchState: {"finished"},
}
BEGINNINGS = {"scheduled", "waiting", "unknown"}


@pytest.mark.parametrize(
    ("states", "moves"),
    [(MessageState, MessageMove), (RunState, RunMove), (BatchState, BatchMove)],
)
def test_every_state_can_be_reached_and_left_save_for_the_ends(states: type, moves: type) -> None:
    pairs = pairs_of(moves)
    assert {str(state) for state in states} == BEGINNINGS & set(states) | {to for _, to in pairs}
    left = {source for source, _ in pairs}
    assert set(states) - left == ENDS[states]


def test_the_drawing_has_exactly_the_moves_of_the_tables() -> None:
    drawn = re.findall(r"^ *(\w+) --> (\w+): (.+)$", ARCHITECTURE.read_text(), re.MULTILINE)
    arrows = {
        (source, to, move.strip()) for source, to, moves in drawn for move in moves.split("/")
    }
    assert arrows == {
        (source, to, move.name.lower().replace("_", " "))
        for move in RunMove
        for source, to in product(move.sources, move.targets)
    }


def test_only_what_may_be_stopped_is_sent() -> None:
    assert {*RunMove.PAUSE.sources} - {RunState.SCHEDULED} == SENDABLE


@pytest.mark.parametrize(
    ("finished_at", "lease_until", "state"),
    [(None, None, "waiting"), (None, 9, "waiting"), (None, 10, "taken"), (5, 10, "finished")],
)
def test_a_batchs_row_says_where_it_stands(finished_at, lease_until, state) -> None:
    assert batch_state(finished_at, lease_until, now=10) == state


def pairs_of(moves: type[Enum]) -> set[tuple[str, str]]:
    return {pair for move in moves for pair in product(move.sources, move.targets)}
