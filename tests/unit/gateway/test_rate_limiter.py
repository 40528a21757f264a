"""Wrong keys: who is slowed down for them, and who is not."""

import asyncio

import pytest

from push_pipeline.errors import TooManyAttempts
from push_pipeline.gateway import rate_limiter
from push_pipeline.gateway.rate_limiter import FAILURES_MAX, RateLimiter


def used_up(*origins: str) -> RateLimiter:
    limiter = RateLimiter()
    for _ in range(FAILURES_MAX):
        limiter.count(origins)
    return limiter


def late(limiter: RateLimiter, *origins: str) -> bool:
    async def is_late() -> bool:
        waiting = asyncio.create_task(limiter.slow_down(origins))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done = waiting.done()
        waiting.cancel()
        return not done

    return asyncio.run(is_late())


def test_an_address_and_the_beginning_of_a_key_are_counted_each() -> None:
    limiter = used_up("192.0.2.1", "APP/abcd")

    assert late(limiter, "192.0.2.1", "APP/other")
    assert late(limiter, "192.0.2.2", "APP/abcd")
    assert not late(limiter, "192.0.2.2", "APP/other")
    for origins in (("192.0.2.1", "APP/x"), ("192.0.2.3", "APP/abcd")):
        with pytest.raises(TooManyAttempts):
            limiter.count(origins)


def test_the_more_wait_the_longer_each_does(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def crowd() -> None:
        limiter = used_up("192.0.2.1")
        waiting = [asyncio.create_task(limiter.slow_down(["192.0.2.1"])) for _ in range(500)]
        await asyncio.sleep(0)
        monkeypatch.undo()
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert not limiter._waiting

    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        slept.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(rate_limiter.asyncio, "sleep", noted)
    asyncio.run(crowd())

    waits = sorted(slept[1:]) if slept[0] == 0 else sorted(slept)
    assert waits[-1] == rate_limiter.SLOWEST_SECONDS
    assert sum(1 / one for one in waits[-200:]) < 2 * rate_limiter.WAITING * 2
