"""What is asked for without a break is looked up again before it is too old."""

import asyncio
import time
from collections.abc import Callable

from push_pipeline.errors import DatabaseUnavailable
from push_pipeline.gateway.ttl_cache import FRESH_SECONDS, TtlCache


def _renewed(find: Callable[[], str | None], *, times: int = 1) -> tuple[str | None, int]:
    """Renew a value as often within one look-up; return what is there then, and the look-ups."""
    asked = []

    def look() -> str | None:
        asked.append(1)
        return find()

    async def main() -> str | None:
        cache: TtlCache[str, str] = TtlCache()
        cache.keep("key", "before")
        for _ in range(times):
            cache.renew("key", look)
        assert cache.fresh("key") == "before"
        await asyncio.gather(*cache._asking.values(), return_exceptions=True)
        return cache.fresh("key")

    return asyncio.run(main()), len(asked)


def _fail() -> str:
    raise DatabaseUnavailable("away")


def test_a_value_is_renewed_while_the_one_before_does() -> None:
    assert _renewed(lambda: "after", times=3) == ("after", 1)


def test_a_value_that_is_no_more_is_dropped_and_one_that_cannot_be_read_is_left() -> None:
    assert _renewed(lambda: None) == (None, 1)
    assert _renewed(_fail) == ("before", 1)


def test_a_value_ages_in_the_second_half_of_its_time() -> None:
    cache: TtlCache[str, str] = TtlCache()
    ages = {}
    for seconds in (0, FRESH_SECONDS * 0.6, FRESH_SECONDS * 1.1):
        cache._kept["key"] = (time.monotonic() - seconds, "value")
        ages[seconds] = cache.ages("key")

    assert list(ages.values()) == [False, True, False]
    assert not cache.ages("another")
