"""Whether the database keeps what it has committed when its machine loses power."""

from sqlalchemy import Connection

#: PostgreSQL's settings by which it answers before a commit is on disk.
_SETTINGS = ("fsync", "synchronous_commit")


def what_is_lax(connection: Connection) -> list[str]:
    """Name the settings by which a commit may be lost; on SQLite the connection has its own."""
    if connection.dialect.name != "postgresql":
        return []
    shown = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in _SETTINGS}
    return [f"{name} = {value}" for name, value in shown.items() if value == "off"]
