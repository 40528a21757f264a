"""Turns for what concerns the same device or token, so that no two writers decide at once.

PostgreSQL: advisory locks for the length of the transaction. SQLite: nothing to do, since a
writing transaction is alone from its BEGIN on.
"""

import zlib
from collections.abc import Iterable

from sqlalchemy import Connection, text

#: How many turns there are. A bulk import takes nearly all of them, and each is an entry in a
#: table that PostgreSQL shares between its connections (6,400 entries by default).
STRIPES = 256

#: Keeps our advisory locks apart from those of other programs in the same database.
_NAMESPACE = 730_580

_TAKE = text(
    "SELECT pg_advisory_xact_lock(:namespace, stripe)"
    " FROM (SELECT unnest(CAST(:stripes AS int[])) AS stripe) AS wanted"
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


def _take(connection: Connection, stripes: set[int]) -> None:
    if connection.dialect.name == "postgresql" and stripes:
        connection.execute(_TAKE, {"namespace": _NAMESPACE, "stripes": sorted(stripes)})
