"""What PostgreSQL reads for our calls: the plans of their statements, as they were run."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, text

from push_pipeline import db

APP = "APP-1"

_EXPLAIN = """
LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
SET auto_explain.log_buffers = on; SET auto_explain.log_timing = off;
SET auto_explain.log_format = json; SET auto_explain.log_level = notice;
"""


@dataclass
class Cost:
    """What the statements of one call read."""

    rows: int = 0
    blocks: int = 0
    plans: list[dict[str, Any]] = field(default_factory=list)

    def add(self, told: str) -> None:
        """Add a statement, as auto_explain tells of it."""
        _, found, plan = told.partition("plan:\n")
        if found:
            self.plans.append(json.loads(plan))
            top = self.plans[-1]["Plan"]
            self.rows += sum(map(_rows_of, _nodes(top)))
            self.blocks += top["Shared Hit Blocks"] + top["Shared Read Blocks"]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _rows_of(node: dict[str, Any]) -> int:
    """Count what a scan of a table or an index took up, also of what it threw away."""
    if "Relation Name" not in node or "Scan" not in node["Node Type"]:
        return 0
    thrown = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return round((node["Actual Rows"] + thrown) * node["Actual Loops"])


@contextmanager
def watched() -> Iterator[Callable[[], Cost]]:
    """Watch the statements of this process: each call returns what was read since the one before.

    The connections are opened anew, so that none of them has a plan of before.
    """
    seen: list[str] = []

    def watch(connection: Any, _record: object) -> None:
        connection.execute(_EXPLAIN)
        connection.commit()
        connection.add_notice_handler(lambda told: seen.append(told.message_primary or ""))

    def since() -> Cost:
        cost = Cost()
        for told in seen:
            cost.add(told)
        seen.clear()
        return cost

    db.dispose()
    engine = db.engine()
    event.listen(engine, "connect", watch)
    try:
        yield since
    finally:
        event.remove(engine, "connect", watch)
        db.dispose()


@contextmanager
def plans_are_generic() -> Iterator[None]:
    """Let new connections plan once for all values, as they do for what they often ask."""
    _set_for_the_database("plan_cache_mode = force_generic_plan")
    try:
        yield
    finally:
        _set_for_the_database("plan_cache_mode = auto")


def _set_for_the_database(setting: str) -> None:
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f'ALTER DATABASE "{name}" SET {setting}'))


_CHANNELS = """
INSERT INTO pipeline_channel (app_id, name, created_at)
SELECT :app, name, 0 FROM unnest(ARRAY['all', 'hundred', 'one']) AS name ON CONFLICT DO NOTHING
"""

_DEVICES = r"""
INSERT INTO pipeline_device (app_id, device_id, token, kind, platform, environment, user_id,
    locale, time_zone, state, created_at, registered_at)
SELECT :app, 'D-' || lpad(to_hex(n), 34, '0'),
    CASE WHEN n % 2 = 0 THEN lpad(to_hex(n), 64, '0')
        ELSE lpad(n::text, 22, 'q') || '\:APA91b' || repeat('z', 134) END,
    CASE WHEN n % 2 = 0 THEN 'apns' ELSE 'token' END,
    CASE WHEN n % 2 = 0 THEN 'IOS' ELSE 'ANDROID' END, '', 'user-' || n / 2,
    'de-AT', 'Europe/Vienna', 'active', 0, 0
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
"""

_SUBSCRIPTIONS = """
INSERT INTO pipeline_subscription (channel_key, device_key)
SELECT c.id, d.id FROM pipeline_channel c, pipeline_device d
WHERE c.app_id = :app AND c.name = :channel AND d.app_id = :app AND d.id % :every = 0
ON CONFLICT DO NOTHING
"""


def populate(count: int) -> None:
    """Have so many devices, two to a user, all in `all`; a hundred in `hundred`, one in `one`.

    Those few stand far from each other, as those of a small channel do.
    """
    with db.writing() as connection:
        connection.execute(text(_CHANNELS), {"app": APP})
        known = connection.execute(text("SELECT count(*) FROM pipeline_device")).scalar_one()
        numbers = {"app": APP, "first": known + 1, "last": count}
        connection.execute(text(_DEVICES), numbers)
        connection.execute(text("DELETE FROM pipeline_subscription"))
        for channel, every in (("all", 1), ("hundred", count // 100), ("one", count)):
            values = {"app": APP, "channel": channel, "every": every}
            connection.execute(text(_SUBSCRIPTIONS), values)
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def name_of(number: int) -> str:
    """Return the device id of the device with a number."""
    return f"D-{number:034x}"


__all__ = ["APP", "Cost", "name_of", "plans_are_generic", "populate", "watched"]
