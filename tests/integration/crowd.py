"""So many devices that a planner reads none of them for nothing, and the plans that it makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, text

from push_pipeline import db
from push_pipeline.directory.apps import ensure_app
from tests.installation import APP

#: Devices, each of another user: so many that a planner reads none of them for nothing.
CROWD = 20_000

POPULATE = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :crowd)
INSERT INTO pipeline_device (app_id, device_id, token, user_id, kind, platform, environment,
                             state, created_at, registered_at)
SELECT 'APP-1', 'd' || n, 't' || n, 'u' || n, 'apns', 'IOS', '', 'active', 0, 0 FROM number
"""
CHANNEL = "INSERT INTO pipeline_channel (id, app_id, name, created_at) VALUES (7, 'APP-1', 'c', 0)"
SUBSCRIBE = "INSERT INTO pipeline_subscription SELECT 7, id FROM pipeline_device"

#: What no plan may do: read all devices or subscriptions there are, or all of the app.
READS_ALL = (
    *("Seq Scan on pipeline_device", "Seq Scan on pipeline_subscription"),
    *("device_of_app", "SCAN pipeline"),
)


def populate() -> None:
    """Make an app with the devices, all of them in the channel `c`."""
    with db.writing() as connection:
        ensure_app(connection, APP, APP, 0)
        connection.execute(text(POPULATE), {"crowd": CROWD})
        connection.execute(text(CHANNEL))
        connection.execute(text(SUBSCRIBE))


@contextmanager
def plans_of(connection: Connection) -> Iterator[list[str]]:
    """Collect the plan of every statement that is sent; complete after the block."""
    sent: list[tuple[str, Any]] = []
    plans: list[str] = []

    def note(_connection, _cursor, statement: str, values: Any, *_: object) -> None:
        sent.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    yield plans
    event.remove(connection, "before_cursor_execute", note)
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    for statement, values in sent:
        rows = connection.exec_driver_sql(f"{explain} {statement}", values)
        plans.append("\n".join(str(row[-1]) for row in rows))
