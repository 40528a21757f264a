"""A publish returns within two seconds with a receipt, whatever the broker does."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from push_pipeline import db, publish, queues, status
from push_pipeline.clock import now_ms
from push_pipeline.directory.apps import ensure_app
from push_pipeline.settings import Settings
from tests.processes import free_port, wait_until
from tests.services import Valkey

#: Seconds that a publish may take. It is a promise, so a time is asserted.
BUDGET_SECONDS = 2.0

CALLS = 10


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Valkey]:
    """A broker of the test's own, which it may kill or freeze."""
    server = Valkey(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def use_broker(configure: Callable[..., Settings], sqlite_url: str) -> Iterator[Callable]:
    """Make an app whose broker is at a URL: `use_broker(url)`."""

    def use(url: str) -> None:
        configure(database_url=sqlite_url, broker_url=url, app_id="APP-1")
        with db.writing() as connection:
            ensure_app(connection, "APP-1", "The tests' app", now_ms())

    yield use
    queues.forget()


def timed_publish() -> float:
    """Publish and return the seconds it took, after checking that the message is kept."""
    began = time.monotonic()
    receipt = publish("news", "Dinner is ready")
    took = time.monotonic() - began
    assert receipt.status == "scheduled"
    assert status(receipt.message_id)["status"] == "scheduled"
    return took


def check_budget() -> None:
    """Publish ten times, and then until the broker's rest is over and it was asked again."""
    took = [timed_publish() for _ in range(CALLS)]
    asked_again = time.monotonic() + queues.REST_SECONDS

    def publish_once_more() -> bool:
        took.append(timed_publish())
        return time.monotonic() > asked_again

    wait_until(publish_once_more, 4 * queues.REST_SECONDS, "the end of the broker's rest")
    took.append(timed_publish())
    assert max(took) < BUDGET_SECONDS, took


def test_a_publish_keeps_its_budget_while_nothing_listens_for_the_broker(
    use_broker: Callable[[str], None],
) -> None:
    use_broker(f"redis://127.0.0.1:{free_port()}/0")

    check_budget()


def test_a_publish_keeps_its_budget_when_a_broker_that_it_used_is_killed(
    use_broker: Callable[[str], None], broker: Valkey
) -> None:
    use_broker(broker.url())
    timed_publish()

    broker.kill()

    check_budget()


def test_the_first_publish_keeps_its_budget_while_the_broker_is_frozen(
    use_broker: Callable[[str], None], broker: Valkey
) -> None:
    use_broker(broker.url())
    broker.freeze()

    check_budget()


def test_a_publish_keeps_its_budget_when_a_broker_that_it_used_freezes(
    use_broker: Callable[[str], None], broker: Valkey
) -> None:
    use_broker(broker.url())
    timed_publish()

    broker.freeze()

    check_budget()
