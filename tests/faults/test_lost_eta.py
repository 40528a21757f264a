"""A run that a killed worker held for later is handed out again before its time, not after it."""

from sqlalchemy import select

from push_pipeline import db, publish
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger.due_runs import claim_due
from push_pipeline.models import RUN
from push_pipeline.settings import Settings

TICK_MS = 1_000
GRACE_MS = 400
HORIZON_MS = 15_000


def test_a_run_is_handed_out_again_by_the_last_tick_before_its_time(settings: Settings) -> None:
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())
    publish("news", "hello", None, {"publish_at": now_ms() + 3_600_000}, app="APP-1")
    with db.reading() as connection:
        due = connection.execute(select(RUN.due_at)).scalar_one()
    start = due - HORIZON_MS - TICK_MS // 2

    handed = [now - due for now in range(start, due + 4 * TICK_MS, TICK_MS) for _ in claim(now)]

    early = [at for at in handed if at < 0]
    assert early == [-HORIZON_MS + TICK_MS // 2, -TICK_MS // 2]
    assert handed[2:] == [TICK_MS // 2, 3 * TICK_MS // 2, 5 * TICK_MS // 2, 7 * TICK_MS // 2]


def claim(now: int) -> list[int]:
    """Do what a tick does, and let what it hands out be lost with the worker that took it."""
    with db.writing() as connection:
        found = claim_due(
            connection, now + HORIZON_MS, now, now - GRACE_MS, 100, handed_again_ms=TICK_MS
        )
        return [one.id for one in found]
