"""The tick deletes what finished longer ago than the retention, and nothing else."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from sqlalchemy import event, func, insert, select, text, update

from push_pipeline import cancel, db, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.directory.dead_letters import count_dead_letters, keep_dead_letter
from push_pipeline.ledger import retention
from push_pipeline.models import (
    BATCH,
    DELIVERY,
    MESSAGE,
    RUN,
    Batch,
    Delivery,
    Message,
    Run,
)
from push_pipeline.schedule import ROUND
from push_pipeline.settings import Settings
from push_workers.fanout.fan_out import fan_out
from push_workers.tick import DAY_MS, tick

APP = "APP-1"
DAYS = 7


MANY_MESSAGES = """
INSERT INTO pipeline_message
    (id, app_id, channel, content, delivery_options, state, created_at, ended_at)
SELECT 'm' || n, 'APP-1', 'news', '{}', '{}', 'published', :at, :at
FROM generate_series(1, CAST(:count AS int)) AS n
"""

MANY_RUNS = """
INSERT INTO pipeline_run
    (message_id, app_id, n, due_at, expires_at, state, bulk, guarded, finished_at)
SELECT 'm' || n, 'APP-1', 1, :at, :at, 'finished', true, true, :at
FROM generate_series(1, CAST(:count AS int)) AS n
"""


@contextmanager
def plans_of(beginning: str) -> Iterator[list[str]]:
    """Collect PostgreSQL's plans of the statements that begin so."""
    plans: list[str] = []

    def explain(_connection, cursor, statement, parameters, *_):
        if statement.startswith(beginning):
            with cursor.connection.cursor() as own:
                lines = own.execute(f"EXPLAIN {statement}", parameters).fetchall()
            plans.append("\n".join(line for (line,) in lines))

    event.listen(db.engine(), "before_cursor_execute", explain)
    yield plans
    event.remove(db.engine(), "before_cursor_execute", explain)


class Rows(NamedTuple):
    messages: int
    runs: int
    batches: int
    deliveries: int


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP, retention_days=DAYS)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


def rows() -> Rows:
    with db.reading() as connection:
        return Rows(
            *(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (Message, Run, Batch, Delivery)
            )
        )


def send(channel: str = "nobody", **options: object) -> str:
    """Publish and finish a message; its rows of batches and deliveries are made up."""
    message_id = publish(channel, "hello", None, options).message_id
    run_id = newest_run(message_id)
    fan_out(run_id)
    with db.writing() as connection:
        connection.execute(
            insert(Batch).values(
                run_id=run_id, platform="IOS", environment="production", bulk=False, attempt=1,
                doubtful=False, members=b"", size=5, not_before=0, accepted=5, finished_at=now_ms(),
            )
        )  # fmt: skip
        common = {"run_id": run_id, "outcome": "accepted", "attempts": 1, "settled_at": now_ms()}
        connection.execute(insert(Delivery), [common | {"device_key": key} for key in range(5)])
    return message_id


def newest_run(message_id: str) -> int:
    with db.reading() as connection:
        statement = select(RUN.id).where(RUN.message_id == message_id, RUN.started_at.is_(None))
        return connection.execute(statement).scalar_one()


def age(days: float, *message_ids: str) -> None:
    """Let everything that is over be over for so many days."""
    at = now_ms() - int(days * DAY_MS)
    of = RUN.message_id.in_(message_ids)
    with db.writing() as connection:
        ended = MESSAGE.id.in_(message_ids) & MESSAGE.ended_at.is_not(None)
        connection.execute(update(Message).where(ended).values(ended_at=at))
        connection.execute(
            update(Run).where(of, RUN.finished_at.is_not(None)).values(finished_at=at)
        )


def test_a_message_goes_with_all_that_is_its_own_once_the_retention_is_over() -> None:
    old, young = send(), send()
    age(DAYS + 0.01, old)
    age(DAYS - 0.01, young)

    tick()

    assert rows() == Rows(messages=1, runs=1, batches=1, deliveries=5)
    assert status(old)["status"] == "unknown"
    assert status(young)["status"] == "published"


def test_deliveries_go_in_bounded_pieces_and_the_run_after_its_last_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "DELIVERIES", 4)
    age(DAYS + 1, send(), send())

    seen = []
    for _ in range(4):
        tick()
        seen.append((rows().deliveries, rows().runs))

    assert seen[0] == (6, 2)
    assert [left for left, _ in seen] == [6, 2, 0, 0]
    assert rows() == Rows(0, 0, 0, 0)


def test_a_message_that_waits_or_is_being_sent_is_kept_however_old() -> None:
    delayed = publish("nobody", "hello", None, {"publish_at": now_ms() + 3_600_000}).message_id
    with db.writing() as connection:
        connection.execute(update(Message).values(created_at=1))
        connection.execute(update(Run).values(due_at=1))

    tick()

    assert status(delayed)["status"] == "scheduled"
    assert rows() == Rows(1, 1, 0, 0)


def test_a_repeat_that_goes_on_loses_its_old_runs_only() -> None:
    repeat = send(repeat_every=60)
    age(DAYS + 1, repeat)

    tick()

    assert rows() == Rows(messages=1, runs=1, batches=0, deliveries=0)
    assert [run["n"] for run in status(repeat)["runs"]] == [2]
    with db.writing() as connection:
        connection.execute(update(Run).values(due_at=now_ms()))
    fan_out(newest_run(repeat))
    assert [run["n"] for run in status(repeat)["runs"]] == [2, 3]


def test_messages_that_failed_or_were_cancelled_go_too() -> None:
    failed = publish("nobody", "hello", None, {"push_broadcast": "NONE"}).message_id
    cancelled = publish("nobody", "hello", None, {"publish_at": now_ms() + 3_600_000}).message_id
    cancel(cancelled)
    tick()
    assert rows() == Rows(2, 1, 0, 0)

    age(DAYS + 1, failed, cancelled)
    tick()

    assert rows() == Rows(0, 0, 0, 0)


def test_the_waves_of_a_round_stay_until_the_last_of_them_is_over() -> None:
    message_id = send(repeat_every=60)
    with db.writing() as connection:
        connection.execute(update(Run).values(zone="Asia/Tokyo"))
    age(DAYS + 1, message_id)

    tick()
    assert rows().runs == 2

    with db.writing() as connection:  # the open one is of the round after it
        connection.execute(update(Run).where(RUN.n == 2).values(n=ROUND + 1))
    tick()
    assert rows().runs == 1


def test_old_messages_are_found_without_a_look_at_all_runs(
    postgresql_url: str, configure: Callable[..., Settings]
) -> None:
    configure(database_url=postgresql_url)
    many, old = 20_000, now_ms() - (DAYS + 1) * DAY_MS
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())
        for statement in (
            MANY_MESSAGES,
            MANY_RUNS,
            "ANALYZE pipeline_message",
            "ANALYZE pipeline_run",
        ):
            values = {"at": old, "count": many} if ":at" in statement else {}
            connection.execute(text(statement), values)

    with plans_of("DELETE FROM pipeline_message") as plans:
        tick()

    assert rows().messages == many - retention.OTHERS
    assert len(plans) == 1
    assert "Seq Scan on pipeline_run" not in plans[0]


def test_task_messages_that_were_set_aside_go_after_the_retention() -> None:
    with db.writing() as connection:
        for days in (DAYS + 1, DAYS - 1):
            keep_dead_letter(connection, "apns", "unreadable", b"?", now_ms() - days * DAY_MS)

    tick()

    with db.reading() as connection:
        assert count_dead_letters(connection) == 1


def test_ticks_at_once_leave_no_delivery_without_its_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "DELIVERIES", 3)
    age(DAYS + 1, *[send() for _ in range(8)])
    before = now_ms() - DAYS * DAY_MS

    def prune_and_look(_: int) -> int:
        with db.writing() as connection:
            retention.prune(connection, before)
        return orphans()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(prune_and_look, range(40))) == 0

    while rows().deliveries:
        assert prune_and_look(0) == 0
    assert prune_and_look(0) == 0
    assert rows() == Rows(0, 0, 0, 0)


def orphans() -> int:
    with db.reading() as connection:
        runs = select(RUN.id)
        statement = select(func.count()).where(DELIVERY.run_id.not_in(runs))
        assert connection.execute(select(BATCH.id).where(BATCH.run_id.not_in(runs))).first() is None
        return connection.execute(statement).scalar_one()
