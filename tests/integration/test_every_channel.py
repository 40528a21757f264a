"""A push to all channels reads the devices of its app only, in the order of their keys."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from push_pipeline import audience, db
from push_pipeline.audience import SORTED, Page, Selection, read_page
from push_pipeline.directory.apps import ensure_app
from push_pipeline.platform import Platform
from push_pipeline.settings import Settings
from tests.integration.crowd import plan_of, plans_of

#: All of an app, as a publish without a word about platforms means it.
EVERYBODY = Selection("small", None, tuple(sorted(Platform)))

#: One in three hundred is the small app's.
DEVICES = 90_000

POPULATE = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :devices)
INSERT INTO pipeline_device
    (app_id, device_id, token, kind, platform, environment, state, created_at,
                    registered_at)
SELECT CASE WHEN n % 300 = 0 THEN 'small' ELSE 'large' END, 'device-' || n, 'token-' || n, 'apns',
       'IOS', '', 'active', 0, 0
FROM number
"""


@pytest.fixture(autouse=True)
def neighbours(settings: Settings) -> None:
    with db.writing() as connection:
        for app_id in ("small", "large"):
            ensure_app(connection, app_id, app_id, 0)
        connection.execute(text(POPULATE), {"devices": DEVICES})
    with db.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        on_postgresql = connection.dialect.name == "postgresql"
        connection.execute(text("VACUUM ANALYZE pipeline_device" if on_postgresql else "ANALYZE"))


def page_after(connection: Connection, after: int) -> Page:
    return read_page(connection, Selection("small", None, ("IOS",)), after, 100, 1)


def test_an_app_beside_a_large_one_is_read_by_an_index() -> None:
    with db.reading() as connection, plans_of(connection) as plans:
        page_after(connection, 0)

    (read,) = (plan for plan in plans if "device_of_app" in plan)
    sorted_by = [step for step in read.splitlines() if "Sort Key" in step]
    assert not [step for step in sorted_by if ".id" in step], read  # of all that is left, each time
    assert "TEMP B-TREE FOR ORDER BY" not in read, read


def test_every_device_of_the_app_is_read_once_and_no_other() -> None:
    members: list[int] = []
    cursor: int | None = 0
    with db.reading() as connection:
        while cursor is not None:
            page = page_after(connection, cursor)
            members += page.keys
            cursor = page.cursor

    assert members == list(range(300, DEVICES + 1, 300))


def test_a_long_page_is_grouped_by_a_hash_and_nothing_else_is() -> None:
    groups = "SELECT platform, count(*) FROM pipeline_device WHERE id = 1 GROUP BY platform"
    with db.reading() as connection:
        before = plan_of(connection, groups, {})
        with db.grouping(connection):
            inside = plan_of(connection, groups, {})
        after = plan_of(connection, groups, {})
        (alike,) = read_page(connection, EVERYBODY, 0, SORTED + 1, 1).groups

    if connection.dialect.name == "postgresql":  # SQLite has one way to do it
        assert "HashAggregate" in inside
    assert "HashAggregate" not in before
    assert before == after
    assert len(alike.keys) == DEVICES // 300


def test_kinds_and_platforms_are_asked_of_the_groups_of_a_page() -> None:
    with db.writing() as connection:
        change = "UPDATE pipeline_device SET {} WHERE app_id = 'small' AND id % 900 = {}"
        connection.execute(text(change.format("platform = 'WEB', kind = 'webpush'", 300)))
        connection.execute(text(change.format("kind = 'voip'", 600)))
        pages = [
            read_page(connection, replace(EVERYBODY, **other), 0, limit, 1)
            for other in ({}, {"push_type": "voip"}, {"platforms": ("WEB",)})
            for limit in (1_000, SORTED + 1)
        ]

    groups = [[(one.platform, one.kind, len(one.keys)) for one in page.groups] for page in pages]
    ordinary, calls, browsers = groups[::2]
    assert groups[1::2] == groups[::2]
    assert ordinary == [("IOS", "apns", 100)]  # no browsers, as the app has no key for them
    assert calls == [("IOS", "voip", 100)]
    assert browsers == [("WEB", "webpush", 100)]


def test_a_statement_is_made_once_for_all_audiences_of_a_shape() -> None:
    made = audience._page_of.cache_info().misses
    with db.reading() as connection:
        for app_id, named in (
            ("small", "device-300"),
            ("large", "device-7"),
            ("small", "device-7"),
        ):
            meant = replace(EVERYBODY, app_id=app_id, device_ids=(named,))
            size = read_page(connection, meant, 0, 100, 1).size
            assert size == (0 if (app_id, named) == ("small", "device-7") else 1)

    assert audience._page_of.cache_info().misses <= made + 1
