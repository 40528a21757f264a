"""A provider that answers again is used at once by all, and one that retires connections too."""

from collections.abc import Callable

from sqlalchemy import func, select, update

from push_pipeline import db, queues
from push_pipeline.clock import now_ms
from push_pipeline.models import BATCH, CREDENTIAL, RUN, Batch, Credential
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from tests.audience import ios, subscribe
from tests.installation import APP, Installation

MANY = 1_500


def test_what_waits_for_a_route_is_woken_by_the_probe_that_opens_it(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(retry_factor=1)
    installation.context = Context()
    installation.simulator.rules([{"match": {"provider": "apns"}, "action": {"status": 500}}])
    installation.register(ios(10))
    first = installation.publish("first")
    installation.work(first)
    others = [installation.publish(f"other {n}") for n in range(3)]
    for one in others:
        installation.work(one)
        assert installation.run(one)["accepted"] == 0
    installation.simulator.rules([])
    woken = queues.backlog("apns")
    end_the_rest(first)

    installation.work(first)

    assert installation.run(first)["accepted"] == 10
    assert queues.backlog("apns") >= woken + len(others)
    for one in others:
        assert installation.due_batches(one)
        assert installation.work(one)["accepted"] == 10


def test_a_server_that_retires_each_connection_after_a_hundred_requests_is_no_outage(
    installation: Installation,
) -> None:
    retire = {"match": {"provider": "apns", "every": 100}, "action": {"goaway": "Shutdown"}}
    installation.simulator.rules([retire])
    subscribe(APP, ios(MANY), "IOS", "news")

    run = installation.work(installation.publish())

    assert run["accepted"] == MANY
    with db.reading() as connection:
        assert connection.scalar(select(func.sum(BATCH.moved))) == 0
        causes = select(CREDENTIAL.rest_cause).where(CREDENTIAL.rest_cause.is_not(None))
        assert not list(connection.scalars(causes))
    assert set(installation.simulator.received().values()) == {1}


def end_the_rest(message_id: str) -> None:
    """Let a message's batch be due now, and those of others a moment later, as after a rest."""
    now = now_ms()
    own = select(RUN.id).where(RUN.message_id == message_id)
    with db.writing() as connection:
        connection.execute(update(Credential).values(paused_until=now))
        connection.execute(update(Batch).values(not_before=now + 900, woken_at=None))
        connection.execute(update(Batch).where(BATCH.run_id.in_(own)).values(not_before=now))
