"""So many devices that a planner reads none of them for nothing, and the plans that it makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
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
def statements_of(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Collect every statement that is sent, past SQLAlchemy as well, with its values."""
    sent: list[tuple[str, Any]] = []

    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **how: Any) -> "Noting":
            sent.append((str(query), params))
            return super().execute(query, params, **how)

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        sent.append((statement, values))

    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        driver.cursor_factory = Noting
        yield sent
        driver.cursor_factory = psycopg.Cursor
    else:
        event.listen(connection, "before_cursor_execute", note)
        yield sent
        event.remove(connection, "before_cursor_execute", note)


def plan_of(connection: Connection, statement: str, values: Any) -> str:
    """Return how a statement would be executed, a step a line."""
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    plan = connection.exec_driver_sql(f"{explain} {statement}", values)
    return "\n".join(str(row[-1]) for row in plan)


@contextmanager
def plans_of(connection: Connection) -> Iterator[list[str]]:
    """Collect the plan of every statement that is sent; complete after the block."""
    plans: list[str] = []
    with statements_of(connection) as sent:
        yield plans
    plans.extend(plan_of(connection, *one) for one in sent)
