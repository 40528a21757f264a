"""Every Celery task, a few lines each, calling down. Arguments are ids."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from celery import Task, signals
from celery.utils.log import get_task_logger

from push_pipeline import db, queues, task_messages, tracing, turns
from push_pipeline.ledger.runs import RunView
from push_workers import tick as duties
from push_workers.app import app
from push_workers.consumer import dead_letters, prefork
from push_workers.delivery.broadcast import send_broadcast
from push_workers.delivery.deliver import deliver
from push_workers.delivery.process import Context
from push_workers.fanout import fan_out as fan_outs

logger = get_task_logger(__name__)

_context: Context | None = None
_end_traces: Callable[[], None] = tracing.nothing


def _process_context() -> Context:
    """Return this child's context, made at its first task: never in the parent, which forks."""
    global _context  # noqa: PLW0603 - one context per process is the point
    if _context is None:
        _context = Context()
    return _context


def _broadcast(run: RunView) -> bool:
    return send_broadcast(run, _process_context())


@signals.worker_init.connect
def _prepare(**_: object) -> None:
    prefork.warm_up()
    prefork.keep_apart()


@signals.worker_process_init.connect
def _trace(**_: object) -> None:
    global _end_traces  # noqa: PLW0603 - as the context
    _end_traces = tracing.start("push-pipeline-worker")


@signals.worker_process_shutdown.connect
def _close(**_: object) -> None:
    if _context is not None:
        _context.close()
    _end_traces()
    db.dispose()


def _by_key(work: Callable[[int], bool]) -> Callable[..., None]:
    """Run a task whose one argument is a row's key; keep the message if it is anything else.

    The message of a key that has a turn does what is next in its queue.
    """

    @functools.wraps(work)
    def run(task: Task, *args: Any, **keywords: Any) -> None:
        if len(args) == 1 and type(args[0]) is int and not keywords:
            turns.serve(args[0], _following(task, args[0]), work)
        else:
            dead_letters.keep(work.__name__, "has other arguments than one key", repr(args))

    return run


def _following(task: Task, key: int) -> Iterable[int]:
    if task.request.get(task_messages.IN_TURN):
        return queues.following(task.request.delivery_info["routing_key"])
    app_id = task.request.get(task_messages.OF_APP)
    if isinstance(app_id, str) and queues.enlist(queues.PUBLISH, app_id, key):
        return queues.following(queues.PUBLISH)
    return ()


@app.task(name=queues.FAN_OUT, bind=True, typing=False)
@_by_key
def fan_out(run_id: int) -> bool:
    """Write the batches of a run and wake their workers."""
    return fan_outs.fan_out(run_id, _broadcast)


@app.task(name=queues.START_RUN, bind=True, typing=False)
@_by_key
def start_run(run_id: int) -> bool:
    """Begin a run whose time has come; handed out shortly before, with an ETA.

    Its turn is among those of the queue `publish`: of what an app has for one moment, thousands
    may stand in a worker before what others publish then.
    """
    return fan_outs.start(run_id, _broadcast)


@app.task(name=queues.DELIVER["apns"], bind=True, typing=False)
@_by_key
def deliver_apns(batch_id: int) -> bool:
    """Send a batch to APNs."""
    return deliver(batch_id, _process_context())


@app.task(name=queues.DELIVER["fcm"], bind=True, typing=False)
@_by_key
def deliver_fcm(batch_id: int) -> bool:
    """Send a batch to FCM."""
    return deliver(batch_id, _process_context())


@app.task(name=queues.DELIVER["webpush"], bind=True, typing=False)
@_by_key
def deliver_webpush(batch_id: int) -> bool:
    """Send a batch to browsers."""
    return deliver(batch_id, _process_context())


@app.task(name=queues.TICK)
def tick() -> None:
    """Do beat's duties once."""
    duties.tick()
