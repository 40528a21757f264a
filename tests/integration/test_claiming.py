"""Runs that are due are claimed by one statement: many beats at once hand out each of them once."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select, update

from push_pipeline import db, publish, queues
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger.due_runs import GRACE_MS, DueRun, claim_due
from push_pipeline.models import BATCH, RUN, Run
from push_pipeline.queues import Wake, last_tick_ms
from push_pipeline.settings import Settings
from push_workers.fanout import fan_out as fanout
from push_workers.fanout.fan_out import fan_out, start
from tests.audience import ios, subscribe

APP = "APP-1"
FAR = 3_600_000
CLAIMERS = 4


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())


@pytest.fixture
def wakes() -> Iterator[list[Wake]]:
    """All wake-ups of this process, in place of the broker."""
    taken: list[Wake] = []
    queues.hand_wakes_to(taken.extend)
    yield taken
    queues.hand_wakes_to(None)


def publish_due(count: int) -> list[int]:
    """Publish messages for later and let their time come, unwoken; return their runs."""
    for _ in range(count):
        publish("news", "hello", None, {"publish_at": now_ms() + FAR})
    with db.writing() as connection:
        connection.execute(update(Run).values(due_at=now_ms()))
        return list(connection.scalars(select(RUN.id)))


def claim(limit: int) -> list[DueRun]:
    now = now_ms()
    with db.writing() as connection:
        return claim_due(connection, now + 1_000, now, now - 3_000, limit)


def test_each_due_run_is_claimed_once_by_many_at_the_same_time() -> None:
    due = publish_due(40)
    together = Barrier(CLAIMERS)

    def claim_some(_: int) -> list[int]:
        together.wait()
        return [one.id for _ in range(4) for one in claim(limit=5)]

    with ThreadPoolExecutor(CLAIMERS) as threads:
        claimed = [key for keys in threads.map(claim_some, range(CLAIMERS)) for key in keys]

    assert Counter(claimed) + Counter(one.id for one in claim(limit=100)) == Counter(due)
    assert claim(limit=100) == []


def test_a_run_in_another_transactions_hands_is_passed_over_and_not_waited_for(
    postgresql_url: str, configure: Callable[..., Settings]
) -> None:
    configure(database_url=postgresql_url)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())
    held, free = publish_due(2)

    with db.writing() as other:
        other.execute(select(RUN.id).where(RUN.id == held).with_for_update())
        claimed = claim(limit=10)

    assert [one.id for one in claimed] == [free]
    assert [one.id for one in claim(limit=10)] == [held]


def test_a_run_begins_with_its_first_page_and_leaves_the_others_to_the_fan_outs(
    wakes: list[Wake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 10)
    subscribe(APP, ios(25), "IOS", "news")
    (run_id,) = publish_due(1)

    start(run_id)

    assert [(one.task, one.queue) for one in wakes] == [
        ("pipeline.deliver_apns", "apns.bulk"),
        ("pipeline.fan_out", "publish"),
    ]
    assert batch_sizes() == [10]
    fan_out(run_id)
    assert batch_sizes() == [10, 15]


def test_a_small_audience_is_on_its_way_when_its_run_has_begun(wakes: list[Wake]) -> None:
    subscribe(APP, ios(3), "IOS", "news")
    (run_id,) = publish_due(1)

    start(run_id)
    start(run_id)

    assert [(one.task, one.queue) for one in wakes] == [("pipeline.deliver_apns", "apns")]
    assert batch_sizes() == [3]


def test_the_next_run_of_a_quick_repeat_is_handed_out_by_the_one_before(
    wakes: list[Wake],
) -> None:
    publish("news", "hello", None, {"repeat_every": 2})
    publish("news", "hello", None, {"repeat_every": 3_600})
    wakes.clear()
    with db.reading() as connection:
        quick, slow = connection.scalars(select(RUN.id).order_by(RUN.id))

    fan_out(slow)
    fan_out(quick)

    (handed_out,) = wakes
    with db.reading() as connection:
        rows = connection.execute(select(RUN.id, RUN.due_at, RUN.woken_at).where(RUN.n == 2)).all()
    woken = {row.id: row.woken_at for row in rows if row.woken_at is not None}
    assert handed_out.task == "pipeline.start_run"
    due = round(handed_out.at.timestamp() * 1000)
    assert woken == {handed_out.key: due - last_tick_ms() - GRACE_MS}
    assert len(rows) == 2


def batch_sizes() -> list[int]:
    with db.reading() as connection:
        return list(connection.scalars(select(BATCH.size).order_by(BATCH.id)))
