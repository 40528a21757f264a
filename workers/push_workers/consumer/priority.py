"""How willingly a worker leaves the processor to others: `--nice`, an option as Celery's own are.

For those that serve broadcasts: where a machine has more to do than cores, a push to one device
is then not one of many that share them.
"""

import os
from typing import Any, Final

from celery import Celery, signals
from click import IntRange, Option

#: The largest: beyond it a sign of life might be late by seconds on a busy machine.
LARGEST: Final = 10

_NICE: Final = Option(
    ["--nice"], type=IntRange(0, LARGEST), default=0, help="Leave the processor to others."
)


def _lower(options: dict[str, Any], **_: object) -> None:
    """Lower this process's priority, and so that of all children that it forks."""
    if options.get("nice"):
        os.nice(options["nice"])


def install(app: Celery) -> None:
    """Give the app's worker the option."""
    app.user_options["worker"].add(_NICE)
    signals.celeryd_init.connect(_lower)
