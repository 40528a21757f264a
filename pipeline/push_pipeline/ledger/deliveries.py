"""Deliveries: what became of each device, written in bulk and read as a stream.

Written here are rows: of who was not accepted, and of who was where no block says so (`accepted`).
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import OperationalError

from push_pipeline import db
from push_pipeline.clock import iso
from push_pipeline.ledger.accepted import accepted_of_devices, accepted_of_runs
from push_pipeline.ledger.values import Ended, Settlement
from push_pipeline.models import DELIVERY, DEVICE, RUN, Delivery, Run
from push_pipeline.outcome import Settled

_ALIKE = Settlement._fields[:-1]

_COPY = f"COPY {Delivery.__tablename__} ({', '.join(_ALIKE)}, device_key, provider_id) FROM STDIN"

_INSERT = insert(Delivery)

#: What PostgreSQL's COPY text format needs escaped. Reasons and ids are a provider's words.
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": ""})


def insert_deliveries(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Write deliveries in one go: COPY on PostgreSQL, one prepared INSERT on SQLite.

    COPY costs a tenth of the fastest INSERT, and is the reason why rows are written per slice.
    A single row is an INSERT, which is one round trip instead of three.
    """
    if not settlements:
        return
    if sum(len(one.devices) for one in settlements) == 1:
        (row,) = (row for one in settlements for row in _rows(one))
        connection.execute(_INSERT, row)
    elif connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        try:
            with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write("".join(map(_copy_lines, settlements)))
        except connection.dialect.loaded_dbapi.OperationalError as error:
            raise OperationalError(_COPY, None, error) from error  # as SQLAlchemy would
    else:
        connection.execute(_INSERT, [row for one in settlements for row in _rows(one)])


def _copy_lines(settlement: Settlement) -> str:
    run_id, outcome, reason, attempts, settled_at, devices = settlement
    alike = f"{run_id}\t{outcome}\t{_copy_text(reason)}\t{attempts}\t{settled_at}\t"
    if _are_plain([identity for _, identity in devices]):
        return "".join([f"{alike}{key}\t{identity}\n" for key, identity in devices])
    return "".join([f"{alike}{key}\t{_copy_text(identity)}\n" for key, identity in devices])


def _are_plain(identities: list[str | None]) -> bool:
    """Tell of all ids at once whether each stands in a line as it is: nearly all do."""
    if None in identities:
        return False
    together = "".join(cast("list[str]", identities))
    return together.isprintable() and "\\" not in together


def _copy_text(value: str | None) -> str:
    return "\\N" if value is None else value.translate(_COPY_ESCAPES)


def _rows(settlement: Settlement) -> Iterator[dict[str, Any]]:
    alike = dict(zip(_ALIKE, settlement, strict=False))
    for key, identity in settlement.devices:
        yield {**alike, "device_key": key, "provider_id": identity}


#: What is told of a delivery.
_ENDED = select(
    DELIVERY.run_id,
    DELIVERY.device_key,
    RUN.message_id,
    RUN.n,
    DELIVERY.outcome,
    DELIVERY.reason,
    DELIVERY.provider_id,
    DELIVERY.attempts,
    DELIVERY.settled_at,
).join(Run, RUN.id == DELIVERY.run_id)

#: Rows read from the database at once while exporting.
EXPORT_PAGE = 5_000

_place = attrgetter("run_id", "device_key")


def export(
    connection: Connection, message_id: str, only: str | None = None
) -> Iterator[dict[str, Any]]:
    """Stream what became of every device of a message, in the order of its runs and devices.

    Devices whose outcome is still open have no row yet. Tokens are never part of it.
    """
    ended = read_ended(connection, message_id, only)
    while page := list(islice(ended, EXPORT_PAGE)):
        yield from _views(connection, page)


def read_ended(connection: Connection, message_id: str, only: str | None = None) -> Iterator[Ended]:
    """Stream how every device of a message ended, from rows and blocks alike, in their order."""
    runs = select(RUN.id, RUN.audience).where(RUN.message_id == message_id).order_by(RUN.id)
    for run_ids in small_ones_together(list(connection.execute(runs)), EXPORT_PAGE):
        with_rows = _ended_of_runs(connection, run_ids, only)
        if only not in (None, Settled.ACCEPTED):
            yield from with_rows
        else:
            yield from merge(with_rows, accepted_of_runs(connection, run_ids), key=_place)


def small_ones_together(runs: Iterable[tuple[int, int]], most: int) -> Iterator[list[int]]:
    """Put runs that follow each other together: so many devices in all, or one run alone.

    So that neither a run of millions is read at once, nor thousands of runs one by one.
    """
    found: list[int] = []
    devices = 0
    for run_id, audience in runs:
        devices += max(audience, 1)
        if found and devices > most:
            yield found
            found, devices = [], max(audience, 1)
        found.append(run_id)
    if found:
        yield found


def _ended_of_runs(
    connection: Connection, run_ids: Sequence[int], only: str | None
) -> Iterable[Ended]:
    # By the run's own key, and in an order only where it is one run: asked for a message's runs in
    # their order, PostgreSQL reads the ledger of all others to have it.
    statement = _ENDED if only is None else _ENDED.where(DELIVERY.outcome == only)
    if len(run_ids) > 1:
        some = connection.execute(statement.where(db.any_of(DELIVERY.run_id, run_ids)))
        return sorted(map(Ended._make, some), key=_place)
    of_one = statement.where(DELIVERY.run_id == run_ids[0]).order_by(DELIVERY.device_key)
    return map(Ended._make, connection.execute(of_one.execution_options(yield_per=EXPORT_PAGE)))


#: Runs that are looked at for the deliveries of a device: by device there is no index, which
#: each delivery would have to pay for.
RUNS_LOOKED_AT = 1_000

#: Runs of all apps, the newest, among which those of one app are looked for.
_RUNS_OF_ALL = 10_000


def deliveries_of(
    connection: Connection, app_id: str, keys: Sequence[int], message_ids: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what became of devices, the newest runs first: at a cost that is bounded.

    Looked at are the newest runs of these messages, and the newest of the app: what was
    delivered by older ones, to a channel or to everybody, is not found.
    """
    of_messages = select(RUN.id).where(db.any_of(RUN.message_id, message_ids))
    newest = select(func.max(RUN.id)).scalar_subquery()
    of_app = select(RUN.id).where(RUN.app_id == app_id, RUN.id > newest - _RUNS_OF_ALL)
    runs = {
        key
        for looked_at in (of_messages, of_app)
        for key in connection.scalars(looked_at.order_by(RUN.id.desc()).limit(RUNS_LOOKED_AT))
    }
    if not runs or not keys:
        return []
    statement = _ENDED.where(
        db.any_of(DELIVERY.run_id, sorted(runs)), db.any_of(DELIVERY.device_key, keys)
    )
    ended = [Ended._make(row) for row in connection.execute(statement)]
    ended += accepted_of_devices(connection, sorted(runs), keys)
    ended.sort(key=lambda one: (-one.run_id, one.device_key))
    views = _views(connection, ended)
    return [{"messageId": one.message_id, **view} for one, view in zip(ended, views, strict=True)]


def _views(connection: Connection, ended: Sequence[Ended]) -> Iterator[dict[str, Any]]:
    """Tell how devices ended, those that are no longer there without their id."""
    there = select(DEVICE.id, DEVICE.device_id, DEVICE.platform).where(
        db.any_of(DEVICE.id, [one.device_key for one in ended])
    )
    devices = {key: (device_id, os) for key, device_id, os in connection.execute(there)}
    for one in ended:
        device_id, os = devices.get(one.device_key, (None, None))
        yield {
            "run": one.n,
            "deviceId": device_id,
            "os": os,
            "outcome": one.outcome,
            "reason": one.reason,
            "providerId": one.provider_id,
            "attempts": one.attempts,
            "settledAt": iso(one.settled_at),
        }
