"""Hosts' tests to the end: published, fanned out and answered in one process."""

from collections.abc import Callable

import pytest

from push_pipeline import db, publish, push_to_user, register_device, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.outcome import Outcome
from push_pipeline.settings import Settings
from push_workers.testing import inline

DEAD = "d" * 64


@pytest.fixture(autouse=True)
def devices(database_url: str, configure: Callable[..., Settings]) -> None:
    """An app with three devices and a broker that nobody has to reach."""
    configure(database_url=database_url, broker_url="redis://127.0.0.1:1/0", app_id="APP-1")
    with db.writing() as connection:
        ensure_app(connection, "APP-1", "The tests' app", now_ms())
    register_device("phone", "1" * 64, "IOS", channels=["news"], userId="7")
    register_device("old phone", DEAD, "IOS", channels=["news"])
    register_device("droid", "fcm-token:" + "a" * 140, "ANDROID", channels=["news"])


def test_a_message_is_sent_to_its_audience_and_its_outcomes_are_filled() -> None:
    with inline(lambda token: Outcome.GONE if token == DEAD else Outcome.ACCEPTED) as provider:
        receipt = publish("news", "Hello", {"headers": {"ios-badge": 3}})
        provider.run()
    ledger = status(receipt.message_id)
    [run] = ledger["runs"]
    assert ledger["status"] == "published"
    assert (run["audience"], run["accepted"], run["rejected"], run["inFlight"]) == (3, 2, 1, 0)
    payloads = {sent.platform: sent.payload for sent in provider.sent}
    assert payloads["IOS"]["aps"] == {"alert": {"body": "Hello"}, "badge": 3}
    assert payloads["ANDROID"]["message"]["data"]["message"] == "Hello"
    with inline() as provider:  # a dead token is out of service
        publish("news", "Hello again")
        provider.run()
    assert len(provider.sent) == 2


def test_what_is_delayed_stays_for_later() -> None:
    with inline() as provider:
        push_to_user("7", "In a moment", None, {"publish_at": now_ms() + 10_000})
        provider.run()
        assert provider.sent == []
        push_to_user("7", "Now")
        provider.run()
    assert len(provider.sent) == 1
