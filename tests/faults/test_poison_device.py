"""A device whose request breaks its connection is singled out, and all others get their push."""

from collections.abc import Callable

from sqlalchemy import select

from push_pipeline import db
from push_pipeline.models import CREDENTIAL
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from tests.audience import ios
from tests.installation import Installation
from tests.processes import wait_until

POISON = "c1"
NEIGHBOURS = 120


def test_a_device_that_breaks_its_connection_stands_alone_at_last(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(retry_factor=0.001)
    installation.context = Context()
    installation.register(ios(NEIGHBOURS))
    assert installation.work(installation.publish("Before it"))["accepted"] == NEIGHBOURS
    cut = {"match": {"prefix": POISON}, "action": {"cut": "unprocessed"}}
    installation.simulator.rules([cut])
    installation.register(ios(1, POISON))
    message_id = installation.publish()

    def ended() -> dict | None:
        installation.hurry()
        run = installation.work(message_id)
        assert not resting_causes()
        return None if run["inFlight"] else run

    run = wait_until(ended, 30, "the end of the run")

    assert (run["accepted"], run["unknown"]) == (NEIGHBOURS, 1)
    assert max(installation.simulator.attempts()[token] for token in ios(NEIGHBOURS)) <= 8


def resting_causes() -> list[str]:
    with db.reading() as connection:
        found = select(CREDENTIAL.rest_cause).where(CREDENTIAL.rest_cause.is_not(None))
        return list(connection.scalars(found))
