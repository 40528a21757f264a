"""A worker that has work and ends none is told of, and its children are replaced."""

import os
import signal
from collections.abc import Callable

import pytest

from push_pipeline.metrics.counts import summed
from push_pipeline.metrics.folder import metrics_folder
from push_pipeline.settings import get_settings
from push_workers.consumer.watchdog import Verdict, Watch
from tests.audience import ios
from tests.faults.test_far_off import children
from tests.running import Stand

BUSY = frozenset({"task-1", "task-2"})


def test_a_worker_is_still_while_its_tasks_are_the_same_ones() -> None:
    watch = Watch(10, since=0)

    assert not watch.is_still(BUSY, 9)
    assert not watch.is_still(BUSY, 18)
    assert watch.is_still(BUSY, 19)
    assert not watch.is_still(frozenset({"task-2", "task-3"}), 20)


@pytest.mark.parametrize("waiting", [0, None])
def test_a_worker_without_work_is_well(waiting: int | None) -> None:
    watch = Watch(10, since=0)

    assert watch.judge(waiting, 10) is Verdict.WELL
    assert not watch.is_still(frozenset(), 19)


def test_a_worker_that_stays_still_with_new_children_gives_up() -> None:
    watch = Watch(10, since=0)

    assert watch.judge(3, 8) is Verdict.WELL  # it may have come this moment
    assert watch.judge(3, 10) is Verdict.REPLACE_CHILDREN
    assert not watch.is_still(frozenset(), 30)
    assert watch.is_still(frozenset(), 40)
    watch.judge(3, 40)
    assert watch.judge(3, 42) is Verdict.GIVE_UP


def test_a_worker_that_went_on_with_new_children_does_not_give_up() -> None:
    watch = Watch(10, since=0)
    watch.judge(3, 8)
    watch.judge(3, 10)
    watch.is_still(BUSY, 11)
    watch.judge(3, 28)

    assert watch.judge(3, 30) is Verdict.REPLACE_CHILDREN


def test_work_that_comes_to_an_idle_worker_at_the_moment_of_a_look_is_no_sign() -> None:
    watch = Watch(10, since=0)
    watch.judge(1, 100)
    watch.is_still(BUSY, 101)
    watch.is_still(frozenset(), 102)

    assert watch.judge(1, 200) is Verdict.WELL


@pytest.mark.slow
def test_a_child_that_hangs_is_replaced_and_what_it_held_is_sent(
    open_stand: Callable[..., Stand], sqlite_url: str
) -> None:
    stand = open_stand(sqlite_url, watchdog_seconds=1)
    stand.subscribe(ios(20))
    stand.start_beat()
    worker = stand.start_worker(children=1)
    (child,) = map(int, children(worker.pid).split())
    os.kill(child, signal.SIGSTOP)

    run = stand.finish(stand.installation.publish())

    assert run["accepted"] == 20
    assert set(stand.simulator.received().values()) == {1}
    assert worker.alive
    assert str(child) not in children(worker.pid).split()
    assert "nothing ended for 1 s" in worker.output
    counts = summed(metrics_folder(get_settings()))
    assert counts.get_sample_value("push_pipeline_events_total", {"event": "worker_stuck"}) >= 1
