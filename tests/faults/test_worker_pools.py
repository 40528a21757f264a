"""A worker whose pool would let tasks share connections to the providers does not start."""

from collections.abc import Callable

from celery.concurrency import ALIASES

from push_pipeline.settings import Settings
from push_workers.consumer.pools import why_refused
from tests.processes import Process
from tests.running import PYTHON


def test_only_pools_that_run_a_task_alone_in_its_process_are_taken() -> None:
    modules = {name: path.partition(":")[0] for name, path in ALIASES.items() if path}

    taken = {name for name, module in modules.items() if why_refused(module) is None}

    assert taken == {"prefork", "processes", "solo"}
    assert {"gevent", "eventlet", "threads"} <= modules.keys()


def test_a_worker_with_a_pool_of_threads_ends_with_a_reason(
    spawn: Callable[..., Process],
    configure: Callable[..., Settings],
    sqlite_url: str,
    broker_url: str,
) -> None:
    configure(database_url=sqlite_url, broker_url=broker_url, secret_key="a secret of the tests")
    worker = spawn(
        PYTHON, "-m", "celery", "-A", "push_workers.app", "worker", "-P", "threads", "-Q", "apns"
    )

    assert worker.wait() == 1
    assert "'thread' would let tasks share" in worker.output
    assert "-P prefork" in worker.output
    assert "Traceback" not in worker.output
