"""Budgets in a real Redis: one bucket for all, the rule as in Python, a share while it is away."""

import random
import time
from collections.abc import Callable

import pytest

from push_pipeline.budgets import Ask, Bucket, Budgets, Limits, read_bucket, says
from push_pipeline.budgets.shared import TAKERS_ASSUMED
from push_pipeline.settings import Settings
from tests.services import Valkey

BATCH = Ask(500, 500, 1_000)
KEY = "budget:1"


@pytest.fixture
def budgets(configure: Callable[..., Settings], broker_url: str) -> Budgets:
    configure(broker_url=broker_url)
    return Budgets()


@pytest.mark.parametrize(
    "limits", [Limits(1_000), Limits(50_000, ramps=True), Limits(0), Limits(0.5, 1.0)], ids=str
)
def test_the_script_decides_as_the_rule_does(budgets: Budgets, limits: Limits) -> None:
    rng = random.Random(7)
    bucket = Bucket()
    for _ in range(200):
        if rng.random() < 0.02:
            answer = budgets._evaluate("cut", KEY, limits, (0, 0, 0, 0))
            assert float(answer[0]) == pytest.approx(bucket.cut(limits, float(answer[3])))
            continue
        ask = Ask(
            rng.randint(1, 600), rng.randint(1, 600), rng.randint(600, 5_000), rng.random() < 0.8
        )
        asked = (ask.first, ask.step, ask.wanted, int(ask.bulk))
        allowed, wait, takers, now = budgets._evaluate("take", KEY, limits, asked)
        expected = bucket.take(limits, ask, float(now))
        assert int(float(allowed)) == expected.allowed
        assert float(wait) == pytest.approx(expected.wait, rel=1e-3, abs=1e-3)
        assert takers == 1
    stored = read_bucket(KEY)
    assert stored is not None
    assert stored["level"] == pytest.approx(bucket.level, rel=1e-3, abs=1e-2)


def test_two_workers_share_one_bucket(budgets: Budgets) -> None:
    other = Budgets()
    limits = Limits(2_000)

    allowed = [one.take(KEY, limits, BATCH).allowed for _ in range(20) for one in (budgets, other)]

    assert 3_000 <= sum(allowed) <= 6_000
    assert read_bucket(KEY)["takers"] == 2


def test_a_cut_holds_for_the_other_worker(budgets: Budgets) -> None:
    other, limits = Budgets(), Limits(0)
    assert other.take(KEY, limits, BATCH).allowed == 1_000

    assert budgets.cut(KEY, limits) == 500

    assert other.take(KEY, limits, BATCH).allowed == 0


def test_while_redis_is_away_each_sends_by_its_share(
    configure: Callable[..., Settings], tmp_path
) -> None:
    server = Valkey(tmp_path)
    server.start()
    configure(broker_url=server.url())
    known, new = Budgets(), Budgets()
    limits = Limits(2_000)
    for _ in range(3):
        known.take(KEY, limits, BATCH)
    server.kill()
    try:
        of_known = sum(known.take(KEY, limits, Ask(1, 1, 100_000)).allowed for _ in range(3))
        of_new = sum(new.take(KEY, limits, Ask(1, 1, 100_000)).allowed for _ in range(3))
        unpublished = new.take("budget:2", Limits(0), Ask(1, 1, 100_000)).allowed
    finally:
        server.start()
    # A share of what two seconds allow, less the tenth that is left to single pushes.
    assert of_known == pytest.approx(3_600, rel=0.1)
    assert 0 < of_new <= 4_000 / TAKERS_ASSUMED
    assert 0 < unpublished <= 20_000 / TAKERS_ASSUMED
    known._resting_until = 0.0
    assert known.take(KEY, limits, Ask(1, 1, 1)).allowed == 1
    assert read_bucket(KEY)["takers"] == 1
    server.stop()


def test_an_operator_is_told_what_is_allowed_and_what_is_used(
    budgets: Budgets, broker_url: str, configure: Callable[..., Settings]
) -> None:
    fcm, apns = Limits(10_000, ramps=True), Limits(0)
    assert says(fcm, read_bucket(KEY), time.time()) == "10,000 a second; not in use"
    budgets.take(KEY, fcm, BATCH)
    budgets.take("budget:2", apns, BATCH)
    budgets.cut("budget:2", apns)

    of_fcm = says(fcm, read_bucket(KEY), time.time())
    of_apns = says(apns, read_bucket("budget:2"), time.time())
    configure(broker_url="redis://127.0.0.1:1/0")
    away = says(fcm, read_bucket(KEY), time.time())

    assert of_fcm.startswith("10,000 a second, ramping up, now 1,0")
    assert "; in use by 1: " in of_fcm
    assert "cut by the provider's complaint to 50" in of_apns
    assert away == "10,000 a second; Redis does not answer: each worker sends by a share"
