"""Task messages that nobody could read."""

from sqlalchemy import Connection, func, insert, select

from push_pipeline.models import SetAside


def set_aside(connection: Connection, queue: str, reason: str, body: bytes, now: int) -> None:
    """Keep a message for an operator."""
    connection.execute(insert(SetAside).values(queue=queue, reason=reason, body=body, at=now))


def count_set_aside(connection: Connection) -> int:
    """Count the messages that were set aside."""
    return connection.execute(select(func.count()).select_from(SetAside)).scalar_one()
