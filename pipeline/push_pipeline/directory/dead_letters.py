"""Task messages that nobody could read."""

from sqlalchemy import Connection, func, insert, select

from push_pipeline.models import DeadLetter


def keep_dead_letter(
    connection: Connection, queue: str, reason: str, body: bytes, now: int
) -> None:
    """Keep a message for an operator."""
    connection.execute(insert(DeadLetter).values(queue=queue, reason=reason, body=body, at=now))


def count_dead_letters(connection: Connection) -> int:
    """Count the dead letters."""
    return connection.execute(select(func.count()).select_from(DeadLetter)).scalar_one()
