"""PostgreSQL loses power in mid broadcast: what was committed holds, and nobody is missed."""

from collections.abc import Callable, Iterator

import pytest

from push_pipeline import db, migrations
from tests.audience import ios
from tests.running import SHORT_LEASE, Stand, at_least
from tests.services import Postgres

DEVICES = 1_500
CHILDREN = 2
WINDOW = 100

#: Answers take this long (seconds, from and to), so that the kill meets requests in flight.
SLOW = (0.05, 0.15)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A server that the test may kill."""
    server = Postgres()
    server.start()
    yield server
    db.dispose()
    server.remove()


def migrate(url: str) -> None:
    engine = db.make_engine(url)
    migrations.upgrade(engine)
    engine.dispose()


@pytest.mark.slow
def test_a_database_that_is_killed_in_mid_broadcast_costs_nobody_a_push(
    own_postgres: Postgres, open_stand: Callable[..., Stand]
) -> None:
    url = own_postgres.url(own_postgres.create())
    migrate(url)
    stand = open_stand(
        url, doubt_window=WINDOW, **SHORT_LEASE, unknown_policy="once-if-collapsible"
    )
    stand.subscribe(ios(DEVICES))
    stand.simulator.behave(delay_seconds=SLOW)
    stand.start_beat()
    worker = stand.start_worker(children=CHILDREN)
    message_id = stand.installation.publish()
    stand.follow(message_id, at_least(DEVICES // 5))
    before = stand.settled(message_id)

    own_postgres.kill()
    own_postgres.start()

    run = stand.finish(message_id)
    assert worker.alive
    assert run["accepted"] == run["audience"] == DEVICES
    assert set(stand.simulator.received()) == set(ios(DEVICES))
    assert sum(stand.repeats().values()) <= run["resent"] <= WINDOW * CHILDREN
    assert before.isdisjoint(stand.repeats())
    again = stand.installation.publish("It is on the table")
    assert stand.finish(again)["accepted"] == DEVICES
