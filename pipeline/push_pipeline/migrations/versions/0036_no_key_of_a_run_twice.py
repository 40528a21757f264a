"""SQLite gives the key of a deleted run, batch or credential to no other, as PostgreSQL does.

A worker keeps what it has read of a run, and a sender for a credential; a note of what a child
has taken names its batch. Told of another row by the same key they would be about the wrong one.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

TABLES = ("pipeline_run", "pipeline_batch", "pipeline_credential")


def upgrade() -> None:
    _rebuild(autoincrement=True)


def downgrade() -> None:
    _rebuild(autoincrement=False)


def _rebuild(*, autoincrement: bool) -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    told = {"sqlite_autoincrement": autoincrement}
    for table in TABLES:
        with op.batch_alter_table(table, recreate="always", table_kwargs=told):
            pass
