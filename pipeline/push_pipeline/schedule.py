"""When a run is due, which one comes after it, and when a repeat ends; pure.

Run n of a message is due at start + (n - 1) * every, whatever happened in between, so that a
repeat never drifts. What was missed while everything was down is made up for once at the most.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: Milliseconds. A wake-up that comes this much early is not sent back to wait.
EARLY_MS = 50

#: Numbers of one round of waves: more than there are time zones.
ROUND = 1_000


class Firing(NamedTuple):
    """One run of a message by its number and its time in epoch milliseconds."""

    n: int
    due_at: int


class Wave(NamedTuple):
    """One run of a message that goes by the devices' own clocks: for one time zone.

    A repeat has one round of waves after the other, numbered from one, from 1001, and so on.
    The one of the app's zone is the `default`: also for devices of which no zone is known, or
    whose zone has no wave.
    """

    n: int
    due_at: int
    zone: str
    default: bool


def is_due(due_at: int, now: int) -> bool:
    """Tell whether a run may begin now."""
    return due_at <= now + EARLY_MS


def next_firing(this: Firing, every_ms: int, until: int | None, now: int) -> Firing | None:
    """Return the run after this one, or None where the repeat ends.

    Runs whose time has passed by `now` are left out: the one that begins late makes up for all
    of them. A run whose time is `until` exactly still happens.
    """
    if every_ms <= 0:
        return None
    missed = max(0, (now - this.due_at) // every_ms)
    later = Firing(this.n + 1 + missed, this.due_at + (1 + missed) * every_ms)
    return None if until is not None and later.due_at > until else later


def is_missed(due_at: int, every_ms: int, now: int) -> bool:
    """Tell whether a repeat's run is so late that its successor is due already."""
    return every_ms > 0 and now >= due_at + every_ms


def plan_waves(
    wall: time | datetime, default: str, zones: Iterable[str], now_ms: int
) -> list[Wave]:
    """Return one wave for each zone, in the order of their times, numbered from one."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    due = {name: wall_due(wall, ZoneInfo(name), now) for name in {default, *zones}}
    return _in_order(due, default, 0)


def plan_next_round(
    first: Wave,
    due_at: Mapping[str, int],
    clock: time,
    days: int,
    default: str,
    zones: Iterable[str],
    now_ms: int,
) -> list[Wave]:
    """Return the waves of the round after that of `first`, which is just beginning.

    Each zone's date is so many days after its last one, so that the clock at the wall shows the
    same time again, whatever the zone's offset has become. Rounds that were missed are left
    out. `due_at` is when the zones of this round are due; a zone that has none yet takes the
    date of `first`.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    begun = _nominal_date(first.due_at, first.zone, clock)
    rounds = 1
    while _on(begun + timedelta(days=days * rounds), clock, first.zone) <= now:
        rounds += 1
    last = {name: _nominal_date(at, name, clock) for name, at in due_at.items()}
    later = timedelta(days=days * rounds)
    due = {
        name: max(now, _on(last.get(name, begun) + later, clock, name))
        for name in {default, *zones}
    }
    return _in_order(due, default, round_of(first.n) + rounds)


def round_of(n: int) -> int:
    """Return which round a wave's number belongs to, counted from zero."""
    return (n - 1) // ROUND


def firing_of(n: int, zone: str | None) -> int:
    """Return which firing of its message a run is, from one; the waves of a round are one."""
    return n if zone is None else round_of(n) + 1


def _in_order(due: Mapping[str, datetime], default: str, number: int) -> list[Wave]:
    ordered = sorted(due, key=lambda name: (due[name], name != default, name))
    return [
        Wave(n, round(due[name].timestamp() * 1000), name, name == default)
        for n, name in enumerate(ordered, start=number * ROUND + 1)
    ]


def _nominal_date(due_at: int, zone: str, clock: time) -> date:
    """Return the date that a wave was for: the last one on which the clock was to show it."""
    local = datetime.fromtimestamp(due_at / 1000, ZoneInfo(zone))
    passed = local.time() >= clock  # not, where a gap of the clock lasted over midnight
    return local.date() if passed else local.date() - timedelta(days=1)


def _on(day: date, clock: time, zone: str) -> datetime:
    return moment_of(datetime.combine(day, clock), ZoneInfo(zone))


def wall_due(wall: time | datetime, zone: tzinfo, now: datetime) -> datetime:
    """Return when a wall clock in `zone` shows `wall` next.

    A date whose time has passed in this zone already is due now: nobody is left out.
    """
    if isinstance(wall, datetime):
        return max(now, moment_of(wall, zone))
    return local_due(wall, zone, now)


def local_due(wall: time, zone: tzinfo, now: datetime) -> datetime:
    """Return the next moment at which a wall clock in `zone` shows `wall`.

    An hour that the clock skips: the first moment after the gap. An hour that it shows twice:
    the first time.
    """
    today = now.astimezone(zone).date()
    for day in (today, today + timedelta(days=1), today + timedelta(days=2)):
        due = moment_of(datetime.combine(day, wall), zone)
        if due > now:
            return due
    raise AssertionError("one of three days lies ahead")


def moment_of(wall: datetime, zone: tzinfo) -> datetime:
    """Return when a clock in `zone` shows `wall`: the first time, or the end of a gap over it."""
    first = wall.replace(tzinfo=zone, fold=0)
    before, after = first.utcoffset(), wall.replace(tzinfo=zone, fold=1).utcoffset()
    if before is not None and after is not None and after > before:
        # A gap: the clock goes from `wall` minus something to `wall` plus something. With the
        # offset from before the gap, `wall` lies as far behind the gap's end as it lay behind
        # its beginning; the gap's end itself is what was promised.
        return _end_of_gap(wall, zone)
    return first.astimezone(zone)


def _end_of_gap(wall: datetime, zone: tzinfo) -> datetime:
    step = wall.replace(second=0, microsecond=0)
    while True:
        step += timedelta(minutes=1)
        early, late = (step.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
        if early == late or (early is not None and late is not None and late < early):
            return step.replace(tzinfo=zone)
