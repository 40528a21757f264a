"""Turns for what concerns the same device or token, so that no two writers decide at once.

PostgreSQL: advisory locks for the length of the transaction, then the rows themselves. SQLite:
a writing transaction is alone from its BEGIN on.
"""

import zlib
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Integer,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
    union,
)

from push_pipeline import db
from push_pipeline.devices.conflicts import Holder
from push_pipeline.devices.registration import Registration
from push_pipeline.models import DEVICE
from push_pipeline.ready import Ready

#: How many turns there are. A bulk import takes nearly all of them, and each is an entry in a
#: table that PostgreSQL shares between its connections (6,400 entries by default).
STRIPES = 256

#: Keeps our advisory locks apart from those of other programs in the same database.
_NAMESPACE = 730_580

_WANTED = select(
    func.unnest(cast(bindparam("stripes", type_=db.List(BigInteger)), ARRAY(Integer))).label(
        "stripe"
    )
).subquery("wanted")

_TAKE = Ready(select(func.pg_advisory_xact_lock(literal(_NAMESPACE), _WANTED.c.stripe)))

_OF_APP = select(DEVICE.id).where(DEVICE.app_id == bindparam("app"))

#: The rows that share a token or a device id with what is registered: each half by its own
#: index, which one condition with OR would not use.
_HOLDERS = Ready(
    select(DEVICE.id, DEVICE.token, DEVICE.device_id, DEVICE.user_id, DEVICE.expires_at)
    .where(
        DEVICE.id.in_(
            union(
                _OF_APP.where(db.any_of(DEVICE.token, bindparam("tokens", type_=db.List(Text)))),
                _OF_APP.where(
                    db.any_of(DEVICE.device_id, bindparam("device_ids", type_=db.List(Text)))
                ),
            )
        )
    )
    .order_by(DEVICE.id)
    .with_for_update()
)


def lock_stripes(connection: Connection, app_id: str, names: Iterable[str]) -> None:
    """Wait until nobody else writes what concerns these device ids and tokens.

    A statement of its own: what is read after it sees what the others have written. Everybody
    takes turns in the same order, so nobody waits in a circle.
    """
    lock_stripes_of_apps(connection, ((app_id, name) for name in names))


def lock_stripes_of_apps(connection: Connection, names: Iterable[tuple[str, str]]) -> None:
    """Wait as `lock_stripes` does, for device ids and tokens of several apps at once."""
    _take(
        connection, {zlib.crc32(f"{app_id}\0{name}".encode()) % STRIPES for app_id, name in names}
    )


def lock_all_stripes(connection: Connection) -> None:
    """Wait until no registration is being written."""
    _take(connection, set(range(STRIPES)))


def lock_holders(
    connection: Connection, app_id: str, registrations: Sequence[Registration]
) -> list[Holder]:
    """Lock the rows that have a device id or a token of these registrations, and return them."""
    # In the order of keys, as the workers' updates go: two that lock the same rows in
    # different orders would end in a deadlock.
    tokens = [one.token for one in registrations]
    device_ids = [one.device_id for one in registrations]
    told = {"app": app_id, "tokens": tokens, "device_ids": device_ids}
    return [Holder(*row) for row in _HOLDERS.rows(connection, told)]


def _take(connection: Connection, stripes: set[int]) -> None:
    if connection.dialect.name == "postgresql" and stripes:
        _TAKE.send(connection, {"stripes": sorted(stripes)})
