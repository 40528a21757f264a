"""Two workers and a provider that asks one of them to wait: nobody sends until that is over."""

from collections.abc import Callable

from sqlalchemy import select

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.models import CREDENTIAL
from tests.audience import android, subscribe
from tests.installation import APP
from tests.running import Stand, wait_until

DEVICES = 2_000

#: The request that is answered with a Retry-After, and the seconds that it asks for.
NTH = 500
ASKED = 5

#: Milliseconds in which what was handed to connections before the answer came is answered.
ON_ITS_WAY_MS = 1_500


def test_no_worker_sends_while_the_provider_asked_one_of_them_to_wait(
    open_stand: Callable[..., Stand], postgresql_url: str
) -> None:
    stand = open_stand(postgresql_url, batch_size=100)
    answer = {"status": 429, "reason": "QUOTA_EXCEEDED", "retry_after": ASKED}
    stand.simulator.rules([{"match": {"every": NTH}, "action": answer, "times": 1}])
    stand.simulator.behave(delay_seconds=(0.02, 0.1))
    subscribe(APP, android(DEVICES), "ANDROID", "news")
    stand.start_beat()
    for _ in range(2):
        stand.start_worker(children=2)

    message_id = stand.installation.publish()
    wait_until(closed_until, 60, "a route that rests")
    until = closed_until()
    wait_until(lambda: now_ms() > until - ASKED * 1000 + ON_ITS_WAY_MS, 10, "the answers")
    before = stand.simulator.metrics()["requests"]
    wait_until(lambda: now_ms() > until - 1_000, 10, "the end of the window")
    inside = stand.simulator.metrics()["requests"] - before

    assert NTH <= before < DEVICES
    assert inside == 0
    assert stand.finish(message_id)["accepted"] == DEVICES
    assert set(stand.simulator.received().values()) == {1}


def closed_until() -> int:
    with db.reading() as connection:
        statement = select(CREDENTIAL.paused_until).where(CREDENTIAL.provider == "fcm")
        return connection.execute(statement).scalar_one() or 0
