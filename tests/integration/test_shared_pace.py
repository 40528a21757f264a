"""The publishes of a key are counted by all gateways together, in Redis."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from push_pipeline import queues
from push_pipeline.errors import TooManyPublishes
from push_pipeline.gateway import pace
from push_pipeline.gateway.pace import Pace
from push_pipeline.gateway.shared_pace import SharedPace
from push_pipeline.settings import Settings

#: So few a second that a test gains none by time, and so many at once.
RATE, AT_ONCE = 0.001, 6


@pytest.fixture(autouse=True)
def broker(
    configure: Callable[..., Settings], broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    configure(broker_url=broker_url)
    monkeypatch.setattr(pace, "BURST_SECONDS", AT_ONCE / RATE)
    yield
    queues.forget()


def gateway() -> SharedPace:
    return SharedPace(Pace(lambda: 0.0))


def passed(asking: SharedPace, bounds: Mapping[str, float], times: int) -> int:
    """Ask so often; return how often it passed."""

    async def ask() -> int:
        count = 0
        for _ in range(times):
            try:
                await asking.take(bounds)
            except TooManyPublishes:
                continue
            count += 1
        return count

    return asyncio.run(ask())


def test_two_gateways_let_no_more_through_than_one() -> None:
    one, other = gateway(), gateway()

    assert passed(one, {"key": RATE}, 4) == 4
    assert passed(other, {"key": RATE}, 4) == 2
    assert passed(one, {"key": RATE}, 4) == 0
    assert passed(one, {"another": RATE}, 1) == 1
    assert passed(one, {}, 50) == 50


def test_what_the_app_refuses_costs_its_key_nothing() -> None:
    one = gateway()
    assert passed(one, {"app": RATE}, 5) == 5

    assert passed(one, {"key": RATE, "app": RATE}, 3) == 1
    assert passed(one, {"key": RATE}, 9) == 5


def test_while_redis_is_away_each_gateway_lets_its_share_through(
    configure: Callable[..., Settings],
) -> None:
    one, other, new = gateway(), gateway(), gateway()
    for each in (one, other, one):
        assert passed(each, {"key": RATE}, 1) == 1

    configure(broker_url="redis://127.0.0.1:1/0")

    assert passed(one, {"key": RATE}, 9) == AT_ONCE // 2
    assert passed(new, {"key": RATE}, 9) == AT_ONCE // 4


def test_with_rabbitmq_each_gateway_counts_by_itself(configure: Callable[..., Settings]) -> None:
    configure(broker_url="amqp://127.0.0.1:1")

    assert [passed(gateway(), {"key": RATE}, 9) for _ in range(2)] == [AT_ONCE, AT_ONCE]
