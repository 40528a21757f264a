"""What a worker had that is gone is taken again within seconds, however long its lease."""

import os
import signal
from collections.abc import Callable

import pytest
import redis
from sqlalchemy import select

from push_pipeline import db
from push_pipeline.models import BATCH
from tests.audience import ios
from tests.faults.test_far_off import children
from tests.processes import Process, wait_until
from tests.running import Stand

DEVICES = 20

#: Far more than this test may last.
LEASE_SECONDS = 600

#: Answers that come later than all that is done meanwhile, and at once.
NEVER, AT_ONCE = (100.0, 100.0), (0.0, 0.0)

pytestmark = pytest.mark.slow


def hold(stand: Stand) -> str:
    """Publish a message; return it when a child has it, which gets no answer."""
    stand.simulator.behave(delay_seconds=NEVER)
    message_id = stand.installation.publish()
    run_id = stand.installation.run_id(message_id)
    with redis.Redis.from_url(stand.broker.url()) as client:
        wait_until(lambda: batch_of(run_id) in taken(client), 30, "a child that has the batch")
    return message_id


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
    open_stand: Callable[..., Stand], sqlite_url: str
) -> None:
    stand = open_stand(
        sqlite_url,
        lease_seconds=LEASE_SECONDS,
        send_timeout_seconds=90,
        unknown_policy="at-most-once",
    )
    stand.subscribe(ios(DEVICES))
    stand.start_beat()

    first = stand.start_worker(children=1)
    message_id = hold(stand)
    (child,) = map(int, children(first.pid).split())
    os.kill(child, signal.SIGKILL)
    runs = [stand.finish(message_id)]

    message_id = hold(stand)
    second = stand.start_worker(children=1)
    first.kill()
    runs.append(stand.finish(message_id))

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
    assert max(stand.simulator.received().values(), default=0) <= len(runs)
