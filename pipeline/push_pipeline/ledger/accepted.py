"""Who was accepted, read from the blocks of batches, as rows of deliveries would tell it."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, select

from push_pipeline import db
from push_pipeline.ledger.batches import unpack
from push_pipeline.ledger.blocks import read_blocks
from push_pipeline.ledger.notification_id import notification_ids
from push_pipeline.ledger.values import Ended
from push_pipeline.models import BATCH, RUN, Batch, Run
from push_pipeline.outcome import Settled
from push_pipeline.platform import provider_of

#: Batches read from the database at once: some hundred kilobytes.
AT_ONCE = 50

_key = attrgetter("device_key")

_WITH_BLOCKS = (
    select(
        BATCH.run_id,
        BATCH.environment,
        BATCH.members,
        BATCH.blocks,
        BATCH.attempt,
        BATCH.first_key,
        RUN.message_id,
        RUN.n,
    )
    .select_from(Batch)
    .join(Run, RUN.id == BATCH.run_id)
    .where(BATCH.first_key.is_not(None))
)


def accepted_of_runs(connection: Connection, run_ids: Sequence[int]) -> Iterator[Ended]:
    """Stream who was accepted, in the order of runs and devices."""
    waiting: list[Ended] = []
    run_id = 0
    for row in _batches_of_runs(connection, run_ids):
        # The batches of a page overlap: those before the first member of this one are complete.
        before = len(waiting)
        if row.run_id == run_id:
            before = bisect_left(waiting, row.first_key, key=_key)
        yield from waiting[:before]
        waiting = sorted([*waiting[before:], *_accepted(row)], key=_key)
        run_id = row.run_id
    yield from waiting


def _batches_of_runs(connection: Connection, run_ids: Sequence[int]) -> Iterable[Any]:
    """Read batches in the order of runs and first keys; in that of an index only of one run."""
    if len(run_ids) > 1:
        some = connection.execute(_WITH_BLOCKS.where(db.any_of(BATCH.run_id, run_ids))).all()
        return sorted(some, key=attrgetter("run_id", "first_key"))
    of_one = _WITH_BLOCKS.where(BATCH.run_id == run_ids[0]).order_by(BATCH.first_key)
    return connection.execute(of_one.execution_options(yield_per=AT_ONCE))


def accepted_of_devices(
    connection: Connection, run_ids: Sequence[int], keys: Collection[int]
) -> Iterator[Ended]:
    """Return in which of these runs devices were accepted; read are the batches they are in."""
    for key in keys:
        statement = _WITH_BLOCKS.where(
            db.any_of(BATCH.run_id, run_ids), BATCH.first_key <= key, BATCH.last_key >= key
        )
        for row in connection.execute(statement):
            yield from _accepted(row, {key})


def _accepted(row: Any, wanted: Collection[int] | None = None) -> Iterator[Ended]:
    members = unpack(row.members)
    for block in read_blocks(row.blocks):
        keys = block.chosen(members)
        if wanted is not None:
            keys = [key for key in keys if key in wanted]
        for key, identity in zip(keys, _ids(row, keys), strict=True):
            yield Ended(
                row.run_id,
                key,
                row.message_id,
                row.n,
                Settled.ACCEPTED.value,
                None,
                identity,
                row.attempt,
                block.settled_at,
            )


def _ids(row: Any, keys: Sequence[int]) -> Sequence[str | None]:
    """Return what the provider calls the notifications: of FCM's names a block has none."""
    if provider_of(row.environment) == "apns":
        return notification_ids(row.message_id, row.n, keys)
    return [None] * len(keys)
