"""Who did what in the console; written in the transaction of the deed where there is one."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from push_pipeline import db
from push_pipeline.models import AUDIT, AuditEntry

#: Entries of a page.
PAGE = 100


class Deed(NamedTuple):
    """What somebody did, to what, and when (epoch milliseconds)."""

    id: int
    at: int
    user_name: str
    app_id: str
    action: str
    subject: str


def note_deed(
    connection: Connection, now: int, who: str, app_id: str, action: str, subject: str
) -> None:
    """Note what somebody does. `subject` is an id, never a text or a token."""
    values = {"at": now, "user_name": who, "app_id": app_id, "action": action, "subject": subject}
    connection.execute(insert(AuditEntry).values(**values))


#: In the place of a name that was erased.
FORGOTTEN = "(forgotten)"


def forget_in_deeds(connection: Connection, app_id: str, names: Collection[str]) -> None:
    """Take the names of devices or users out of what was done to them; that it was done stays."""
    named = (AUDIT.app_id == app_id, db.any_of(AUDIT.subject, tuple(names)))
    connection.execute(update(AuditEntry).where(*named).values(subject=FORGOTTEN))


def list_deeds(
    connection: Connection, app_id: str, before: int | None = None, *, of_no_app: bool = True
) -> list[Deed]:
    """Return the newest deeds in an app, and of no app; `before` is the id where a page ended."""
    apps = ["", app_id] if of_no_app else [app_id]
    statement = select(
        AUDIT.id, AUDIT.at, AUDIT.user_name, AUDIT.app_id, AUDIT.action, AUDIT.subject
    ).where(AUDIT.app_id.in_(apps))
    if before is not None:
        statement = statement.where(AUDIT.id < before)
    rows = connection.execute(statement.order_by(AUDIT.id.desc()).limit(PAGE))
    return [Deed(*row) for row in rows]
