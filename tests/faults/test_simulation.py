"""Nothing that may happen to the pipeline, in whatever order, breaks a promise."""

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from push_workers.fanout import fan_out
from tests.simulation.machine import Pipeline


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "FIRST_PAGE", 6)
    monkeypatch.setattr(fan_out, "PAGE", 8)


def test_promises_hold_whatever_happens_in_whatever_order() -> None:
    run_state_machine_as_test(
        Pipeline, settings=hypothesis.settings(max_examples=50, stateful_step_count=60)
    )
