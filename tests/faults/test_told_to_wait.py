"""A provider that asks to be left alone is: by the slice that was told so, and by all others."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from push_pipeline import db
from push_pipeline.clock import now_ms
from push_pipeline.directory.provider_routes import pause_route
from push_pipeline.models import BATCH, CREDENTIAL
from push_pipeline.outcome import RestCause, Verdict
from push_pipeline.settings import Settings
from push_workers.delivery.process import Context
from push_workers.delivery.record import pause_at_once, record_slice
from push_workers.delivery.send import send_slice
from push_workers.delivery.take import take
from push_workers.fanout.fan_out import fan_out
from tests.audience import android, ios, subscribe
from tests.faults.test_troubled_provider import open_routes
from tests.installation import APP, Installation

MANY = 500

#: The request that is answered with a Retry-After.
NTH = 120

#: Streams of a worker child to FCM: what may be on its way when the answer comes.
ON_THEIR_WAY = 200

#: Seconds.
ASKED = 120


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 429, "reason": "QUOTA_EXCEEDED", "retry_after": ASKED},
        {"status": 503, "retry_after": ASKED, "retry_after_date": True},
    ],
    ids=["429", "503-by-date"],
)
def test_nothing_more_of_a_slice_is_sent_once_the_provider_asks_to_wait(
    installation: Installation, answer: dict[str, object]
) -> None:
    once = {"match": {"provider": "fcm", "every": NTH}, "action": answer, "times": 1}
    installation.simulator.rules([once])
    subscribe(APP, android(MANY), "ANDROID", "news")
    message_id = installation.publish()
    began = now_ms()

    run = installation.work(message_id)

    requests = len(installation.simulator.log())
    assert NTH <= requests <= NTH + ON_THEIR_WAY
    assert (run["accepted"], run["inFlight"]) == (requests - 1, MANY - requests + 1)
    assert rest_of("fcm") >= began + (ASKED - 2) * 1000

    while run["inFlight"]:
        open_routes()
        installation.hurry()
        run = installation.work(message_id)
    assert run["accepted"] == MANY
    assert set(installation.simulator.received().values()) == {1}


def test_a_batch_under_way_is_left_between_two_slices_when_another_worker_is_told_to_wait(
    installation: Installation, configure: Callable[..., Settings]
) -> None:
    configure(doubt_window=10)
    installation.context = Context()
    installation.register(ios(30))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    run = installation.context.run_facts(claim.batch.run_id)
    report = send_slice(claim, claim.slices[0], run, installation.context)
    until = now_ms() + 60_000
    with db.writing() as connection:
        why = (RestCause.THROTTLED, "another worker's")
        pause_route(connection, claim.batch.credential_id or 0, now_ms(), until, why)

    goes_on = record_slice(claim, claim.slices[0], report, installation.context)

    assert not goes_on
    with db.reading() as connection:
        row = connection.execute(select(BATCH.not_before, BATCH.settled, BATCH.doubt_end)).one()
    assert tuple(row) == (until, 10, 10)


def test_the_route_is_closed_before_the_slice_that_was_told_to_wait_is_over(
    installation: Installation,
) -> None:
    installation.register(ios(3))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    (batch_id,) = installation.due_batches(message_id)
    claim = take(batch_id, installation.context)
    assert claim is not None
    told: list[Verdict] = []
    began = now_ms()
    answer = {"status": 503, "reason": "ServiceUnavailable", "retry_after": ASKED}
    installation.simulator.rules([{"match": {"nth": [1]}, "action": answer}])

    def on_pause(verdict: Verdict) -> None:
        told.append(verdict)
        pause_at_once(claim, installation.context, verdict)
        assert rest_of("apns") >= began + ASKED * 1000

    sender = installation.context.sender(claim.batch)
    run = installation.context.run_facts(claim.batch.run_id)
    prepared = run.prepared("IOS", "apns", now_ms() / 1000)
    targets = claim.targets.among(claim.members)
    ids = [f"00000000-0000-4000-8000-{n:012d}" for n in range(len(targets))]
    sender.send(prepared.rendered, targets, ids, None, on_pause)

    assert [one.retry_after for one in told] == [ASKED]


def rest_of(provider: str) -> int:
    with db.reading() as connection:
        statement = select(CREDENTIAL.paused_until).where(CREDENTIAL.provider == provider)
        return connection.execute(statement).scalar_one() or 0
