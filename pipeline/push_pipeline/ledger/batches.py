"""Batches: written by the fan-out, taken by lease, recorded slice by slice, finished once."""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    case,
    func,
    insert,
    inspect,
    select,
    true,
    update,
)

from push_pipeline.bound_rows import ROWS, as_text, recordset
from push_pipeline.db import List, any_of
from push_pipeline.devices.targets import REACHABLE, Reachable, find_targets
from push_pipeline.ledger.members import pack, pack_closely
from push_pipeline.ledger.members import unpack as unpack  # noqa: PLC0414 - exported
from push_pipeline.ledger.runs import begin_closing, end_closing
from push_pipeline.ledger.state_machine import SENDABLE
from push_pipeline.ledger.values import (
    ClosedRun,
    FoundBatch,
    NewBatch,
    Progress,
    RunMessage,
    Standing,
    Tally,
)
from push_pipeline.models import (
    APP,
    BATCH,
    CREDENTIAL,
    MESSAGE,
    RUN,
    App,
    Batch,
    Credential,
    Message,
    Run,
)
from push_pipeline.outcome import Settled
from push_pipeline.platform import VENDORS
from push_pipeline.ready import Ready, among, together


class LeaseLost(Exception):
    """Another worker has taken the batch over: what was just done must not be recorded."""


#: What is written of a new batch beside its members.
_WRITTEN = (
    *("run_id", "platform", "environment", "bulk", "size"),
    *("attempt", "doubtful", "badged", "not_before", "woken_at"),
)
_INSERT = insert(Batch).returning(BATCH.id, sort_by_parameter_order=True)
_INSERT_ONE = Ready(
    insert(Batch)
    .values({name: bindparam(name) for name in ("members", *_WRITTEN)})
    .returning(BATCH.id)
)


@cache
def _insert_at_once() -> Ready:
    """Return what inserts batches: their members are one value, since in a text bytes are twice."""
    columns = inspect(Batch).columns
    first, length, *told = recordset(
        {"first_byte": Integer(), "bytes": Integer()}
        | {name: columns[name].type for name in _WRITTEN}
    )
    members = func.substr(bindparam("members", type_=LargeBinary()), first, length)
    # In the order of the text: the keys are given in it.
    rows = select(members, *told).order_by(first)
    statement = insert(Batch).from_select(["members", *_WRITTEN], rows)
    return Ready(statement.returning(BATCH.id))


def insert_batches(
    connection: Connection, new: Sequence[NewBatch], woken_at: int | None, *, closely: bool = False
) -> list[int]:
    """Write batch rows and return their keys, in order.

    `closely`: their members in few bytes, which the release before does not read.
    """
    if not new:
        return []
    packed = pack_closely if closely else pack
    members = [packed(one.members) for one in new]
    rows = [
        {
            "run_id": one.run_id,
            "platform": one.platform,
            "environment": one.environment,
            "bulk": one.bulk,
            "size": len(one.members),
            "attempt": one.attempt,
            "doubtful": one.doubtful,
            "badged": one.badged,
            "not_before": one.not_before,
            "woken_at": woken_at,
        }
        for one in new
    ]
    if len(rows) == 1:  # as the batch of most pushes is
        return [_INSERT_ONE.rows(connection, {"members": members[0], **rows[0]})[0][0]]
    if connection.dialect.name == "postgresql":
        return _insert_many(connection, rows, members)
    whole = [{"members": its, **row} for row, its in zip(rows, members, strict=True)]
    return [key for key in connection.scalars(_INSERT, whole) if key is not None]


def _insert_many(
    connection: Connection, rows: Sequence[Mapping[str, Any]], members: Sequence[bytes]
) -> list[int]:
    starts = accumulate(map(len, members), initial=1)
    told = [
        {**row, "first_byte": start, "bytes": len(its)}
        for row, its, start in zip(rows, members, starts, strict=False)
    ]
    values = {ROWS: as_text(told), "members": b"".join(members)}
    return sorted(key for (key,) in _insert_at_once().rows(connection, values))  # as they are told


_OF_ROUTE = frozenset(Standing._fields[Standing._fields.index("paused_until") :]) - {"rate"}


def provider_in_sql(environment: ColumnElement[str]) -> ColumnElement[str]:
    """Say what `platform.provider_of` says, in SQL."""
    browsers = among(environment, VENDORS)
    return case((browsers, "webpush"), (environment != "", "apns"), else_="fcm")


#: The credential that a batch goes by, where its run is joined.
ROUTE_OF_BATCH = (
    (CREDENTIAL.app_id == RUN.app_id)
    & (CREDENTIAL.provider == provider_in_sql(BATCH.environment))
    & (CREDENTIAL.environment == BATCH.environment)
)
_STANDING = {
    **{name: BATCH[name] for name in Standing._fields if hasattr(Batch, name)},
    "app_id": RUN.app_id,
    "run_state": RUN.state,
    "run_expires_at": RUN.expires_at,
    "run_audience": RUN.audience,
    "guarded": RUN.guarded,
    "rate": RUN.rate,
    "stopped_routes": RUN.stopped_routes,
    "credential_id": CREDENTIAL.id,
    "credential_version": CREDENTIAL.version,
    **{name: CREDENTIAL[name] for name in Standing._fields if name in _OF_ROUTE},
}

#: A run's message and its app, read by each process once.
_TOLD = {
    "message_id": MESSAGE.id,
    "n": RUN.n,
    "app_id": RUN.app_id,
    "due_at": RUN.due_at,
    "expires_at": RUN.expires_at,
    "ttl": MESSAGE.delivery_options["ttl"].as_integer(),
    "content": MESSAGE.content,
    "android_style": APP.android_style,
    "sdk_copy": APP.sdk_copy,
    "counts_badges": APP.counts_badges,
    "unknown_policy": func.coalesce(
        MESSAGE.delivery_options["unknownPolicy"].as_string(), APP.unknown_policy
    ),
    "push_type": MESSAGE.delivery_options["pushType"].as_string(),
    "zone": RUN.zone,
    "traceparent": MESSAGE.traceparent,
}

_FIND = Ready(
    select(
        *(_STANDING[name] for name in Standing._fields),
        *(_TOLD[name].label(f"told_{name}") for name in RunMessage._fields),
    )
    .join(Run, RUN.id == BATCH.run_id)
    .outerjoin(Credential, ROUTE_OF_BATCH)
    .outerjoin(
        Message,
        (MESSAGE.id == RUN.message_id)
        & ~any_of(RUN.id, bindparam("known_runs", type_=List(BigInteger))),
    )
    .outerjoin(App, APP.id == MESSAGE.app_id)
    .where(BATCH.id == bindparam("batch_id"))
)

_OURS = (
    BATCH.id == bindparam("batch_id"),
    BATCH.claims == bindparam("claim"),
    BATCH.finished_at.is_(None),
)

_TAKE_ROW = (
    update(Batch)
    .where(*_OURS)
    .values(
        claims=BATCH.claims + 1,
        stalls=BATCH.stalls + 1,
        lease_until=bindparam("new_lease_until"),
        doubt_end=bindparam("new_doubt_end"),
    )
)
_TAKE = Ready(_TAKE_ROW)

_TAKEN = _TAKE_ROW.returning(BATCH.id).cte("taken")
_THERE = REACHABLE.subquery("there")
# No row where it is another's; one without a kind where no device is there any more.
_TAKE_AND_READ = Ready(select(*_THERE.c).select_from(_TAKEN.outerjoin(_THERE, true())))


_COUNTERS = (*Settled, "moved", "resent")

_RECORD_ROW = (
    update(Batch)
    .where(*_OURS, BATCH.settled == bindparam("seen_settled"))
    .values(
        **{name: BATCH[name] + bindparam(f"plus_{name}") for name in _COUNTERS},
        **{name: bindparam(f"new_{name}") for name in Progress._fields},
    )
)


# Whoever ends the run in the same transaction locks it before the batch, as cancel does.
_RUN_LOCKED = select(RUN.id).where(RUN.id == bindparam("locked_run")).with_for_update()
_RECORD = Ready(_RECORD_ROW)
# As it was when the batch was taken: its run may be sent, and nobody has closed its route since.
_AS_IT_WAS = (
    select(RUN.id)
    .join(Credential, CREDENTIAL.id == bindparam("credential_id"))
    .where(
        RUN.id == BATCH.run_id,
        among(RUN.state, SENDABLE),
        RUN.stopped_routes.is_(None),
        CREDENTIAL.paused_until.is_not_distinct_from(bindparam("seen_until", type_=BigInteger)),
        CREDENTIAL.held_reason.is_not_distinct_from(bindparam("seen_hold", type_=Text)),
    )
    .correlate(Batch)
)
_RECORD_AND_GO_ON = Ready(_RECORD_ROW.where(_AS_IT_WAS.exists()))
_RECORD_WITH_RUN = Ready(_RECORD_ROW.where(BATCH.run_id == _RUN_LOCKED.scalar_subquery()))


def find_batch(
    connection: Connection, batch_id: int, known_runs: Collection[int] = ()
) -> FoundBatch | None:
    """Read a batch with what decides its fate, or None where it does not exist.

    Its run's message comes along, save of runs that are known already.
    """
    asked = {"batch_id": batch_id, "known_runs": known_runs}
    rows = _FIND.rows(connection, asked)
    if not rows:
        return None
    size = len(Standing._fields)
    standing, told = Standing._make(rows[0][:size]), RunMessage._make(rows[0][size:])
    return FoundBatch(standing, None if told.message_id is None else told)


def take(connection: Connection, batch: Standing, *, lease_until: int, doubt_end: int) -> bool:
    """Take a batch by lease and note the slice that is about to be sent.

    False where another worker was faster: the claim number that we saw is no longer there.
    """
    return _TAKE.count(connection, _taken(batch, lease_until, doubt_end)) == 1


def take_and_read(
    connection: Connection,
    batch: Standing,
    *,
    lease_until: int,
    doubt_end: int,
    keys: Sequence[int],
    now: int,
) -> list[Reachable] | None:
    """Take a batch as `take` does, and read its devices; None where another worker was faster.

    One statement on PostgreSQL.
    """
    if connection.dialect.name != "postgresql":
        taken = take(connection, batch, lease_until=lease_until, doubt_end=doubt_end)
        return find_targets(connection, keys, now) if taken else None
    values = {**_taken(batch, lease_until, doubt_end), "keys": keys, "now": now}
    rows = _TAKE_AND_READ.rows(connection, values)
    return [Reachable._make(row) for row in rows if row[0] is not None] if rows else None


def _taken(batch: Standing, lease_until: int, doubt_end: int) -> dict[str, Any]:
    return {
        "batch_id": batch.id,
        "claim": batch.claims,
        "new_lease_until": lease_until,
        "new_doubt_end": doubt_end,
    }


_GIVE_BACK = (
    update(Batch)
    .where(*_OURS)
    .values(
        lease_until=None,
        woken_at=None,
        stalls=bindparam("old_stalls"),
        doubt_end=bindparam("old_doubt_end"),
        not_before=bindparam("new_not_before"),
    )
)


def give_back(connection: Connection, batch: Standing, claim: int, not_before: int) -> None:
    """Put a batch that was taken and not sent to back as it was, until a time.

    Nothing of it is in doubt that was not before. Who was overtaken changes nothing.
    """
    values = {
        "batch_id": batch.id,
        "claim": claim,
        "old_stalls": batch.stalls,
        "old_doubt_end": batch.doubt_end,
        "new_not_before": not_before,
    }
    connection.execute(_GIVE_BACK, values)


_NOTE_BADGED = update(Batch).where(*_OURS).values(badged=bindparam("new_badged"))


def note_badged(connection: Connection, batch_id: int, claim: int, badged: int) -> None:
    """Note that the badges of the members before `badged` are changed.

    Raises:
        LeaseLost: the claim is no longer ours; the transaction must be rolled back.
    """
    values = {"batch_id": batch_id, "claim": claim, "new_badged": badged}
    if connection.execute(_NOTE_BADGED, values).rowcount != 1:
        raise LeaseLost


_PROGRESS = select(*(BATCH[name] for name in Progress._fields)).where(
    BATCH.id == bindparam("batch_id"), BATCH.claims == bindparam("claim")
)


def find_progress(connection: Connection, batch_id: int, claim: int) -> Progress | None:
    """Read where a batch stands, or None where the claim is no longer ours."""
    row = connection.execute(_PROGRESS, {"batch_id": batch_id, "claim": claim}).one_or_none()
    return None if row is None else Progress._make(row)


def record(
    connection: Connection,
    batch_id: int,
    seen: tuple[int, int],
    tally: Tally,
    progress: Progress,
    *,
    locks_run: int | None = None,
) -> None:
    """Add a slice's tally to its batch and write where the batch stands now.

    `seen` is the claim and the number of members settled before this slice. `locks_run` is for
    who goes on to end the batch's run.

    Raises:
        LeaseLost: the claim is no longer ours, or the slice is recorded already; the
            transaction must be rolled back.
    """
    values = _recorded(batch_id, seen, tally, progress)
    if locks_run is not None:
        values["locked_run"] = locks_run
    statement = _RECORD if locks_run is None else _RECORD_WITH_RUN
    if statement.count(connection, values) != 1:
        raise LeaseLost


def record_and_close(
    connection: Connection, batch: Standing, seen: tuple[int, int], tally: Tally, progress: Progress
) -> ClosedRun | None:
    """Record the last slice of a batch that is its whole run, and end the run with it.

    Raises:
        LeaseLost: as `record`.
    """
    values = {**_recorded(batch.id, seen, tally, progress), "locked_run": batch.run_id}
    now = progress.finished_at or 0
    with together(connection):
        recorded = _RECORD_WITH_RUN.send(connection, values)
        closing = begin_closing(connection, batch.run_id, now)
    if recorded.count != 1:
        raise LeaseLost
    return end_closing(connection, closing, now)


def record_and_go_on(
    connection: Connection, batch: Standing, seen: tuple[int, int], tally: Tally, progress: Progress
) -> bool:
    """Record a slice as `record` does, if the next one may be sent as when the batch was taken.

    False, and nothing is changed, where run or route is another now, or the claim is lost.
    """
    values = _recorded(batch.id, seen, tally, progress)
    values |= {
        "credential_id": batch.credential_id,
        "seen_until": batch.paused_until,
        "seen_hold": batch.held_reason,
    }
    return _RECORD_AND_GO_ON.count(connection, values) == 1


def _recorded(
    batch_id: int, seen: tuple[int, int], tally: Tally, progress: Progress
) -> dict[str, Any]:
    claim, settled_before = seen
    values: dict[str, Any] = {"batch_id": batch_id, "claim": claim, "seen_settled": settled_before}
    values |= {f"plus_{settled}": tally.ended[settled] for settled in Settled}
    values |= {"plus_moved": tally.moved, "plus_resent": tally.resent}
    return values | {f"new_{name}": value for name, value in progress._asdict().items()}


def postpone(connection: Connection, batch: Standing, not_before: int) -> None:
    """Park an untaken batch until a time, unless somebody took it meanwhile."""
    connection.execute(
        update(Batch)
        .where(BATCH.id == batch.id, BATCH.claims == batch.claims)
        .values(not_before=not_before, woken_at=None)
    )
