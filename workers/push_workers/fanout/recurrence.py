"""The run after this one, or for a message by local time the round of waves after this one.

Written in the transaction that begins a run, so that a repeat neither ends nor doubles whatever
is killed.
"""

from datetime import time

from push_pipeline.db import Connection
from push_pipeline.devices.zones import default_zone, find_zones
from push_pipeline.ledger import due_runs
from push_pipeline.ledger.due_runs import DueRun, Later
from push_pipeline.ledger.runs import RunView
from push_pipeline.options import EVERY_CHANNEL, DeliveryOptions
from push_pipeline.options.delivery import DAY_SECONDS
from push_pipeline.queues import horizon_ms, last_tick_ms
from push_pipeline.schedule import ROUND, Firing, Wave, next_firing, plan_next_round


def write_next(connection: Connection, run: RunView, now: int) -> list[DueRun]:
    """Write what comes after a run that is beginning; return what needs a wake-up now."""
    options = run.delivery_options
    if not options.repeat_every:
        return []
    later = (
        _next_run(run, options, now)
        if run.zone is None
        else _next_round(connection, run, options, now)
    )
    horizon = now + horizon_ms()
    return due_runs.insert_later(connection, run, later, now, horizon, last_tick_ms())


def _next_run(run: RunView, options: DeliveryOptions, now: int) -> list[Later]:
    this = Firing(run.n, run.due_at)
    later = next_firing(this, options.repeat_every * 1000, options.repeat_expires_at_ms, now)
    return [] if later is None else [Later(*later)]


def _next_round(
    connection: Connection, run: RunView, options: DeliveryOptions, now: int
) -> list[Later]:
    """Plan the next round when the first wave of this one begins, for the zones of that day."""
    wall = options.publish_at_local
    if (run.n - 1) % ROUND or run.zone is None or wall is None:
        return []
    channel = None if run.channel == EVERY_CHANNEL else run.channel
    waves = plan_next_round(
        Wave(run.n, run.due_at, run.zone, run.zone_default),
        due_runs.find_waves(connection, run.message_id, run.n),
        wall if isinstance(wall, time) else wall.time(),
        options.repeat_every // DAY_SECONDS,
        default_zone(connection, run.app_id),
        find_zones(connection, run.app_id, channel, options.device_ids, options.user_ids),
        now,
    )
    return _until(waves, options.repeat_expires_at_ms)


def _until(waves: list[Wave], until: int | None) -> list[Later]:
    """Mark the waves that come after the end: their devices are not the default wave's."""
    if until is None:
        return [Later(*wave) for wave in waves]
    if all(wave.due_at > until for wave in waves):
        return []
    return [Later(*wave, skipped=wave.due_at > until) for wave in waves]
