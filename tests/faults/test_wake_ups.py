"""Wake-ups come twice, ten times, or to a worker that was given up: nothing changes."""

import os
import signal
from collections.abc import Callable

from sqlalchemy import text

from push_pipeline import db, queues
from tests.audience import android, batch_members, ios
from tests.installation import APP
from tests.processes import Process, wait_until
from tests.running import SHORT_LEASE, Stand, at_least

#: Answers take this long (seconds, from and to).
SLOW = (0.1, 0.3)

CHILDREN = 2
WINDOW = 100

_OTHERS_IN_TRANSACTION = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND state <> 'idle'"
)


def wakes_of(stand: Stand, message_id: str) -> list[queues.Wake]:
    """Return the wake-ups of a message's run and of all its batches."""
    statement = text("SELECT id, environment, bulk FROM pipeline_batch WHERE run_id = :run")
    run_id = stand.installation.run_id(message_id)
    with db.reading() as connection:
        rows = connection.execute(statement, {"run": run_id}).all()
    batches = [queues.wake_for_batch(key, APP, where, bulk=bulk) for key, where, bulk in rows]
    return [queues.wake_for_run(run_id, APP), *batches]


def test_wake_ups_sent_ten_times_and_two_beats_reach_everybody_once(stand: Stand) -> None:
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(2_000), android(500))
    stand.start_worker(children=CHILDREN)
    stand.start_beat()
    stand.start_beat()

    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(1))
    assert queues.wake(wakes_of(stand, message_id) * 10)
    run = stand.finish(message_id)
    assert queues.wake(wakes_of(stand, message_id) * 2)
    ours = {*queues.QUEUES} - {queues.SCHEDULE}  # where the ticks of two beats never end
    wait_until(lambda: sum(map(queues.backlog, ours)) == 0, 30, "empty queues")

    assert run["accepted"] == run["audience"] == 2_500
    assert stand.installation.run(message_id) == run
    assert stand.simulator.received() == dict.fromkeys([*ios(2_000), *android(500)], 1)


def test_a_batch_whose_lease_ran_out_is_taken_over_and_the_late_owner_records_nothing(
    postgresql_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(postgresql_url, **SHORT_LEASE)
    stand.simulator.behave(delay_seconds=SLOW)
    stand.subscribe(ios(3_000))
    stand.start_beat()
    late = stand.start_worker(children=CHILDREN)
    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(500))

    freeze_between_transactions(late)
    stand.start_worker(children=CHILDREN)
    run = stand.finish(message_id)
    os.killpg(late.pid, signal.SIGCONT)
    late.wait_for("was taken over")

    assert run["accepted"] == run["audience"] == 3_000
    assert stand.installation.run(message_id) == run
    assert set(stand.simulator.received()) == set(ios(3_000))
    assert sum(stand.repeats().values()) <= run["resent"] <= 512 * CHILDREN


def freeze_between_transactions(worker: Process) -> None:
    """Stop a worker's whole group, at a moment when it holds no lock of the database."""

    def frozen_at_rest() -> bool:
        os.killpg(worker.pid, signal.SIGSTOP)
        with db.reading() as connection:
            if connection.execute(_OTHERS_IN_TRANSACTION).scalar_one() == 0:
                return True
        os.killpg(worker.pid, signal.SIGCONT)
        return False

    wait_until(frozen_at_rest, 10, "a moment without a transaction")


def test_a_fan_out_killed_in_the_middle_gives_every_member_one_batch(
    postgresql_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(postgresql_url, **SHORT_LEASE)
    stand.subscribe(ios(50_000), android(50_000))
    stand.start_beat()
    worker = stand.start_worker("publish,schedule", children=1)
    message_id = stand.installation.publish()
    stand.follow(message_id, lambda run: run["audience"] >= 1_000)

    worker.kill()
    cut = stand.installation.run(message_id)
    stand.start_worker("publish,schedule", children=1)

    assert cut["state"] == "fanning"
    assert cut["audience"] < 100_000
    stand.follow(message_id, lambda run: run["state"] == "sending")
    members = batch_members(message_id)
    assert len(members) == 100_000
    assert set(members.values()) == {1}
