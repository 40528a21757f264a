"""A small app beside a large one: its pushes go out before the other's backlog is finished."""

from collections.abc import Callable

from sqlalchemy import select

from push_pipeline import db, publish
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.models import BATCH, RUN, Batch, Run
from tests.audience import ios, subscribe
from tests.installation import APP
from tests.processes import wait_until
from tests.running import Stand

SMALL = "APP-2"

#: Audiences of more than one page of a fan-out, so that both lanes are in use.
LARGE_AUDIENCE, SMALL_AUDIENCE = 4_000, 2_100
SINGLES = 40


def test_a_small_apps_push_and_broadcast_overtake_a_large_ones_backlog(
    database_url: str, open_stand: Callable[..., Stand]
) -> None:
    stand = open_stand(database_url, batch_size=100)
    with db.writing() as connection:
        ensure_app(connection, SMALL, "A small app", now_ms())
    stand.installation.put_credentials(app_id=SMALL)
    for app, prefix, count in ((APP, "1", LARGE_AUDIENCE), (SMALL, "2", SMALL_AUDIENCE)):
        subscribe(app, ios(count, prefix), "IOS", "all")
        subscribe(app, ios(1, prefix * 2), "IOS", "one")

    publish("all", "to everybody", app=APP)
    for n in range(SINGLES):  # some of them for a time that comes while the worker starts
        at = {"publish_at": now_ms() + 1_000} if n % 4 == 0 else None
        publish("one", "to one", None, at, app=APP)
    publish("one", "to one", app=SMALL)
    publish("all", "to everybody", app=SMALL)
    stand.start_worker(children=1)
    wait_until(all_are_sent, 90, "the end of all runs")

    singles, broadcasts = in_order(bulk=False), in_order(bulk=True)
    assert singles.count(APP) == SINGLES
    assert singles.index(SMALL) < SINGLES // 2
    after_the_small_one = broadcasts[::-1].index(SMALL)
    assert after_the_small_one >= LARGE_AUDIENCE // 100 // 5


def all_are_sent() -> bool:
    with db.reading() as connection:
        states = connection.scalars(select(RUN.state)).all()
    return states == ["finished"] * (SINGLES + 3)


def in_order(*, bulk: bool) -> list[str]:
    """Return the apps of a lane's batches, in the order in which these were finished."""
    with db.reading() as connection:
        statement = (
            select(RUN.app_id)
            .select_from(Run)
            .join(Batch, BATCH.run_id == RUN.id)
            .where(BATCH.bulk == bulk)
            .order_by(BATCH.finished_at)
        )
        return list(connection.scalars(statement))
