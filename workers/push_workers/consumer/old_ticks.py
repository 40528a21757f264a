"""Ticks that are too old when a worker comes to them: dropped, as the next one does it all.

Celery compares the time by which the host of beat wrote with this host's clock, so one whose
clock is off has all of its ticks dropped: it is named.
"""

from typing import Any

from celery import signals

from push_pipeline import queues, telemetry


def install() -> None:
    """Name what this worker drops."""
    signals.task_revoked.connect(name_host)


def name_host(request: Any = None, expired: bool = False, **_: object) -> None:
    """Say which host sent a tick that was dropped for its age."""
    if expired and request is not None and request.task == queues.TICK:
        telemetry.tick_dropped((request.origin or "").rpartition("@")[2] or "an unknown host")
