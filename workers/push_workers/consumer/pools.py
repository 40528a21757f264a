"""The pools in which a task has its process for itself; a worker with any other does not start.

A process keeps one set of connections to the providers, used by one task at a time. Threads and
greenlets would send through it at once: answers reach the wrong task, and pushes go out twice.
"""

from typing import Any

from celery import bootsteps

#: Celery's modules of the pools that run one task at a time in a process.
ALONE_IN_ITS_PROCESS = ("celery.concurrency.prefork", "celery.concurrency.solo")


class PoolCheck(bootsteps.Step):  # type: ignore[misc]  # celery has no types
    """Ends a worker that was started with a pool in which tasks would share connections."""

    def __init__(self, worker: Any, **_: Any) -> None:
        refusal = why_refused(worker.pool_cls.__module__)
        if refusal is not None:
            raise SystemExit(refusal)


def why_refused(module: str) -> str | None:
    """Say why a worker with the pool of this module may not run, or None where it may."""
    if module in ALONE_IN_ITS_PROCESS:
        return None
    name = module.rpartition(".")[2]
    return (
        f"push-pipeline: the pool {name!r} would let tasks share a process's connections to the"
        " providers, and pushes would be lost or sent twice. Start the worker with -P prefork"
        " (what it is without -P) or -P solo."
    )
