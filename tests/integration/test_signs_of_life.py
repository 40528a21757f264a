"""What a child or a worker had that is gone is taken from it at once, and only that."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
import redis
from sqlalchemy import select

from push_pipeline import db, queues, signs
from push_pipeline.clock import now_ms
from push_pipeline.errors import BrokerUnavailable
from push_pipeline.ledger import batches, runs
from push_pipeline.ledger.batches import LeaseLost
from push_pipeline.ledger.due_batches import release_lost
from push_pipeline.ledger.state_machine import BatchState, batch_state
from push_pipeline.ledger.values import Progress, Standing, Tally
from push_pipeline.models import BATCH, RUN
from push_pipeline.settings import Settings, get_settings
from push_pipeline.signs import FanOut, Held
from push_workers.consumer.sign_of_life import SignOfLife
from push_workers.consumer.silence import EVERY_SECONDS
from push_workers.fanout.fan_out import fan_out
from tests.audience import ios
from tests.installation import Installation
from tests.processes import free_port, wait_until

LEASE_MS = 60_000


@pytest.fixture
def taken(installation: Installation) -> Standing:
    """A batch that a worker has taken, and of which it is sending the first slice."""
    installation.register(ios(3))
    fan_out(installation.run_id(installation.publish()))
    with db.writing() as connection:
        key = connection.execute(select(BATCH.id)).scalar_one()
        found = batches.find_batch(connection, key)
        assert found is not None
        until = now_ms() + LEASE_MS
        assert batches.take(connection, found.standing, lease_until=until, doubt_end=2)
    return standing(key)


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(get_settings().broker_url) as client:
        yield client


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def standing(key: int) -> Standing:
    with db.reading() as connection:
        found = batches.find_batch(connection, key)
    assert found is not None
    return found.standing


def state_of(batch: Standing) -> BatchState:
    now = standing(batch.id)
    return batch_state(now.finished_at, now.lease_until, now_ms())


def delivery_wakes() -> int:
    return queues.backlog("apns")


def test_what_a_child_had_that_is_gone_is_taken_from_it_and_fenced(
    taken: Standing, client: redis.Redis, gone: int
) -> None:
    wakes = delivery_wakes()
    prefix = get_settings().key_prefix
    signs.note(client, prefix, "me", Held(gone, taken.id, taken.claims))
    sign = SignOfLife()

    sign.look("me")

    assert state_of(taken) is BatchState.WAITING
    assert delivery_wakes() == wakes + 1
    assert signs.held_by(client, prefix, "me") == []
    lost = standing(taken.id)
    assert (lost.settled, lost.doubt_end) == (0, 2)  # in doubt, as after a lease
    with db.writing() as connection:
        assert batches.take(connection, lost, lease_until=now_ms() + LEASE_MS, doubt_end=2)
    with pytest.raises(LeaseLost), db.writing() as connection:  # who was only stopped
        batches.record(connection, taken.id, (taken.claims, 0), Tally(), Progress(2, 2, 0, None))


def test_what_a_child_has_that_lives_and_what_somebody_else_has_by_now_stays(
    taken: Standing, client: redis.Redis, gone: int
) -> None:
    prefix = get_settings().key_prefix
    signs.note(client, prefix, "me", Held(os.getpid(), taken.id, taken.claims))
    signs.note(client, prefix, "me", Held(gone, taken.id, taken.claims - 1))
    client.hset(f"{prefix}claims:me", "what", "ever")

    SignOfLife().look("me")

    assert state_of(taken) is BatchState.TAKEN
    assert signs.held_by(client, prefix, "me") == [Held(os.getpid(), taken.id, taken.claims)]


def test_a_worker_whose_connection_is_closed_and_that_is_silent_loses_what_it_has(
    taken: Standing, client: redis.Redis
) -> None:
    prefix = get_settings().key_prefix
    sign = SignOfLife()
    other = redis.Redis.from_url(get_settings().broker_url)
    signs.note(other, prefix, "other", Held(1, taken.id, taken.claims))
    signs.renew(other, prefix, "other", 1)
    sign.look("me")
    signs.renew(other, prefix, "other", 2)
    sign.look("me")
    assert state_of(taken) is BatchState.TAKEN

    other.close()

    def is_released() -> bool:
        sign.look("me")
        return state_of(taken) is BatchState.WAITING

    wait_until(is_released, 10, every=EVERY_SECONDS)
    left = signs.renew(client, prefix, "me", 0)
    assert set(left.of) == {"me"}
    assert signs.held_by(client, prefix, "other") == []


def test_a_fan_out_whose_child_is_gone_is_handed_out_again_unless_somebody_else_has_it(
    installation: Installation, client: redis.Redis, gone: int
) -> None:
    run_id = installation.run_id(installation.publish())
    until = now_ms() + LEASE_MS
    with db.writing() as connection:
        seen = runs.find_run(connection, run_id)
        assert seen is not None
        assert runs.begin(connection, seen, now_ms(), until)
    wakes = queues.backlog(queues.PUBLISH)
    prefix = get_settings().key_prefix

    def lease_after(*noted: int) -> int | None:
        signs.note(client, prefix, "me", FanOut(gone, run_id, *noted))
        SignOfLife().look("me")
        with db.reading() as connection:
            return connection.execute(select(RUN.lease_until)).scalar_one()

    assert lease_after(until - 2, until - 1) == until
    assert queues.backlog(queues.PUBLISH) == wakes
    assert lease_after(until, until + 1) is None
    assert queues.backlog(queues.PUBLISH) == wakes + 1
    fan_out(run_id)
    assert lease_after(0, until) is None
    assert queues.backlog(queues.PUBLISH) == wakes + 1


def test_while_redis_is_away_nobody_seems_to_be_gone(
    taken: Standing, client: redis.Redis, gone: int, configure: Callable[..., Settings]
) -> None:
    signs.note(client, get_settings().key_prefix, "me", Held(gone, taken.id, taken.claims))
    configure(broker_url=f"redis://127.0.0.1:{free_port()}/0")

    with pytest.raises(BrokerUnavailable):
        SignOfLife().look("me")

    assert state_of(taken) is BatchState.TAKEN


def test_a_claim_that_is_over_is_not_released(taken: Standing) -> None:
    with db.writing() as connection:
        batches.give_back(connection, taken, taken.claims, now_ms() + LEASE_MS)
        assert release_lost(connection, [(taken.id, taken.claims)], now_ms()) == []
        assert release_lost(connection, [], now_ms()) == []
