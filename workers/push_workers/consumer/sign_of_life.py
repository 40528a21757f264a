"""A worker's sign of life, and what becomes of what those had that show none any more.

The parent has a thread that renews its sign and looks at those of all others: it is at work while
the parent connects to the broker anew, or waits for a child. What a child had that is gone, or a
worker whose sign stays away, ends its lease at once: whoever takes the batch then finds it as
after any lease, with the slice in doubt and its rules. The claim's number still fences a worker
that was only stopped, and the checkpoint whoever fans out.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from celery import signals

from push_pipeline import db, queues, signs, telemetry
from push_pipeline.clock import now_ms
from push_pipeline.errors import PipelineError
from push_pipeline.ledger import due_batches, due_runs
from push_pipeline.signs import FanOut, Held, Noted
from push_workers.consumer.silence import EVERY_SECONDS, Watch

logger = logging.getLogger(__name__)

#: Seconds for which a fork waits for the thread to be between two looks, so that the child
#: inherits no lock that the thread has.
FORK_WAITS_SECONDS = 2.0


class SignOfLife:
    """The sign of this worker, renewed from when it is ready."""

    def __init__(self) -> None:
        self._count = 0
        self._watch = Watch()
        self._looking = threading.Lock()
        self._held = False

    def begin(self, **_: object) -> None:
        """Take a name, before the children are forked."""
        if queues.keeps_signs():
            signs.begin()

    def start(self, **_: object) -> None:
        """Renew the sign from now on, until the process ends."""
        worker = signs.this_worker()
        if worker is None:
            return
        os.register_at_fork(
            before=self._wait, after_in_parent=self._go_on, after_in_child=self._end
        )
        threading.Thread(target=self._run, args=(worker,), name="signs", daemon=True).start()

    def look(self, worker: str) -> None:
        """Renew the sign, and let go what those had that are gone.

        Raises:
            PipelineError: the broker or the database is away; nothing is let go.
        """
        self._count += 1
        found = queues.ask_now(partial(signs.renew, worker=worker, count=self._count))
        self._watch.look(found.of, time.monotonic())
        lost = [one for one in found.mine if not _is_alive(one.child)]
        if lost:
            _let_go(lost, "child")
            queues.ask_now(partial(signs.forget_children, worker=worker, gone=lost))
        for name, sign in self._watch.silent().items():
            connected = queues.ask_now(partial(signs.is_connected, sign=sign))
            if name != worker and self._watch.is_gone(name, connected=connected):
                _let_go(queues.ask_now(partial(signs.held_by, worker=name)), "worker")
                queues.ask_now(partial(signs.forget_worker, worker=name))

    def _run(self, worker: str) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY_SECONDS):
            with self._looking:
                self._try_to_look(worker)

    def _try_to_look(self, worker: str) -> None:
        try:
            self.look(worker)
        except PipelineError as error:
            logger.debug("no sign of life: %s", error)
        except Exception:  # who shows no sign any more is taken for gone
            logger.exception("no sign of life", extra={"action": "no_sign_of_life"})

    def _wait(self) -> None:
        self._held = self._looking.acquire(timeout=FORK_WAITS_SECONDS)

    def _go_on(self) -> None:
        if self._held:
            self._looking.release()

    def _end(self) -> None:
        """Make the lock anew in a child, which has no such thread."""
        self._looking = threading.Lock()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, PermissionError, OverflowError):  # not there, or another's by now
        return False
    return True


def _let_go(held: Sequence[Noted], of: str) -> None:
    """End the leases of those that are gone, and wake somebody for what they had."""
    claims = [one[1:] for one in held if isinstance(one, Held)]
    fan_outs = [one[1:] for one in held if isinstance(one, FanOut)]
    if not held:
        return
    now = now_ms()
    with db.writing() as connection:
        batches = due_batches.release_lost(connection, claims, now)
        runs = due_runs.release_lost(connection, fan_outs, now)
    db.close_connections()
    if not batches and not runs:
        return
    telemetry.claims_released(of, len(batches), len(runs))
    queues.wake(queues.wake_for_run(one.id, one.app_id, of=one.message_id) for one in runs)
    queues.wake(
        queues.wake_for_batch(one.id, one.app_id, one.environment, bulk=one.bulk, of=one.message_id)
        for one in batches
    )


_sign: Final = SignOfLife()


def install() -> None:
    """Let this process show a sign of life where it is a worker."""
    signals.worker_init.connect(_sign.begin)
    signals.worker_ready.connect(_sign.start)
