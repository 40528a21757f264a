"""Nothing that may happen to the pipeline, in whatever order, breaks a promise."""

from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from push_workers.fanout import fan_out
from tests.simulation.machine import Pipeline


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the fan-out back its pages, which each world has its own of."""
    for name in ("FIRST_PAGE", "PAGE"):
        monkeypatch.setattr(fan_out, name, getattr(fan_out, name))


@pytest.mark.timeout(300)
def test_promises_hold_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        Pipeline, settings=hypothesis.settings(max_examples=30, stateful_step_count=40)
    )


@pytest.fixture
def state() -> Iterator[Pipeline]:
    """A world for the steps of a failure: batches of Android and of Apple by turns, of 1 to 4."""
    state = Pipeline()
    state.begin(policy="at-least-once", devices=9)
    yield state
    state.teardown()


def test_a_slice_of_another_worker_closes_the_route_between_two_slices(state: Pipeline) -> None:
    state.take(which=1, until="send", said=[], twice=False)
    state.take(which=2, until="end", said=["busy, all of you"], twice=False)
    state.go_on(which=0, until="end", said=["accepted"])

    (begun,) = (one for one in state.world.picture.batch.values() if one["accepted"])
    assert (begun["settled"], begun["doubt_end"], begun["size"]) == (2, 2, 4)
    assert begun["not_before"] >= state.world.picture.credential[1]["paused_until"]


def test_a_probe_that_is_lost_leaves_the_route_closed_to_its_own_batch(state: Pipeline) -> None:
    state.take(which=1, until="end", said=["busy, all of you"], twice=False)
    state.wait(seconds=400, tick="end")
    state.take(which=2, until="end", said=["lost"], twice=False)

    (probed,) = (one for one in state.world.picture.batch.values() if one["settled"] == 1)
    assert (probed["doubt_end"], probed["size"]) == (1, 2)


def test_a_fan_out_that_was_overtaken_between_two_pages_writes_none_again() -> None:
    state = Pipeline()
    state.begin(policy="at-least-once", devices=12, page=3, window=2, fanned=False)
    state.take(which=0, until="committed", said=["accepted"], twice=False)
    state.overtake(which=0, until="committed", said=["accepted"])
    (run,) = state.world.picture.run.values()
    state.teardown()

    assert run["audience"] == 6  # the page of each of the two


def test_who_sends_while_it_is_cancelled_sends_no_further_slice(state: Pipeline) -> None:
    state.take(which=0, until="send", said=[], twice=False)
    state.interrupt(which=0, what="cancel", said=["accepted"])

    assert state.world.jobs == []
    assert sum(one["accepted"] for one in state.world.picture.batch.values()) == 2


def test_who_only_seemed_to_be_gone_records_nothing_over_its_successor(state: Pipeline) -> None:
    state.take(which=0, until="send", said=[], twice=False)
    state.release(which=0)
    state.take(which=len(state.world.due_wakes()) - 1, until="end", said=["accepted"], twice=False)
    (slow,) = state.world.jobs
    before = state.world.picture.batch

    state.go_on(which=0, until="end", said=["gone"])

    assert slow.over
    assert state.world.picture.batch == before
    assert sum(one["resent"] for one in before.values()) == 2


def test_a_route_is_asked_again_as_soon_as_it_has_rested_without_a_tick(state: Pipeline) -> None:
    state.take(which=1, until="end", said=["no connection"], twice=False)
    (probe,) = (one for one in state.world.wakes if one.at is not None)
    rested = state.world.picture.credential[1]["paused_until"]
    assert rested < probe.at.timestamp() * 1000 < rested + 100

    state.wait(seconds=2, tick="none")
    state.take(state.world.due_wakes().index(probe), until="end", said=["accepted"], twice=False)

    assert state.world.picture.credential[1]["troubled_since"] is None


def test_who_closes_a_route_again_lets_another_ask_it(state: Pipeline) -> None:
    mine, other = (one.key for one in state.world.due_wakes() if "apns" in one.queue)
    state.take(which=1, until="end", said=["no connection"], twice=False)
    waits = [one.key for one in state.world.due_wakes()].index(other)
    state.take(which=waits, until="end", said=[], twice=False)
    state.wait(seconds=2, tick="none")
    (probe,) = (one for one in state.world.due_wakes() if one.at is not None)

    state.take(state.world.due_wakes().index(probe), "end", said=["no connection"], twice=False)

    (again,) = (one for one in state.world.wakes if one.at is not None)
    assert probe.key not in {mine, other}  # the later attempt of those that were not answered
    assert again.key == mine  # has waited longest, before the other; not they once more
