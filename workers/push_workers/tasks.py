"""Every Celery task, a few lines each, calling down. Arguments are ids."""

import functools
from collections.abc import Callable
from typing import Any

from celery import signals
from celery.utils.log import get_task_logger

from push_pipeline import db, queues
from push_workers import tick as duties
from push_workers.app import app
from push_workers.consumer import dead_letters, prefork
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout import fan_out as fan_outs

logger = get_task_logger(__name__)

_context: Context | None = None


def _process_context() -> Context:
    """Return this child's context, made at its first task: never in the parent, which forks."""
    global _context  # noqa: PLW0603 - one context per process is the point
    if _context is None:
        _context = Context()
    return _context


@signals.worker_init.connect
def _prepare(**_: object) -> None:
    prefork.warm_up()


@signals.worker_process_shutdown.connect
def _close(**_: object) -> None:
    if _context is not None:
        _context.close()
    db.dispose()


def _by_key(work: Callable[[int], None]) -> Callable[..., None]:
    """Run a task whose one argument is a row's key; keep the message if it is anything else."""

    @functools.wraps(work)
    def run(*args: Any, **keywords: Any) -> None:
        if len(args) == 1 and type(args[0]) is int and not keywords:
            work(args[0])
        else:
            dead_letters.keep(work.__name__, "has other arguments than one key", repr(args))

    return run


@app.task(name=queues.FAN_OUT, typing=False)
@_by_key
def fan_out(run_id: int) -> None:
    """Write the batches of a run and wake their workers."""
    fan_outs.fan_out(run_id)


@app.task(name=queues.START_RUN, typing=False)
@_by_key
def start_run(run_id: int) -> None:
    """Begin a run whose time has come; handed out shortly before, with an ETA."""
    fan_outs.start(run_id)


@app.task(name=queues.DELIVER["apns"], typing=False)
@_by_key
def deliver_apns(batch_id: int) -> None:
    """Send a batch to APNs."""
    deliver(batch_id, _process_context())


@app.task(name=queues.DELIVER["fcm"], typing=False)
@_by_key
def deliver_fcm(batch_id: int) -> None:
    """Send a batch to FCM."""
    deliver(batch_id, _process_context())


@app.task(name=queues.TICK)
def tick() -> None:
    """Do beat's duties once."""
    duties.tick()
