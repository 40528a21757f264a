"""What a call costs follows its audience: rows read, at two and at fifty thousand devices."""

from collections.abc import Callable
from contextlib import nullcontext

from sqlalchemy import select, text

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.devices.activity_addresses import find_activity_targets
from push_pipeline.directory.apps import ensure_app
from push_pipeline.models import DEVICE
from push_pipeline.options.activity import ActivityAudience, ActivityEvent
from push_pipeline.settings import Settings
from tests.bench.tick import APP as OTHERS
from tests.bench.tick import add_small_messages
from tests.calls import costs
from tests.plans import APP, Cost, plans_are_generic, populate, watched

#: Devices. A small table may well be read from end to end: asked of it is only that it answers.
SMALL, LARGE = 2_000, 50_000

#: Rows that a call for a hundred devices may read at the most, of all tables together.
MOST = 700

#: Members of the largest batches.
BATCH = 5_000

ACTIVITY = """
INSERT INTO pipeline_activity (app_id, activity_id, created_at, updated_at)
VALUES (:app, :activity, 0, 0)
"""
ADDRESSES = """
INSERT INTO pipeline_activity_address (app_id, device_key, activity_key, token, reported_at)
SELECT d.app_id, d.id, a.id, 'token-' || d.id, 0 FROM pipeline_device d, pipeline_activity a
WHERE d.app_id = :app AND a.activity_id = :activity
"""

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
    start_everywhere("match")
    for generic in (False, True):
        rows = read_targets_of("match", generic=generic).rows
        assert BATCH <= rows <= 2 * BATCH + 1, f"generic plans: {generic}"


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


def start_everywhere(activity_id: str) -> None:
    """Have an activity on all devices, which the database knows."""
    with db.writing() as connection:
        values = {"app": APP, "activity": activity_id}
        connection.execute(text(ACTIVITY), values)
        connection.execute(text(ADDRESSES), values)
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def read_targets_of(activity_id: str, *, generic: bool) -> Cost:
    """Read where a large batch of an update of an activity goes to."""
    meant = ActivityAudience(ActivityEvent.UPDATE, activity_id)
    with db.reading() as connection:
        keys = list(connection.scalars(select(DEVICE.id).order_by(DEVICE.id).limit(BATCH)))
    with plans_are_generic() if generic else nullcontext(), watched() as since:
        with db.reading() as connection:
            assert len(find_activity_targets(connection, APP, meant, keys, now_ms())) == BATCH
        return since()


def read(*, generic: bool = False) -> dict[str, Cost]:
    with plans_are_generic() if generic else nullcontext(), watched() as since:
        return dict(costs(since))
