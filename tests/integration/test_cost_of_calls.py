"""What a call costs follows its audience: rows read, at two and at fifty thousand devices."""

from collections.abc import Callable
from contextlib import nullcontext

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.settings import Settings
from tests.bench.tick import APP as OTHERS
from tests.bench.tick import add_small_messages
from tests.calls import costs
from tests.plans import APP, Cost, plans_are_generic, populate, watched

#: Devices. A small table may well be read from end to end: asked of it is only that it answers.
SMALL, LARGE = 2_000, 50_000

#: Rows that a call for a hundred devices may read at the most, of all tables together.
MOST = 700

#: Messages that are written after each call was planned. Nothing is analysed meanwhile.
GROWN = 3_000


def test_no_call_pays_for_the_size_of_the_installation(
    postgresql_url: str, broker_url: str, configure: Callable[..., Settings]
) -> None:
    configure(database_url=postgresql_url, broker_url=broker_url, app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())
    populate(SMALL)
    small = read()
    populate(LARGE)

    for generic in (False, True):
        large = read(generic=generic)
        assert large.keys() == small.keys()
        dear = {name: cost.rows for name, cost in large.items() if cost.rows > MOST}
        assert not dear, f"generic plans: {generic}"


def test_a_plan_of_a_new_installation_does_as_the_ledger_grows(
    postgresql_url: str, broker_url: str, configure: Callable[..., Settings]
) -> None:
    configure(database_url=postgresql_url, broker_url=broker_url, app_id=APP)
    with db.writing() as connection:
        ensure_app(connection, APP, "The tests' app", now_ms())
        ensure_app(connection, OTHERS, "Another app", now_ms())
    populate(LARGE)  # which analyses a ledger that is empty
    with plans_are_generic(), watched() as since:
        for _ in costs(since):  # and now there are plans, which are kept
            pass
        add_small_messages(GROWN)
        dear = {name: cost.rows for name, cost in costs(since) if cost.rows > MOST}
        assert not dear


def read(*, generic: bool = False) -> dict[str, Cost]:
    with plans_are_generic() if generic else nullcontext(), watched() as since:
        return dict(costs(since))
