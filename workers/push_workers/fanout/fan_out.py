"""Run → audience pages → batch rows, committed page by page with a checkpoint.

Restartable at any point: a page's batches and the checkpoint are one transaction, and the
checkpoint moves only from where this fan-out left it. Memory holds one page, whatever the
audience.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import NamedTuple

from push_pipeline import db, queues, telemetry, tracing
from push_pipeline.audience import (
    Alike,
    Selection,
    ZonePart,
    count_members,
    find_missing,
    nothing,
    read_page,
    select_for,
)
from push_pipeline.audience import Page as AudiencePage
from push_pipeline.clock import now_ms, seconds
from push_pipeline.db import Connection
from push_pipeline.devices.activity_addresses import end_addresses, note_started
from push_pipeline.directory.provider_routes import apple_environments
from push_pipeline.ledger import batches, due_runs, runs
from push_pipeline.ledger.due_runs import DueRun
from push_pipeline.ledger.runs import RunView
from push_pipeline.ledger.state_machine import RunState
from push_pipeline.ledger.values import NewBatch
from push_pipeline.options import DeliveryOptions
from push_pipeline.options.activity import ActivityAudience
from push_pipeline.options.canary import devices_of
from push_pipeline.platform import FCM_KINDS, route_environment
from push_pipeline.schedule import is_due, is_missed
from push_pipeline.settings import get_settings
from push_workers.fanout.canary import cut
from push_workers.fanout.pace import batch_limit, pace_of, page_size, spaced, would_end_late
from push_workers.fanout.recurrence import write_next

#: Subscriptions read for the first page: small, so that the first devices are sent to at once.
FIRST_PAGE = 1_000

#: Subscriptions read for every later page at the most: what a page costs beside them (statements,
#: a commit, a round trip to the broker) is little then. They are fewer where a page takes long.
PAGE = 25_000

#: Names of devices that were not there which a run keeps; a repeat keeps them each time.
NOT_FOUND_KEPT = 1_000

#: Seconds of a turn of a fan-out where others wait, and after which it lets them go first
#: unasked: what is due by the clock waits unseen, in a worker. A turn is a page at least.
TURN_SECONDS = 0.05
LONGEST_TURN_SECONDS = 0.5


class Step(NamedTuple):
    """What one page adds to the run."""

    batches: list[NewBatch]
    added: int
    cursor: int | None
    not_found: tuple[str, ...] = ()  # told with the last page
    rate: float | None = None
    canary: int | None = None
    held: bool = False  # behind it the run waits for a look
    started: tuple[int, ...] = ()  # devices that an activity is on from now on


#: Sends the one request of a run to a broadcast channel.
SendBroadcast = Callable[[RunView], bool]

NOTHING = Step([], 0, None)


class Page(NamedTuple):
    """A page that was written: the run after it, and its batches that are due with their keys."""

    run: RunView
    keys: list[int]
    due: list[NewBatch]
    held: bool = False


class Begun(NamedTuple):
    """A run after its first page here; `alone` where nothing of it is left to do here."""

    run: RunView
    alone: bool


def fan_out(run_id: int, broadcast: SendBroadcast | None = None) -> bool:
    """Write the batch rows of a run and wake their workers; continue where an earlier try ended.

    Running it twice, also at the same time, changes nothing: one of the two finds the
    checkpoint moved and leaves. Where others wait it goes back into the queue after a page, so
    that a push to one device never waits behind the pages of a broadcast. Returned is whether
    there was anything to do.

    A run for a broadcast channel has no audience: `broadcast` sends its one request.
    """
    return _fan_out(run_id, _turn_is_over, broadcast)


def start(run_id: int, broadcast: SendBroadcast | None = None) -> bool:
    """Begin a run whose time has come: its first page here and now, the others where fan-outs run.

    So a message to few devices needs no further task before it is sent, and a broadcast does
    not keep the ticks waiting.
    """
    return _fan_out(run_id, lambda *_: True, broadcast)


def _turn_is_over(passed: float, page: float) -> bool:
    if passed > LONGEST_TURN_SECONDS:
        return True
    is_late = would_end_late(passed, page, TURN_SECONDS)
    return is_late and queues.waiting_for_a_turn(queues.PUBLISH) > 0


def _fan_out(
    run_id: int, is_over: Callable[[float, float], bool], broadcast: SendBroadcast | None
) -> bool:
    began = seconds()
    begun = _begin(run_id)
    if begun is None:
        return False
    if begun.run.delivery_options.push_broadcast_channel is not None:
        return broadcast is not None and broadcast(begun.run)
    run = None if begun.alone else begun.run
    page_began = began
    with _telling() as news:
        while run is not None and run.state == RunState.FANNING:
            now = seconds()
            took, page_began = now - page_began, now
            if is_over(now - began, took):
                news.tell()
                _queue_again(run)
                return True
            page = _advance(run, news)
            run = None if page is None or page.held else page.run
    if run is not None:
        _close_if_empty(run)
    return True


class _News:
    """The wake-ups of the page that was written last, sent once."""

    def __init__(self) -> None:
        self._todo: Callable[[], None] | None = None

    def of(self, page: Page, step: Step, began: int) -> None:
        """Have a page to tell of: later, where the database can look for the next one meanwhile."""
        self._todo = partial(_tell, page, step, began)
        if not db.is_a_server():
            self.tell()

    def tell(self) -> None:
        """Send them, if there are any."""
        todo, self._todo = self._todo, None
        if todo is not None:
            todo()


@contextmanager
def _telling() -> Iterator[_News]:
    """Tell of the last page as well, and where the next one fails of the one before it."""
    news = _News()
    try:
        yield news
    finally:
        news.tell()


def _close_if_empty(run: RunView) -> None:
    with db.writing() as connection:  # no batch's end would close it
        closed = runs.close_if_done(connection, run.id, now_ms())
    if closed is not None:
        telemetry.run_closed(*closed)


def _queue_again(run: RunView) -> None:
    with db.writing() as connection:
        runs.release(connection, run, now_ms())
    queues.wake([queues.wake_for_run(run.id, run.app_id, of=run.message_id)])


def _begin(run_id: int) -> Begun | None:
    """Take the run with its first page, and write the run after it in the same transaction.

    None where there is nothing to do: it is another's, not due, or skipped.
    """
    now = now_ms()
    later: list[DueRun] = []
    with db.writing() as connection:
        run = runs.find_run(connection, run_id)
        if run is None or not may_begin(run, now):
            return None
        first_time = run.state == RunState.SCHEDULED
        if not first_time:
            queues.note_fan_out(run.id, run.lease_until, run.lease_until)
        skipped = first_time and _is_skipped(run, now)
        # Read before the run is locked: who cancels it need not wait for the page.
        whole = skipped or run.delivery_options.push_broadcast_channel is not None
        step = NOTHING if whole else _read_step(connection, run, now)
        if not _take(connection, run, now, skipped=skipped):
            return None
        if first_time:
            later = write_next(connection, run, now)
        begun = run._replace(state=RunState.FANNING)
        page = None if whole else _write(connection, begun, step, now)
    queues.wake(queues.wake_at(one.id, one.app_id, one.due_at, of=one.message_id) for one in later)
    if skipped or not (page or whole):
        return None
    if first_time and run.n == 1:
        telemetry.publish_begun(run.id, kind_of(run.delivery_options))
    if page is None:
        return Begun(begun, alone=True)
    _tell(page, step, now)
    ends = run.cursor == 0 and page.run.state == RunState.SENDING and bool(page.keys)
    alone = ends or page.held
    return Begun(page.run, alone)


def _is_skipped(run: RunView, now: int) -> bool:
    every_ms = run.delivery_options.repeat_every * 1000
    return get_settings().catch_up == "skip" and is_missed(run.due_at, every_ms, now)


def _take(connection: Connection, run: RunView, now: int, *, skipped: bool) -> bool:
    if not skipped:
        return runs.begin(connection, run, now, now + _lease_ms())
    return due_runs.skip(connection, run, now)


def kind_of(options: DeliveryOptions) -> str:
    """Say whom a message is for, in a word of few."""
    if options.push_broadcast_channel is not None:
        return "broadcast"
    if options.activity is not None:
        return "activity"
    if options.user_ids:
        return "users"
    return "devices" if options.device_ids else "channel"


def may_begin(run: RunView, now: int) -> bool:
    """Decide whether a run's fan-out may begin or be taken over now."""
    if run.state == RunState.SCHEDULED:
        return is_due(run.due_at, now)
    held = run.lease_until is not None and run.lease_until >= now
    return run.state == RunState.FANNING and not held


def _advance(run: RunView, news: _News) -> Page | None:
    """Commit one page, the news of the next; None where another has moved the checkpoint."""
    now = now_ms()
    with db.writing() as connection:
        step = _read_step(connection, run, now, news.tell)
        page = _write(connection, run, step, now)
        if page is None:
            return None
    news.of(page, step, now)
    return page


def _write(connection: Connection, run: RunView, step: Step, now: int) -> Page | None:
    moved = _move(connection, run, step, now)
    if moved is None:
        return None
    due = [one for one in step.batches if one.not_before <= now]
    closely = get_settings().members == "close"
    keys = batches.insert_batches(connection, due, woken_at=now, closely=closely)
    _note_activity(connection, moved, step, now)
    later = [one for one in step.batches if one.not_before > now]
    # The tick wakes these.
    batches.insert_batches(connection, later, woken_at=None, closely=closely)
    return Page(moved, keys, due, step.held)


def _tell(page: Page, step: Step, began: int) -> None:
    run, members = page.run, step.added
    about = {"push_pipeline.run_id": run.id, "push_pipeline.members": members}
    with tracing.work("fan out", run.trace, about, began * 1_000_000):
        telemetry.fanned_out(run.id, members, len(step.batches))
        queues.wake(
            queues.wake_for_batch(
                key, run.app_id, batch.environment, bulk=batch.bulk, of=run.message_id
            )
            for key, batch in zip(page.keys, page.due, strict=True)
        )


def _read_step(
    connection: Connection, run: RunView, now: int, meanwhile: Callable[[], None] = nothing
) -> Step:
    first = run.cursor == 0
    selection = _selection(connection, run)
    canary = _canary(connection, run, selection, now) if first else run.canary
    whole = _timed(connection, selection, run.cursor, now, meanwhile)
    page, held = cut(whole, canary, run.audience)
    bulk = run.bulk or page.cursor is not None
    default = ""
    if any(one.kind not in FCM_KINDS and not one.environment for one in page.groups):
        default = _default_environment(connection, run.app_id)
    rate = _rate(connection, run, selection, now) if first else run.rate
    planned = spaced(
        plan_batches(run._replace(rate=rate), page.groups, default, bulk=bulk, now=now),
        rate,
        run.due_at,
        run.audience,
    )
    all_at_once = first and page.size == len(selection.device_ids)
    missing: tuple[str, ...] = ()
    if page.cursor is None and not all_at_once and selection.device_ids:
        missing = find_missing(connection, replace(selection, zone=None), now)
    started = _started(run.delivery_options.activity, page.groups)
    return Step(planned, page.size, page.cursor, missing, rate, canary, held, started)


@dataclass
class _Process:
    """What this process has seen: how many subscriptions of a next page there is time for."""

    page: int = PAGE


_process = _Process()


def _timed(
    connection: Connection,
    selection: Selection,
    after: int,
    now: int,
    meanwhile: Callable[[], None],
) -> AudiencePage:
    """Read a page: the first one small, any other as large as there is time for it."""
    if not after:
        return read_page(connection, selection, after, FIRST_PAGE, now, meanwhile)
    limit = min(PAGE, _process.page)
    began = seconds()
    page = read_page(connection, selection, after, limit, now, meanwhile)
    _process.page = page_size(limit, seconds() - began)
    return page


def _started(activity: ActivityAudience | None, groups: Sequence[Alike]) -> tuple[int, ...]:
    if activity is None or not activity.starts:
        return ()
    return tuple(key for one in groups for key in one.keys)


def _note_activity(connection: Connection, run: RunView, step: Step, now: int) -> None:
    """Note whom an activity has been started on, or that it is over for all."""
    activity = run.delivery_options.activity
    if activity is None:
        return
    note_started(connection, run.app_id, activity.activity_id, step.started, now)
    if activity.ends and run.state == RunState.SENDING:
        end_addresses(connection, run.app_id, activity.activity_id, now)


def _move(connection: Connection, run: RunView, step: Step, now: int) -> RunView | None:
    done = step.cursor is None
    bulk = run.bulk or not done
    state = RunState.SENDING if done else RunState.FANNING
    lease_until = None if done else now + _lease_ms()
    if step.held:
        lease_until = run.expires_at  # nobody takes it over: an operator resumes it
    changes = {"state": state, "bulk": bulk, "lease_until": lease_until}
    changes |= {"rate": step.rate, "canary": step.canary}
    if done:
        changes["fanned_at"] = now
        changes["not_found"] = list(step.not_found[:NOT_FOUND_KEPT]) or None
        changes["not_found_count"] = len(step.not_found)
    cursor = step.cursor or run.cursor
    if not (done or step.held):
        queues.note_fan_out(
            run.id, run.lease_until, lease_until
        )  # its worker may be gone behind it
    if not runs.advance(connection, run, cursor=cursor, added=step.added, changes=changes):
        return None
    audience = run.audience + step.added
    moved = run._replace(state=state, bulk=bulk, cursor=cursor, audience=audience)
    return moved._replace(rate=step.rate, canary=step.canary, lease_until=lease_until)


def _canary(connection: Connection, run: RunView, selection: Selection, now: int) -> int | None:
    share = run.delivery_options.canary
    return None if share is None else devices_of(share, count_members(connection, selection, now))


def _rate(connection: Connection, run: RunView, selection: Selection, now: int) -> float | None:
    to = run.delivery_options
    audience = count_members(connection, selection, now) if to.over else 0
    return pace_of(to.rate, to.over, audience)


def _selection(connection: Connection, run: RunView) -> Selection:
    selection = select_for(run.app_id, run.channel, run.delivery_options)
    zone = None if run.zone is None else _zone_part(connection, run)
    return replace(selection, zone=zone)


def _zone_part(connection: Connection, run: RunView) -> ZonePart:
    waves = due_runs.find_waves(connection, run.message_id, run.n)
    as_of = min(waves.values())
    if not run.zone_default:
        return ZonePart(as_of, run.zone)
    return ZonePart(as_of, None, tuple(zone for zone in waves if zone != run.zone))


def _default_environment(connection: Connection, app_id: str) -> str:
    environments = apple_environments(connection, app_id)
    return environments[0] if environments else "production"


def plan_batches(
    run: RunView, groups: Sequence[Alike], default: str, *, bulk: bool, now: int
) -> list[NewBatch]:
    """Cut a page into batches: one platform and APNs environment each, of even sizes.

    A batch without an environment goes by FCM, whatever its platform.
    """
    routes: dict[tuple[str, str], list[array[int]]] = defaultdict(list)
    for platform, environment, kind, keys in groups:
        routes[platform, route_environment(kind, environment, default)].append(keys)
    largest = batch_limit(run.rate, get_settings().batch_size, run.audience)
    return [
        NewBatch(run.id, platform, environment, part, bulk, not_before=now)
        for (platform, environment), parts in routes.items()
        for part in cut_evenly(_merged(parts), largest)
    ]


def _merged(parts: Sequence["array[int]"]) -> "array[int]":
    return parts[0] if len(parts) == 1 else array("q", sorted(chain.from_iterable(parts)))


def cut_evenly(keys: "array[int]", largest: int) -> Iterator["array[int]"]:
    """Cut into as few parts as possible, of sizes that differ by one at the most."""
    count = -(-len(keys) // largest)
    for index in range(count):
        yield keys[index * len(keys) // count : (index + 1) * len(keys) // count]


def _lease_ms() -> int:
    return get_settings().lease_seconds * 1000
