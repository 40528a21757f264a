"""Flower, for looking at workers and tasks and for nothing else: `python -m push_workers.flower`.

Its own read-only mode leaves the calls that send and abort tasks. Here only questions are answered.
Who asks from beyond this machine needs the operators' key, as the password of `operator`.
"""

import argparse
import os
import signal
import sys
from typing import Any, Final

from flower.app import Flower
from flower.options import default_options as options
from flower.urls import settings as site
from tornado.web import ErrorHandler

from push_pipeline.settings import get_settings

USER: Final = "operator"

#: Tasks that are kept in memory, the newest ones. Flower's own default takes a gigabyte.
MOST_TASKS: Final = 10_000

#: Of the table of tasks: what each was for stands first, before its own number.
COLUMNS: Final = "name,args,state,received,runtime,uuid,worker"

#: A table of tasks is asked for by POST, since its address would be too long.
_TABLE: Final = "/tasks/datatable"

_METHOD_NOT_ALLOWED: Final = 405

#: Of somebody else's Celery or Flower.
_FOREIGN: Final = (
    *("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"),
    "FLOWER_UNAUTHENTICATED_API",
)


class Watcher(Flower):  # type: ignore[misc]  # flower has no types
    """Flower without what changes anything."""

    def find_handler(self, request: Any, **keywords: Any) -> Any:
        """Answer questions; refuse everything else."""
        if request.method in ("GET", "HEAD") or (request.method, request.path) == ("POST", _TABLE):
            return super().find_handler(request, **keywords)
        return self.get_handler_delegate(
            request, ErrorHandler, {"status_code": _METHOD_NOT_ALLOWED}
        )


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    reader = argparse.ArgumentParser(prog="push_workers.flower")
    reader.add_argument("--address", required=True)
    reader.add_argument("--port", type=int, required=True)
    reader.add_argument("--protected", action="store_true")
    given = reader.parse_args()
    for name in _FOREIGN:
        os.environ.pop(name, None)
    options.address, options.port = given.address, given.port
    options.max_tasks, options.read_only = MOST_TASKS, True
    options.tasks_columns = COLUMNS
    if given.protected:
        options.basic_auth = [f"{USER}:{_key()}"]
    _serve()


def _key() -> str:
    key = get_settings().operator_key
    if key is None:
        raise SystemExit("PIPELINE_OPERATOR_KEY is not set")
    return key.get_secret_value()


def _serve() -> None:
    from push_workers.app import app  # noqa: PLC0415 - reads the environment that is cleaned above

    watcher = Watcher(capp=app, options=options, **site)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    watcher.start_http_server()
    print(f"Flower listens on http://{options.address}:{options.port}", flush=True)  # noqa: T201
    try:
        watcher.start()
    except (KeyboardInterrupt, SystemExit):
        watcher.stop()


if __name__ == "__main__":
    main()
