"""A hand on a message at the very moment when one of its runs begins or ends."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from push_pipeline import cancel, db, pause, publish, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.errors import NotCancellable
from push_pipeline.ledger import batches, runs
from push_pipeline.ledger.values import NewBatch, Progress, Tally
from push_pipeline.models import RUN
from push_pipeline.outcome import Settled
from push_pipeline.settings import Settings
from push_workers.fanout.recurrence import write_next
from tests.processes import wait_until

APP = "APP-1"

#: Whether somebody waits for a lock of this database.
_SOMEBODY_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture(autouse=True)
def app(postgresql_url: str, broker_url: str, configure: Callable[..., Settings]) -> None:
    # SQLite has one writer at a time: there is no such moment.
    configure(database_url=postgresql_url, broker_url=broker_url, app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


def repeat() -> str:
    return publish("news", "hello", None, {"repeat_every": 60}).message_id


def first_run(message_id: str) -> int:
    with db.reading() as connection:
        return connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()


def begin_and_meanwhile(message_id: str, hand: Callable[[str], object]) -> None:
    """Begin the run and write the next one; the hand comes before that is committed."""
    with ThreadPoolExecutor(1) as other:
        with db.engine().begin() as connection:
            run = runs.find_run(connection, first_run(message_id))
            assert run is not None
            assert runs.begin(connection, run, now_ms(), now_ms() + 60_000)
            write_next(connection, run, now_ms())
            done: Future[object] = other.submit(hand, message_id)
            wait_until(somebody_waits, 10, "the hand at the lock")
        done.result()


def somebody_waits() -> bool:
    with db.engine().connect() as connection:
        return bool(connection.execute(_SOMEBODY_WAITS).scalar_one())


def states(message_id: str) -> list[str]:
    return [run["state"] for run in status(message_id)["runs"]]


def test_cancel_reaches_the_next_run_that_is_just_being_written() -> None:
    message_id = repeat()

    begin_and_meanwhile(message_id, cancel)

    assert states(message_id) == ["cancelled", "cancelled"]


def test_pause_reaches_the_next_run_that_is_just_being_written() -> None:
    message_id = repeat()

    begin_and_meanwhile(message_id, pause)

    assert states(message_id) == ["paused", "paused"]


def test_cancel_while_the_last_run_is_closed_waits_its_turn_and_does_not_deadlock() -> None:
    message_id = publish("news", "hello").message_id
    with ThreadPoolExecutor(1) as other:
        with db.engine().begin() as connection:
            run = runs.find_run(connection, first_run(message_id))
            assert run is not None
            assert runs.begin(connection, run, now_ms(), now_ms() + 60_000)
            connection.execute(text("UPDATE pipeline_run SET state = 'sending'"))
            done = other.submit(cancel, message_id)
            wait_until(somebody_waits, 10, "the hand at the lock")
            assert runs.close_if_done(connection, run.id, now_ms())
        with pytest.raises(NotCancellable):
            done.result()

    assert status(message_id)["status"] == "published"


def test_cancel_while_a_last_slice_is_recorded_and_ends_its_run_does_not_deadlock() -> None:
    message_id = publish("news", "hello").message_id
    key = first_run(message_id)
    with db.writing() as connection:
        connection.execute(text("UPDATE pipeline_run SET state = 'sending', audience = 1"))
        new = NewBatch(key, "IOS", "production", [1], False, now_ms())
        [batch] = batches.insert_batches(connection, [new], None)

    def record() -> bool:
        tally = Tally(Counter({Settled.ACCEPTED: 1}))
        progress = Progress(1, 1, now_ms(), None, finished_at=now_ms())
        with db.writing() as connection:
            batches.record(connection, batch, (0, 0), tally, progress, locks_run=key)
            return runs.close_if_done(connection, key, now_ms())

    with ThreadPoolExecutor(1) as other:
        with db.engine().begin() as connection:
            connection.execute(text("SELECT id FROM pipeline_run FOR UPDATE"))  # as cancel begins
            done = other.submit(record)
            wait_until(somebody_waits, 10, "the recording at the lock")
            connection.execute(text("UPDATE pipeline_batch SET not_before = 0"))  # and goes on
        assert done.result()

    assert status(message_id)["status"] == "published"


def test_of_two_last_runs_that_end_in_the_same_moment_one_ends_the_message() -> None:
    message_id = repeat()
    with db.writing() as connection:
        one = runs.find_run(connection, first_run(message_id))
        assert one is not None
        assert runs.begin(connection, one, now_ms(), now_ms() + 60_000)
        write_next(connection, one, now_ms())
        connection.execute(text("UPDATE pipeline_run SET state = 'sending'"))
        keys = list(connection.scalars(select(RUN.id).where(RUN.message_id == message_id)))

    def close(key: int) -> object:
        with db.writing() as connection:
            return runs.close_if_done(connection, key, now_ms())

    with ThreadPoolExecutor(1) as other:
        with db.engine().begin() as connection:
            assert runs.close_if_done(connection, keys[0], now_ms())
            done = other.submit(close, keys[1])
            wait_until(somebody_waits, 10, "the second run at the message's lock")
        assert done.result()

    assert status(message_id)["status"] == "published"
