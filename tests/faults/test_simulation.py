"""Nothing that may happen to the pipeline, in whatever order, breaks a promise."""

from collections.abc import Iterator

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from push_workers.fanout import fan_out
from tests.simulation.machine import Pipeline


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "FIRST_PAGE", 6)
    monkeypatch.setattr(fan_out, "PAGE", 8)


@pytest.mark.timeout(300)
def test_promises_hold_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        Pipeline, settings=hypothesis.settings(max_examples=30, stateful_step_count=50)
    )


@pytest.fixture
def state() -> Iterator[Pipeline]:
    """A world for the steps of a failure: twelve devices, eight of them of Apple, in batches."""
    state = Pipeline()
    state.begin(policy="at-least-once", devices=9)
    yield state
    state.teardown()


def test_a_slice_of_another_worker_closes_the_route_between_two_slices(state: Pipeline) -> None:
    state.take(which=0, until="send", said=[], twice=False)
    state.take(which=1, until="end", said=["busy, all of you"], twice=False)
    state.go_on(which=0, until="end", said=["accepted"])

    (begun,) = (one for one in state.world.picture.batch.values() if one["accepted"])
    assert (begun["settled"], begun["doubt_end"], begun["size"]) == (2, 2, 4)
    assert begun["not_before"] >= state.world.picture.credential[1]["paused_until"]


def test_a_probe_that_is_lost_leaves_the_route_closed_to_its_own_batch(state: Pipeline) -> None:
    state.take(which=0, until="end", said=["busy, all of you"], twice=False)
    state.wait(seconds=400, tick="end")
    state.take(which=1, until="end", said=["lost"], twice=False)

    (probed,) = (one for one in state.world.picture.batch.values() if one["settled"] == 1)
    assert (probed["doubt_end"], probed["size"]) == (1, 2)
