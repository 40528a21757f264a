"""Delayed and repeating messages, cancel, pause and resume, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from push_pipeline import cancel, db, pause, resume, status
from push_pipeline.clock import now_ms
from push_pipeline.errors import NotCancellable
from push_pipeline.ledger import runs
from push_pipeline.models import BATCH, RUN, Run
from push_pipeline.settings import Settings
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.delivery.record import record_slice
from push_workers.delivery.send import send_slice
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from push_workers.tick import tick
from tests.installation import Installation


def ios(count: int) -> list[str]:
    return [f"1{index:063x}" for index in range(count)]


def all_runs(message_id: str) -> list[tuple[int, int, str]]:
    with db.reading() as connection:
        rows = connection.execute(
            select(RUN.n, RUN.due_at, RUN.state).where(RUN.message_id == message_id).order_by(RUN.n)
        )
        return [tuple(row) for row in rows]


def run_ids(message_id: str) -> list[int]:
    with db.reading() as connection:
        return list(
            connection.scalars(select(RUN.id).where(RUN.message_id == message_id).order_by(RUN.n))
        )


def make_due(run_id: int, late_ms: int = 0) -> int:
    """Move a run's time to now, or to the past; return it."""
    due = now_ms() - late_ms
    with db.writing() as connection:
        connection.execute(update(Run).where(RUN.id == run_id).values(due_at=due))
    return due


def test_a_delayed_message_waits_for_its_time(installation: Installation) -> None:
    installation.register(ios(3))
    message_id = installation.publish(publish_at=now_ms() + 3_600_000)
    (run_id,) = run_ids(message_id)

    fan_out(run_id)
    assert all_runs(message_id)[0][2] == "scheduled"
    make_due(run_id)
    run = installation.work(message_id)

    assert (run["state"], run["accepted"]) == ("finished", 3)


def test_beginning_a_run_writes_the_next_one_once(installation: Installation) -> None:
    message_id = installation.publish(repeat_every=60)
    (run_id,) = run_ids(message_id)
    due = all_runs(message_id)[0][1]

    for _ in range(3):
        fan_out(run_id)

    assert [(n, at - due) for n, at, _ in all_runs(message_id)] == [(1, 0), (2, 60_000)]
    assert status(message_id)["status"] == "scheduled"


def test_a_repeat_whose_end_has_come_is_published(installation: Installation) -> None:
    installation.register(ios(1))
    message_id = installation.publish(repeat_every=60, repeat_expires_at=now_ms() + 50_000)

    installation.work(message_id)

    assert [n for n, _, _ in all_runs(message_id)] == [1]
    assert status(message_id)["status"] == "published"


def test_after_downtime_one_run_makes_up_for_all_that_were_missed(
    installation: Installation,
) -> None:
    installation.register(ios(2))
    message_id = installation.publish(repeat_every=10)
    (run_id,) = run_ids(message_id)
    due = make_due(run_id, late_ms=35_000)

    run = installation.work(message_id)

    assert run["accepted"] == 2
    assert [(n, at - due) for n, at, _ in all_runs(message_id)] == [(1, 0), (5, 40_000)]


def test_a_missed_run_is_left_out_if_the_operator_wants_it_so(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(catch_up="skip")
    installation.register(ios(2))
    message_id = installation.publish(repeat_every=10)
    (run_id,) = run_ids(message_id)
    make_due(run_id, late_ms=35_000)

    fan_out(run_id)

    assert [(n, state) for n, _, state in all_runs(message_id)] == [
        (1, "skipped"),
        (5, "scheduled"),
    ]
    assert not installation.simulator.received()


def test_the_tick_hands_out_what_is_due_soon_and_only_once(installation: Installation) -> None:
    soon = installation.publish(publish_at=now_ms() + 30_000)
    far = installation.publish(publish_at=now_ms() + 3_600_000)
    make_due(run_ids(soon)[0], late_ms=-9_000)

    tick()
    tick()

    with db.reading() as connection:
        woken = dict(connection.execute(select(RUN.message_id, RUN.woken_at)).all())
        due = dict(connection.execute(select(RUN.message_id, RUN.due_at)).all())
    assert woken[far] is None
    # It is handed out once more shortly before its time, for whoever held it may be gone by then.
    assert now_ms() < woken[soon] < due[soon]


def test_a_cancelled_message_never_fires(installation: Installation) -> None:
    installation.register(ios(2))
    message_id = installation.publish(publish_at=now_ms() + 3_600_000, repeat_every=60)
    (run_id,) = run_ids(message_id)

    receipt = cancel(message_id)
    make_due(run_id)
    fan_out(run_id)

    assert (receipt.message_id, receipt.status) == (message_id, "cancelled")
    ledger = status(message_id)
    assert (ledger["status"], ledger["runs"][0]["state"]) == ("cancelled", "cancelled")
    assert not installation.simulator.received()
    with pytest.raises(NotCancellable) as again:
        cancel(message_id)
    assert again.value.code == 5040


def test_a_finished_or_unknown_message_cannot_be_cancelled(installation: Installation) -> None:
    installation.register(ios(1))
    message_id = installation.publish()
    installation.work(message_id)

    for wrong in (message_id, "message:NOBODY"):
        with pytest.raises(NotCancellable):
            cancel(wrong)


def test_cancel_in_the_middle_counts_what_was_stopped(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(doubt_window=10)
    installation.context = Context()
    installation.register(ios(30))
    message_id = installation.publish()
    (run_id,) = run_ids(message_id)
    fan_out(run_id)
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    facts = installation.context.run_facts(run_id)
    report = send_slice(claim, claim.slices[0], facts, installation.context)

    cancel(message_id)
    goes_on = record_slice(claim, claim.slices[0], report, installation.context)
    run = installation.work(message_id)

    assert not goes_on
    assert (run["state"], run["accepted"], run["cancelled"]) == ("cancelled", 10, 20)
    assert run["finishedAt"] is not None
    assert len(installation.simulator.received()) == 10


def test_after_a_pause_every_device_has_exactly_one_push(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(doubt_window=10)
    installation.context = Context()
    installation.register(ios(30))
    message_id = installation.publish()
    (run_id,) = run_ids(message_id)
    fan_out(run_id)
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    facts = installation.context.run_facts(run_id)
    report = send_slice(claim, claim.slices[0], facts, installation.context)
    pause(message_id)
    record_slice(claim, claim.slices[0], report, installation.context)
    assert installation.work(message_id)["inFlight"] == 20

    resume(message_id)
    run = installation.work(message_id)

    assert (run["state"], run["accepted"]) == ("finished", 30)
    assert set(installation.simulator.received().values()) == {1}


def test_a_paused_delayed_message_fires_after_it_is_resumed(installation: Installation) -> None:
    installation.register(ios(1))
    message_id = installation.publish(publish_at=now_ms() + 3_600_000)
    (run_id,) = run_ids(message_id)
    pause(message_id)
    make_due(run_id)
    fan_out(run_id)
    assert all_runs(message_id)[0][2] == "paused"

    resume(message_id)

    assert installation.work(message_id)["accepted"] == 1
    with pytest.raises(NotCancellable):
        resume(message_id)


def test_a_resumed_run_gets_new_wake_ups(installation: Installation) -> None:
    installation.register(ios(3))
    message_id = installation.publish()
    (run_id,) = run_ids(message_id)
    fan_out(run_id)
    pause(message_id)
    for batch_id in range(1, 10):
        deliver(batch_id, installation.context)

    resume(message_id)
    tick()

    with db.reading() as connection:
        woken = connection.execute(select(BATCH.woken_at).where(BATCH.run_id == run_id)).scalar()
        assert runs.is_sendable(connection, run_id, "production")
    assert woken is not None
