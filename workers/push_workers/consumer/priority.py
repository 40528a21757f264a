"""How willingly a worker's children leave the processor to others: `--nice`, as Celery's options.

For those that serve broadcasts: where a machine has more to do than cores, a push to one device
is then not one of many that share them. The parent stays as it is: it shows the sign of life.
"""

import os
from typing import Any, Final

from celery import Celery, signals
from click import IntRange, Option

#: The largest: a lease must not end because its child has no turn on a busy machine.
LARGEST: Final = 10

_NICE: Final = Option(
    ["--nice"], type=IntRange(0, LARGEST), default=0, help="Leave the processor to others."
)


class _Priority:
    """What was asked for, kept from the parent's start until each child's."""

    def __init__(self) -> None:
        self._nice = 0

    def note(self, options: dict[str, Any], **_: object) -> None:
        """Keep what the worker was told."""
        self._nice = options.get("nice") or 0

    def lower(self, **_: object) -> None:
        """Lower the priority of this child."""
        if self._nice:
            os.nice(self._nice)


_priority = _Priority()


def install(app: Celery) -> None:
    """Give the app's worker the option."""
    app.user_options["worker"].add(_NICE)
    signals.celeryd_init.connect(_priority.note)
    signals.worker_process_init.connect(_priority.lower)
