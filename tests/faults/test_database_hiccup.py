"""A database that is away for a moment, while a worker holds answers, costs nobody anything."""

import threading
from collections.abc import Callable, Iterator

import pytest

from push_pipeline import db, migrations
from push_pipeline.settings import Settings
from push_workers.delivery.deliver import deliver
from push_workers.delivery.record import record_slice
from push_workers.delivery.send import send_slice
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from push_workers.simulator import Simulator
from tests.audience import ios
from tests.installation import Installation
from tests.processes import wait_until
from tests.services import Postgres

DEVICES = 40


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that the test may stop."""
    server = Postgres()
    server.start()
    yield server
    db.dispose()
    server.remove()


def test_answers_that_are_held_while_the_database_restarts_are_recorded(
    own_postgres: Postgres,
    simulator: Simulator,
    configure: Callable[..., Settings],
    broker_url: str,
) -> None:
    simulator.reset()
    url = own_postgres.url(own_postgres.create())
    engine = db.make_engine(url)
    migrations.upgrade(engine)
    engine.dispose()
    configure(
        database_url=url,
        broker_url=broker_url,
        secret_key="a secret of the tests only",
        ca_file=simulator.ca_file,
        app_id="APP-1",
        unknown_policy="at-most-once",
    )
    installation = Installation(simulator)
    installation.register(ios(DEVICES))
    simulator.behave(delay_seconds=(0.5, 0.5))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    worker = threading.Thread(target=deliver, args=(batch_id, installation.context))

    worker.start()
    wait_until(simulator.attempts, what="a request")
    own_postgres.stop()
    wait_until(lambda: len(simulator.received()) == DEVICES, what="all answers")
    own_postgres.start()
    worker.join(30)

    run = installation.run(message_id)
    assert (run["state"], run["accepted"], run["resent"]) == ("finished", DEVICES, 0)
    assert set(simulator.received().values()) == {1}
    installation.context.close()


def test_a_slice_whose_commit_nobody_saw_is_counted_once(installation: Installation) -> None:
    installation.register([*ios(5), *ios(2, "dead")])
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    context = installation.context
    claim = take(batch_id, context)
    assert claim is not None
    (part,) = claim.slices
    report = send_slice(claim, part, context.run_facts(claim.batch.run_id), context)
    first = record_slice(claim, part, report, context)
    before = installation.run(message_id)

    claim.unsure = True
    again = record_slice(claim, part, report, context)

    assert (first, again) == (False, False)
    assert installation.run(message_id) == before
    assert (before["accepted"], before["rejected"]) == (5, 2)
