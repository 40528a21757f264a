"""A worker that has work and ends none: it says so, and its children are replaced.

Tasks have time limits, which this worker's parent keeps. What they do not see is a child that
is stopped before it begins, or a parent that hands nothing out any more. What the children held
comes back as that of any killed worker: the broker has the task, the lease the batch.
"""

import os
import signal
import time
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from celery import Celery, bootsteps
from celery.worker import state

from push_pipeline import queues, telemetry
from push_pipeline.errors import BrokerUnavailable
from push_pipeline.settings import get_settings

#: Looks in the time after which a worker that ends nothing is stuck.
LOOKS = 6

#: Seconds that new children have: Celery gives a task of a killed one back after ten.
NEW_CHILDREN_SECONDS = 30.0

#: The exit code of a worker that gives itself up: whoever keeps it running starts another.
GIVEN_UP = 1


class Verdict(StrEnum):
    """What is to be done about a worker."""

    WELL = "well"
    REPLACE_CHILDREN = "replace its children"
    GIVE_UP = "give up"  # its children were replaced, and still nothing ended


@dataclass(slots=True)
class Watch:
    """Since when a worker's tasks are the same ones; pure."""

    limit: float  # seconds
    since: float
    tasks: frozenset[Hashable] = field(default_factory=frozenset)
    suspected: bool = False  # at the last look there was work, and had been none before
    replaced: bool = False

    def is_still(self, tasks: frozenset[Hashable], now: float) -> bool:
        """Note the tasks under way; tell whether none began or ended for too long."""
        if tasks != self.tasks:
            self.tasks, self.since = tasks, now
            self.suspected = self.replaced = False
        patience = max(self.limit, NEW_CHILDREN_SECONDS) if self.replaced else self.limit
        return now - self.since >= patience

    def judge(self, waiting: int | None, now: float) -> Verdict:
        """Judge a worker that is still, by what waits on its queues; None: nobody knows.

        Of one that had nothing to do, what waits may have come this moment: it is looked at
        once more.
        """
        if not waiting:
            self.since = now
            self.suspected = self.replaced = False
            return Verdict.WELL
        if not self.suspected:
            self.suspected = True
            return Verdict.WELL
        self.since, self.suspected = now, False
        verdict = Verdict.GIVE_UP if self.replaced else Verdict.REPLACE_CHILDREN
        self.replaced = True
        return verdict


class Watchdog(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
    """Looks after this worker while it is connected to the broker."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._timer: Any = None
        limit = get_settings().watchdog_seconds
        self._watch = Watch(limit, time.monotonic())
        self.enabled = limit > 0
        consumer.watchdog = self

    def start(self, consumer: Any) -> None:
        """Look, from now on and again and again."""
        if self.enabled and _children(consumer):
            self._watch = Watch(self._watch.limit, time.monotonic())
            self._timer = consumer.timer.call_repeatedly(
                self._watch.limit / LOOKS, self._look, (consumer,)
            )

    def stop(self, _consumer: Any) -> None:
        """Look no longer; what is under way may take its time to end."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, consumer: Any) -> None:
        tasks = frozenset(request.id for request in state.active_requests)
        if not self._watch.is_still(tasks, time.monotonic()):
            return
        waiting = _waiting(consumer.app)
        verdict = self._watch.judge(waiting, time.monotonic())
        if verdict is Verdict.WELL:
            return
        telemetry.worker_stuck(self._watch.limit, waiting or 0, len(tasks), verdict.value)
        for child in _children(consumer):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if verdict is Verdict.GIVE_UP:
            state.should_terminate = GIVEN_UP


def install(app: Celery) -> None:
    """Let the app's workers be watched."""
    app.steps["consumer"].add(Watchdog)


def _children(consumer: Any) -> list[int]:
    """Return the child processes of a worker; none where it has no pool of processes."""
    pool = getattr(consumer.pool, "_pool", None)
    return [child.pid for child in getattr(pool, "_pool", None) or ()]


def _waiting(app: Celery) -> int | None:
    """Return how many tasks wait on this worker's queues; None where the broker is away."""
    try:
        return sum(queues.backlog(name) for name in app.amqp.queues.consume_from)
    except BrokerUnavailable:
        return None
