"""What time the database thinks it is: leases and due times compare our clocks with each other."""

from sqlalchemy import Connection, text


def database_now(connection: Connection) -> int:
    """Return the database's clock in epoch milliseconds; on SQLite it is this machine's."""
    if connection.dialect.name == "postgresql":
        statement = text("SELECT extract(epoch FROM clock_timestamp()) * 1000")
    else:
        statement = text("SELECT (julianday('now') - 2440587.5) * 86400000")
    return int(connection.execute(statement).scalar_one())
