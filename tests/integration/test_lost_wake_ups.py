"""The tick wakes what lost its wake-up, and only that."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from push_pipeline import db, publish, queues
from push_pipeline.clock import now_ms
from push_pipeline.devices.register import register_devices
from push_pipeline.devices.registration import check_registration
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger import due_runs
from push_pipeline.models import BATCH, RUN, Batch, Run
from push_pipeline.settings import Settings
from push_workers.fanout import fan_out as fanout
from push_workers.fanout.fan_out import fan_out
from push_workers.tick import GRACE_MS, PATIENCE_MS, tick

APP = "APP-1"


@pytest.fixture(autouse=True)
def app(settings: Settings, configure: Callable[..., Settings]) -> None:
    configure(app_id=APP, batch_size=10)
    now = now_ms()
    fields = [
        {"deviceId": str(n), "deviceToken": f"{n:064x}", "os": "IOS", "channels": ["news"]}
        for n in range(50)
    ]
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now)
        register_devices(
            connection, APP, [check_registration(one, now) for one in fields], now, alive=True
        )


def run_of(message_id: str) -> int:
    with db.reading() as connection:
        return connection.execute(select(RUN.id).where(RUN.message_id == message_id)).scalar_one()


def age_wake_ups(milliseconds: int) -> None:
    with db.writing() as connection:
        at = now_ms() - milliseconds
        connection.execute(update(Batch).where(BATCH.woken_at.is_not(None)).values(woken_at=at))
        connection.execute(update(Run).where(RUN.woken_at.is_not(None)).values(woken_at=at))


def empty_queues() -> None:
    with queues._current().app.connection_or_acquire() as connection:
        for name in queues.QUEUES:
            connection.default_channel.queue_purge(name)


def shown() -> set[str]:
    """Empty the queues; return how Flower shows what the tasks in them are asked."""
    with queues._current().app.connection_or_acquire() as connection:
        taken = [
            connection.default_channel.basic_get(name, no_ack=True)
            for name in queues.QUEUES
            for _ in range(queues.backlog(name))
        ]
    return {message.headers["argsrepr"] for message in taken}


def test_each_task_shows_the_message_that_it_works_for() -> None:
    message_id = publish("news", "hello").message_id
    run_id = run_of(message_id)
    assert shown() == {f"({run_id}, {message_id})"}
    age_wake_ups(GRACE_MS + 1)
    tick()
    assert shown() == {f"({run_id}, {message_id})"}

    fan_out(run_id)
    by_fan_out = shown()
    age_wake_ups(GRACE_MS + 1)
    tick()

    assert len(by_fan_out) == 5
    assert all(one.endswith(f", {message_id})") for one in by_fan_out)
    assert shown() == by_fan_out


def test_a_message_whose_wake_up_never_left_is_woken() -> None:
    publish("news", "hello")
    empty_queues()
    age_wake_ups(GRACE_MS + 1)

    tick()

    assert queues.backlog(queues.PUBLISH) == 1


def test_a_young_wake_up_is_not_sent_again() -> None:
    publish("news", "hello")
    empty_queues()

    tick()

    assert queues.backlog(queues.PUBLISH) == 0


def test_batches_lost_with_the_broker_are_all_woken_once() -> None:
    fan_out(run_of(publish("news", "hello").message_id))
    empty_queues()
    age_wake_ups(GRACE_MS + 1)

    tick()
    tick()

    assert queues.backlog("apns") == 5


def test_a_lost_wake_up_of_a_batch_is_old_soon_where_no_other_waits() -> None:
    fan_out(run_of(publish("news", "hello").message_id))
    age_wake_ups(due_runs.GRACE_MS + 1)
    with queues._current().app.connection_or_acquire() as connection:
        connection.default_channel.basic_get("apns", no_ack=True)

    tick()
    assert queues.backlog("apns") == 4
    empty_queues()
    tick()

    assert queues.backlog("apns") == 5


def test_wake_ups_that_wait_in_the_queue_are_not_sent_again_however_old() -> None:
    fan_out(run_of(publish("news", "hello").message_id))
    age_wake_ups(PATIENCE_MS * 10)

    tick()

    assert queues.backlog("apns") == 5


def test_a_retry_is_woken_when_it_is_due_though_the_queue_is_full() -> None:
    fan_out(run_of(publish("news", "hello").message_id))
    with db.writing() as connection:
        last = select(BATCH.id).order_by(BATCH.id.desc()).limit(1).scalar_subquery()
        connection.execute(update(Batch).where(BATCH.id == last).values(woken_at=None))

    tick()

    assert queues.backlog("apns") == 6


def test_a_long_fan_out_goes_back_into_the_queue_and_goes_on_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 10)
    monkeypatch.setattr(fanout, "PAGE", 10)
    monkeypatch.setattr(fanout, "TURN_SECONDS", 0.0)
    run_id = run_of(publish("news", "hello").message_id)
    empty_queues()

    audiences = []
    for _ in range(6):
        fan_out(run_id)
        with db.reading() as connection:
            audience, state = connection.execute(select(RUN.audience, RUN.state)).one()
        audiences.append(audience)

    assert audiences == [10, 20, 30, 40, 50, 50]
    assert state == "sending"
    assert queues.backlog(queues.PUBLISH) == 4


def test_a_fan_out_goes_on_while_nobody_else_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "FIRST_PAGE", 10)
    monkeypatch.setattr(fanout, "PAGE", 10)
    monkeypatch.setattr(fanout, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(fanout, "LONGEST_TURN_SECONDS", 60.0)
    message_id = publish("news", "hello").message_id
    assert list(queues.following(queues.PUBLISH)) == [run_of(message_id)]

    fan_out(run_of(message_id))

    with db.reading() as connection:
        assert connection.execute(select(RUN.audience, RUN.state)).one() == (50, "sending")
