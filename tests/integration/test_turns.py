"""A batch is sent as far as its credential's budget allows; the rest of it waits for its turn."""

import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from push_pipeline import cancel, db, queues
from push_pipeline.budgets import Ask, budget_key, limits_of
from push_pipeline.clock import now_ms
from push_pipeline.models import BATCH, CREDENTIAL
from push_pipeline.settings import Settings
from push_workers.delivery import admission
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout import fan_out as fan_outs
from push_workers.fanout.fan_out import fan_out
from tests.audience import android, ios
from tests.installation import Installation

RATE = 20
DEVICES = 100


@pytest.fixture
def slow(installation: Installation, configure: Callable[..., Settings]) -> Installation:
    """The app, whose credentials may send twenty a second."""
    configure(fcm_rate=RATE, apns_rate=RATE)
    installation.context = Context()
    return installation


def test_no_more_is_sent_than_the_budget_allows_and_the_rest_is_in_nobodys_doubt(
    slow: Installation,
) -> None:
    slow.register(android(DEVICES), "ANDROID")
    message_id = slow.publish()
    began = time.monotonic()

    run = slow.work(message_id)

    assert 0 < run["accepted"] <= 2 * RATE + RATE * (time.monotonic() - began)
    row = the_batch(message_id)
    assert row.settled == row.doubt_end == run["accepted"]
    assert row.not_before > now_ms() - 1_000
    assert row.lease_until is None
    while run["inFlight"]:
        slow.hurry()
        run = slow.work(message_id)
    assert (run["accepted"], run["resent"]) == (DEVICES, 0)
    assert set(slow.simulator.received().values()) == {1}


def test_a_batch_that_finds_nothing_is_put_back_as_it_was(slow: Installation) -> None:
    slow.register(ios(30))
    message_id = slow.publish()
    spend_all(slow)

    run = slow.work(message_id)

    assert (run["accepted"], run["inFlight"]) == (0, 30)
    row = the_batch(message_id)
    assert (row.settled, row.doubt_end, row.stalls, row.lease_until) == (0, 0, 0, None)
    assert row.not_before > now_ms() + 60_000
    assert not slow.simulator.log()

    cancel(message_id)
    assert slow.work(message_id)["cancelled"] == 30


@pytest.mark.parametrize("waits_for_a_turn", [True, False], ids=["asked", "unasked"])
def test_a_broadcasts_batch_lets_others_go_first_between_two_slices(
    installation: Installation,
    configure: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
    waits_for_a_turn: bool,
) -> None:
    monkeypatch.setattr(admission, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(fan_outs, "FIRST_PAGE", DEVICES - 1)  # a broadcast has more than a page
    configure(apns_rate=DEVICES, doubt_window=10)
    installation.context = Context()
    installation.register(ios(DEVICES))
    message_id = installation.publish()
    fan_out(installation.run_id(message_id))
    batches = installation.due_batches(message_id)
    assert list(queues.following("apns.bulk")) == batches
    if waits_for_a_turn:
        queues.wake([queues.wake_for_batch(10**9, "another", "production", bulk=False)])
    else:
        monkeypatch.setattr(admission, "LONGEST_TURN_SECONDS", 0.0)

    deliver(batches[0], installation.context)

    row = the_batch(message_id)
    assert (row.settled, row.doubt_end, row.lease_until) == (10, 10, None)
    assert row.not_before <= now_ms()
    assert list(queues.following("apns.bulk")) == batches[:1], "it has another turn"
    key, limits = budget_of("apns", installation)
    left = installation.context.budgets.take(key, limits, Ask(1, 1, 10_000)).allowed
    assert left > DEVICES, "what it was allowed beyond is put back"
    list(queues.following("apns"))
    installation.context.budgets.put_back(key, limits, left)
    run = installation.work(message_id)
    assert (run["accepted"], run["resent"], run["state"]) == (DEVICES, 0, "finished")
    assert set(installation.simulator.received().values()) == {1}


def test_a_provider_that_says_it_is_too_much_is_sent_less(
    installation: Installation,
) -> None:
    answer = {"status": 429, "reason": "QUOTA_EXCEEDED", "retry_after": 1}
    installation.simulator.rules([{"match": {"provider": "fcm"}, "action": answer}])
    installation.register(android(5), "ANDROID")

    installation.work(installation.publish())

    key, limits = budget_of("fcm", installation)
    left = installation.context.budgets.take(key, limits, Ask(1, 1, 1_000_000)).allowed
    assert left <= 1_000


def spend_all(installation: Installation) -> None:
    """Spend what the budget of APNs has for the next minutes."""
    key, limits = budget_of("apns", installation)
    much = Ask(RATE * 300, 1, RATE * 300)
    assert installation.context.budgets.take(key, limits, much).allowed == RATE * 300


def budget_of(provider: str, installation: Installation) -> tuple:
    with db.reading() as connection:
        statement = select(CREDENTIAL.id).where(CREDENTIAL.provider == provider)
        key = budget_key(connection.execute(statement).scalar_one())
    return key, limits_of(provider, installation.context.settings)


def the_batch(message_id: str):
    """Return the first batch of the only message."""
    with db.reading() as connection:
        names = ("settled", "doubt_end", "stalls", "not_before", "lease_until")
        first = select(*(BATCH[name] for name in names)).order_by(BATCH.id).limit(1)
        return connection.execute(first).one()
