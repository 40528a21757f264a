"""What a worker counts: each child in files of its own, and a port that adds them up, if asked for.

`--metrics-port` is an option of the worker, as Celery's own are.
"""

from pathlib import Path
from typing import Any, Final

from celery import Celery, signals
from click import Option
from prometheus_client import start_http_server

from push_pipeline.metrics import counts
from push_pipeline.metrics.folder import COMMON, share_counts

_PORT: Final = Option(
    ["--metrics-port"], type=int, help="Serve what this worker and its children count."
)
_HOST: Final = Option(
    ["--metrics-host"], default="127.0.0.1", help="0.0.0.0 to be scraped from outside."
)


class _Port:
    """The port that was asked for, and what it serves, from before the fork until it listens."""

    def __init__(self) -> None:
        self._address: tuple[int, str] | None = None
        self._served: tuple[Path, str] | None = None

    def begin(self, options: dict[str, Any], **_: object) -> None:
        """Count from here on, in this process and all that are forked from it.

        A worker with a port has a group of its own: whoever takes the port next counts on there,
        so that what is scraped from it never falls.
        """
        port = options.get("metrics_port")
        group = COMMON if port is None else f"port-{port}"
        folder = share_counts(group)
        if port is not None and folder is not None:
            self._address = port, options["metrics_host"]
            self._served = folder, group

    def listen(self, **_: object) -> None:
        """Serve, now that the first children are forked: they should not hold the port."""
        if self._address is not None and self._served is not None:
            start_http_server(*self._address, registry=counts.summed(*self._served))


_port = _Port()


def install(app: Celery) -> None:
    """Give the app's worker the options, and count when it starts."""
    app.user_options["worker"].update((_PORT, _HOST))
    signals.celeryd_init.connect(_port.begin)
    signals.worker_ready.connect(_port.listen)
