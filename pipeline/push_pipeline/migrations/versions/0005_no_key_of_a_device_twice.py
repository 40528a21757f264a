"""SQLite gives the key of a removed device to no other: a batch under way holds keys.

PostgreSQL never does. A table of SQLite becomes so only by being built anew.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _rebuild(autoincrement=True)


def downgrade() -> None:
    _rebuild(autoincrement=False)


def _rebuild(*, autoincrement: bool) -> None:
    if op.get_bind().dialect.name == "sqlite":
        told = {"sqlite_autoincrement": autoincrement}
        with op.batch_alter_table("pipeline_device", recreate="always", table_kwargs=told):
            pass
