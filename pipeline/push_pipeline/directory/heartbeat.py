"""When a duty was last done, so that somebody can notice that nobody does it."""

from sqlalchemy import Connection, select

from push_pipeline import db
from push_pipeline.models import HEARTBEAT, Heartbeat


def beat(connection: Connection, name: str, now: int) -> None:
    """Note that a duty is being done."""
    statement = db.insert_into(connection, Heartbeat).values(name=name, at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"at": now}))


def last_beat(connection: Connection, name: str) -> int | None:
    """Return when a duty was last done, or None where it never was."""
    return connection.execute(
        select(HEARTBEAT.at).where(HEARTBEAT.name == name)
    ).scalar_one_or_none()
