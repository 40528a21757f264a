"""What is said to a database, also by those who speak to its driver past SQLAlchemy."""

from typing import Any

import psycopg
from sqlalchemy import event

from push_pipeline import db


def statements_from_here_on() -> list[str]:
    """Return what will be executed from here on, past SQLAlchemy as well."""
    executed: list[str] = []

    class Noting(psycopg.Cursor):
        def execute(self, query: Any, *given: Any, **how: Any) -> "Noting":
            executed.append(str(query))
            return super().execute(query, *given, **how)

    def watch(connection: Any, *_: object) -> None:
        connection.cursor_factory = Noting

    if db.engine().dialect.name == "postgresql":
        event.listen(db.engine(), "checkout", watch)
    else:
        event.listen(db.engine(), "before_cursor_execute", lambda *told: executed.append(told[2]))
    return executed
