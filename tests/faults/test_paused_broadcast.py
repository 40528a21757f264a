"""Pause in the middle of a large broadcast: nothing more, and nobody twice.

To a million devices in `make drills`.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from push_pipeline import pause, publish, resume, status
from push_pipeline.settings import Settings
from tests.bench.sink import Sink
from tests.bench.stand import APP, populate, set_up
from tests.processes import wait_until
from tests.running import QUICK, Spawn, start_beat, start_worker

DEVICES = 20_000
CHILDREN = 2

#: Seconds between two looks, which count all: often, they take the cores from the workers.
EVERY = 0.2

#: Seconds. Two slow cores that other tests share send a million in less than three minutes.
PATIENCE = 400

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def sink(
    postgresql_url: str, broker_url: str, configure: Callable[..., Settings], tmp_path: Path
) -> Iterator[Sink]:
    """A server that counts what each device gets, and an app whose credential points at it."""
    with Sink(devices=DEVICES + 1) as running:
        configure(
            database_url=postgresql_url,
            broker_url=broker_url,
            ca_file=running.ca_file,
            app_id=APP,
            ledger="problems",  # the sink knows each device; a million rows are another test's
            **QUICK,
        )
        set_up(running, tmp_path)
        yield running


def pushes(sink: Sink) -> int:
    return sum(times * devices for times, devices in sink.tally().items())


def let_pass(seconds: float) -> None:
    ends = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= ends, seconds + 5)


def test_devices_get_nothing_while_paused_and_one_push_each_after_resume(
    sink: Sink, spawn: Spawn
) -> None:
    populate("everybody", DEVICES)
    start_beat(spawn)
    start_worker(spawn, "publish,schedule", children=1)
    start_worker(spawn, "apns,apns.bulk", children=CHILDREN)
    message_id = publish("everybody", "Dinner is ready").message_id
    wait_until(lambda: pushes(sink) > DEVICES // 20, PATIENCE, "the first twentieth", EVERY)

    pause(message_id)
    let_pass(1)
    at_rest = pushes(sink)
    let_pass(3)
    assert pushes(sink) == at_rest < DEVICES
    assert status(message_id)["runs"][0]["accepted"] == at_rest
    resume(message_id)
    [run] = wait_until(lambda: finished(message_id), PATIENCE, "the end of the run", EVERY)

    assert (run["audience"], run["accepted"], run["resent"]) == (DEVICES, DEVICES, 0)
    assert sink.tally() == {0: 1, 1: DEVICES}  # no device has the number 0


def finished(message_id: str) -> list[dict] | None:
    runs = status(message_id)["runs"]
    return runs if runs[0]["state"] == "finished" else None
