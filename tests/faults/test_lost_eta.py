"""A run that a killed worker held for later is handed out again before its time, not after it."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from push_pipeline import db, publish, queues
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger.due_runs import GRACE_MS, claim_due
from push_pipeline.models import RUN
from push_pipeline.settings import Settings

TICK_MS = 1_000
HORIZON_MS = 15_000

#: How old a wake-up must be that is past its time: nothing waits in the queues, or something does.
PATIENCES_MS = (GRACE_MS, 60_000)


@pytest.fixture(autouse=True)
def a_tick_each_second(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(tick_seconds=TICK_MS / 1_000, visibility_timeout_seconds=180)
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())


def delayed(milliseconds: int) -> int:
    """Publish a message for later; return the time of its run."""
    publish("news", "hello", None, {"publish_at": now_ms() + milliseconds}, app="APP-1")
    with db.reading() as connection:
        return connection.execute(select(RUN.due_at)).scalar_one()


def test_a_run_is_handed_out_again_by_the_last_tick_before_its_time() -> None:
    due = delayed(3_600_000)
    start = due - HORIZON_MS - TICK_MS // 2

    handed = [now - due for now in range(start, due + 4 * TICK_MS, TICK_MS) for _ in claim(now)]

    early = [at for at in handed if at < 0]
    assert early == [-HORIZON_MS + TICK_MS // 2, -TICK_MS // 2]
    assert handed[2:] == [TICK_MS // 2, 3 * TICK_MS // 2, 5 * TICK_MS // 2, 7 * TICK_MS // 2]


@pytest.mark.parametrize("patience", PATIENCES_MS)
def test_a_run_that_its_publisher_handed_out_is_handed_out_again_as_well(patience: int) -> None:
    due = delayed(8_000)
    start = due - 6 * TICK_MS + TICK_MS // 2

    handed = [now - due for now in range(start, due, TICK_MS) for _ in claim(now, patience)]

    assert queues.last_tick_ms() == TICK_MS
    assert handed == [-TICK_MS // 2]


def claim(now: int, patience: int = GRACE_MS) -> list[int]:
    """Do what a tick does, and let what it hands out be lost with the worker that took it."""
    with db.writing() as connection:
        found = claim_due(
            connection, now + HORIZON_MS, now, now - patience, 100, handed_again_ms=TICK_MS
        )
        return [one.id for one in found]
