"""How long runs took is counted when they end, on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import update

from push_pipeline import db, publish, register_device
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.ledger.runs import close_if_done
from push_pipeline.ledger.values import ClosedRun
from push_pipeline.models import RUN, Run
from push_pipeline.settings import Settings
from push_workers.testing import inline
from tests.counted import counted

#: What is looked at, by name and labels.
SERIES = {
    "publishes": ("push_pipeline_publishes_total", {"kind": "channel"}),
    "quick ends": (
        "push_pipeline_run_duration_seconds_bucket",
        {"lane": "single", "le": "5.0"},
    ),
    "ends": ("push_pipeline_run_duration_seconds_count", {"lane": "single"}),
    "first sends": ("push_pipeline_first_send_seconds_count", {"lane": "single"}),
    "slices": (
        "push_pipeline_delivery_seconds_count",
        {"lane": "single", "platform": "ANDROID"},
    ),
    "seconds": (
        "push_pipeline_delivery_seconds_sum",
        {"lane": "single", "platform": "ANDROID"},
    ),
}


def seen() -> dict[str, float]:
    return {what: counted(name, **labels) for what, (name, labels) in SERIES.items()}


@pytest.fixture(autouse=True)
def devices(database_url: str, configure: Callable[..., Settings]) -> None:
    """An app with two devices and a broker that nobody has to reach."""
    configure(database_url=database_url, broker_url="redis://127.0.0.1:1/0", app_id="APP-1")
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())
    register_device("phone", "1" * 64, "IOS", channels=["news"])
    register_device("droid", "fcm-token:" + "a" * 140, "ANDROID", channels=["news"])


def test_a_run_tells_when_it_began_to_reach_devices_and_when_it_ended() -> None:
    before = seen()
    with inline() as provider:
        publish("news", "Hello")
        with db.writing() as connection:  # as if its workers had been away for seven seconds
            connection.execute(update(Run).values(due_at=RUN.due_at - 7_000))
        provider.run()

    grown = {what: value - before[what] for what, value in seen().items()}
    assert 7 <= grown.pop("seconds") < 60
    once = {"publishes", "ends", "first sends", "slices"}
    assert grown == {what: int(what in once) for what in grown}


def test_a_run_that_reached_nobody_ends_and_sends_nothing() -> None:
    before = seen()
    with inline() as provider:
        publish("nobody is here", "Hello")
        provider.run()

    grown = {what: value - before[what] for what, value in seen().items()}
    assert (grown["ends"], grown["first sends"], grown["slices"]) == (1, 0, 0)


def test_a_run_that_was_cancelled_took_no_time() -> None:
    with inline():
        publish("news", "Hello")
    with db.writing() as connection:
        values = {"state": "cancelled", "bulk": True}
        [key] = connection.execute(update(Run).values(values).returning(RUN.id)).scalars()
        assert close_if_done(connection, key, now_ms()) == ClosedRun(key, True, None, None)
        assert close_if_done(connection, key, now_ms()) is None
