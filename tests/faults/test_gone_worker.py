"""What a worker had that is gone is taken again within seconds, however long its lease."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis
from sqlalchemy import select

from push_pipeline import db, publish
from push_pipeline.models import BATCH
from push_workers.fanout.fan_out import FIRST_PAGE
from tests.audience import ios
from tests.faults.test_far_off import children
from tests.processes import Process, wait_until
from tests.running import Stand

DEVICES = 20

#: More than one page of a fan-out.
CROWD = FIRST_PAGE + 100

#: Far more than this test may last.
LEASE_SECONDS = 600

#: Answers that come later than all that is done meanwhile, and at once.
NEVER, AT_ONCE = (100.0, 100.0), (0.0, 0.0)

#: Lets a fan-out wait for a lock of the test's when it has written a page that is not its first,
#: and has not committed it.
WAITS_AT_SECOND_PAGE = """
CREATE FUNCTION wait_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$;
CREATE TRIGGER wait_there BEFORE UPDATE ON pipeline_run FOR EACH ROW
WHEN (OLD.cursor > 0 AND NEW.audience > OLD.audience) EXECUTE FUNCTION wait_there();
"""
LOCK, UNLOCK = "SELECT pg_advisory_lock(7)", "SELECT pg_advisory_unlock(7)"
WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

pytestmark = pytest.mark.slow


def hold(stand: Stand) -> str:
    """Publish a message; return it when a child has it, which gets no answer."""
    stand.simulator.behave(delay_seconds=NEVER)
    message_id = stand.installation.publish()
    run_id = stand.installation.run_id(message_id)
    with redis.Redis.from_url(stand.broker.url()) as client:
        wait_until(lambda: batch_of(run_id) in taken(client), 30, "a child that has the batch")
    return message_id


@contextmanager
def fan_out_in_its_middle() -> Iterator[str]:
    """Publish a message; yield it when its first page is out and its second not yet committed."""
    with db.engine().connect() as connection:
        connection.exec_driver_sql(LOCK)
        message_id = publish("crowd", "Dinner is ready").message_id
        wait_until(lambda: connection.exec_driver_sql(WAITING).scalar(), 30, "a second page")
        yield message_id
        connection.exec_driver_sql(UNLOCK)


def batch_of(run_id: int) -> int | None:
    with db.reading() as connection:
        return connection.execute(select(BATCH.id).where(BATCH.run_id == run_id)).scalar()


def taken(client: redis.Redis) -> set[int]:
    """Return the batches that children noted as theirs."""
    notes = [told for key in client.keys("*claims:*") for told in client.hvals(key)]
    return {int(told.split()[0]) for told in notes}


def signal_all(worker: Process, number: int) -> None:
    os.killpg(worker.pid, number)


@pytest.mark.timeout(240)
def test_what_a_child_or_a_worker_had_that_is_gone_is_taken_again_before_its_lease_ends(
    open_stand: Callable[..., Stand], postgresql_url: str
) -> None:
    stand = open_stand(
        postgresql_url,
        lease_seconds=LEASE_SECONDS,
        send_timeout_seconds=90,
        unknown_policy="at-most-once",
    )
    stand.subscribe(ios(DEVICES))
    stand.subscribe(crowd := ios(CROWD, "2"), channel="crowd")
    with db.writing() as connection:
        connection.exec_driver_sql(WAITS_AT_SECOND_PAGE)
    stand.start_beat()
    runs, broadcasts = [], []

    def finish(*message_ids: str) -> None:
        stand.simulator.behave(delay_seconds=AT_ONCE)
        one, broadcast = map(stand.finish, message_ids)
        runs.append(one)
        broadcasts.append(broadcast)

    first = stand.start_worker(children=2)
    message_id = hold(stand)
    with fan_out_in_its_middle() as broadcast_id:
        for child in map(int, children(first.pid).split()):
            os.kill(child, signal.SIGKILL)
    finish(message_id, broadcast_id)

    message_id = hold(stand)
    with fan_out_in_its_middle() as broadcast_id:
        second = stand.start_worker(children=2)
        first.kill()
    finish(message_id, broadcast_id)

    message_id = hold(stand)
    third = stand.start_worker(children=1)
    signal_all(second, signal.SIGSTOP)
    runs.append(stand.finish(message_id))
    stand.simulator.behave(delay_seconds=AT_ONCE)
    stand.simulator.fault("drop")  # what it sent before is lost, and that it would record
    signal_all(second, signal.SIGCONT)
    second.wait_for("was taken over", timeout=60)

    assert third.alive
    assert [(run["unknown"], run["resent"]) for run in runs] == [(DEVICES, 0)] * len(runs)
    assert stand.installation.run(message_id) == runs[-1]
    received = stand.simulator.received()
    assert {token: received.pop(token) for token in crowd} == dict.fromkeys(crowd, len(broadcasts))
    assert [one["accepted"] for one in broadcasts] == [CROWD] * len(broadcasts)
    assert max(received.values(), default=0) <= len(runs)
