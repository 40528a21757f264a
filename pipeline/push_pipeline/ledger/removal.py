"""An app that is removed with all that it published, and what is under way beside it."""

from sqlalchemy import Connection, delete, select

from push_pipeline.ledger.retention import delete_batches, delete_deliveries
from push_pipeline.models import APP, MESSAGE, RUN, App, Message, Run

#: The runs of an app whose rows are deleted at once.
RUNS = 1_000


def find_under_way(
    connection: Connection, until: int, app_id: str | None = None
) -> tuple[str, str] | None:
    """Return app and message of a run, of an app or any, that is open and due by a time."""
    open_run = (RUN.finished_at.is_(None), RUN.due_at <= until)
    statement = select(RUN.app_id, RUN.message_id).where(*open_run).order_by(RUN.due_at).limit(1)
    if app_id is not None:
        statement = statement.where(RUN.app_id == app_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else (row.app_id, row.message_id)


def find_apps(connection: Connection, prefix: str, before: int) -> list[str]:
    """Return the ids of apps that begin so and were made before a time."""
    statement = select(APP.id).where(
        APP.id.startswith(prefix, autoescape=True), APP.created_at < before
    )
    return list(connection.scalars(statement))


def remove_some(connection: Connection, app_id: str) -> bool:
    """Delete a bounded piece of an app's ledger, then the app with all else; True: call again."""
    run_ids = list(connection.scalars(select(RUN.id).where(RUN.app_id == app_id).limit(RUNS)))
    if run_ids and (delete_deliveries(connection, run_ids) or delete_batches(connection, run_ids)):
        return True
    connection.execute(delete(Run).where(RUN.app_id == app_id))
    connection.execute(delete(Message).where(MESSAGE.app_id == app_id))
    connection.execute(delete(App).where(APP.id == app_id))
    return False
