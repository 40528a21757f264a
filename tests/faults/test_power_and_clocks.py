"""A machine that loses power or has the wrong time, and a proxy that answers for a provider."""

import logging
from types import SimpleNamespace

import pytest
from celery import signals
from sqlalchemy import text

from push_pipeline import db, queues
from push_pipeline.cli.checks import examine
from push_pipeline.settings import Settings
from push_workers.consumer import old_ticks
from tests.audience import android, ios
from tests.installation import Installation

pytestmark = pytest.mark.usefixtures("nobody_answers")


def test_a_commit_on_sqlite_is_on_disk(settings: Settings) -> None:
    with db.reading() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"


def test_doctor_names_a_database_that_answers_before_a_commit_is_on_disk(
    configure, postgresql_url: str, broker_url: str
) -> None:
    configure(database_url=postgresql_url, broker_url=broker_url)
    with db.writing() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
    db.dispose()

    (finding,) = [one for one in examine() if one.name == "durability"]

    assert not finding.ok
    assert finding.says == "fsync = off, synchronous_commit = off: a commit may be lost"


def test_a_page_of_some_proxy_rejects_nobody(installation: Installation) -> None:
    page = {"status": 400, "shape": "text"}
    installation.simulator.rules([{"match": {"nth": [1]}, "action": page}])
    installation.register(ios(2))
    installation.register(android(2), "ANDROID")
    message_id = installation.publish()

    run = installation.work(message_id)
    while run["inFlight"]:
        installation.hurry()
        run = installation.work(message_id)

    assert (run["accepted"], run["rejected"]) == (4, 0)


def test_a_tick_that_came_too_late_is_named_by_its_host(caplog: pytest.LogCaptureFixture) -> None:
    request = SimpleNamespace(task=queues.TICK, origin="4711@beat-host")

    old_ticks.install()

    with caplog.at_level(logging.WARNING, "push_pipeline"):
        signals.task_revoked.send(sender=None, request=request, expired=True)

    assert "a tick of beat-host was too old" in caplog.text
