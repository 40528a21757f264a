"""Channels, made the first time somebody names them."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from pipeline import db
from pipeline.models import CHANNEL, Channel


def ensure_channels(
    connection: Connection, app_id: str, names: Sequence[str], now: int
) -> dict[str, int]:
    """Return the keys of channels by name, creating those that do not exist."""
    found = _find(connection, app_id, names)
    missing = [name for name in dict.fromkeys(names) if name not in found]
    if missing:
        rows = [{"app_id": app_id, "name": name, "created_at": now} for name in missing]
        connection.execute(db.insert_into(connection, Channel).on_conflict_do_nothing(), rows)
        found = _find(connection, app_id, names)
    return found


def _find(connection: Connection, app_id: str, names: Sequence[str]) -> dict[str, int]:
    statement = select(CHANNEL.name, CHANNEL.id).where(
        CHANNEL.app_id == app_id, db.any_of(CHANNEL.name, list(names))
    )
    return {name: key for name, key in connection.execute(statement) if key is not None}
