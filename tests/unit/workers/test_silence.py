"""A worker is gone that was seen and whose sign stays away, while everything else answers."""

import pytest

from push_workers.consumer.silence import (
    BREAK_SECONDS,
    CLOSED_SECONDS,
    EVERY_SECONDS,
    OPEN_SECONDS,
    UNSEEN_SECONDS,
    Watch,
)


def watched(watch: Watch, signs: dict[str, str], since: float, seconds: float) -> float:
    """Look at the same signs for so long; return when that was."""
    now = since
    while now < since + seconds:
        now += EVERY_SECONDS
        watch.look(signs, now)
    return now


def seen(name: str = "a") -> tuple[Watch, float]:
    """Watch a worker whose sign has been renewed once, at the time that is returned."""
    watch = Watch()
    watch.look({name: "1"}, 10.0)
    watch.look({name: "2"}, 10.25)
    return watch, 10.25


def test_who_renews_its_sign_is_not_silent() -> None:
    watch = Watch()
    for number in range(100):
        watch.look({"a": str(number)}, number * EVERY_SECONDS)

        assert watch.silent() == {}


def test_who_is_silent_and_whose_connection_is_closed_is_gone() -> None:
    watch, since = seen()
    watched(watch, {"a": "2"}, since, CLOSED_SECONDS - EVERY_SECONDS)
    assert watch.silent() == {}

    watched(watch, {"a": "2"}, since + CLOSED_SECONDS - EVERY_SECONDS, EVERY_SECONDS)

    assert watch.silent() == {"a": "2"}
    assert watch.is_gone("a", connected=False)
    assert not watch.is_gone("a", connected=True)


def test_who_is_silent_and_still_connected_is_gone_after_longer() -> None:
    watch, since = seen()

    watched(watch, {"a": "2"}, since, OPEN_SECONDS)

    assert watch.is_gone("a", connected=True)


def test_who_was_never_heard_has_the_time_to_come_back_to_the_broker() -> None:
    watch = Watch()
    watch.look({"a": "1"}, 10.0)
    watched(watch, {"a": "1"}, 10.0, UNSEEN_SECONDS - EVERY_SECONDS)
    assert watch.silent() == {}

    watched(watch, {"a": "1"}, 10.0 + UNSEEN_SECONDS - EVERY_SECONDS, EVERY_SECONDS)

    assert watch.silent() == {"a": "1"}


@pytest.mark.parametrize("silent_before", [0.5, OPEN_SECONDS])
def test_after_a_break_nobody_is_silent(silent_before: float) -> None:
    """Redis was away, or whoever looks was stopped itself."""
    watch, since = seen()
    since = watched(watch, {"a": "2"}, since, silent_before)

    watch.look({"a": "2"}, since + BREAK_SECONDS + 0.1)

    assert watch.silent() == {}
