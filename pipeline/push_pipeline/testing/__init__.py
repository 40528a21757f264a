"""Tests of an application that publishes: what it would push is recorded, and nothing is sent.

    with record() as pushes:
        client.post("/orders/7/paid")
    pushes.assert_pushed(channel="orders", message="Order 7 is paid")

With pytest the fixture `pushes` is there by itself. No database and no broker is needed, and a
publish is checked as always: what it would refuse is refused. What is rolled back leaves the
outbox again. Only what the database knows is not asked: whether an app exists, who would get it.
"""

from push_pipeline.testing.matching import Push
from push_pipeline.testing.outbox import Outbox, outbox, record

__all__ = ["Outbox", "Push", "outbox", "record"]
