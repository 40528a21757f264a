"""Which members of a batch were accepted, in its own row, and between which keys its members are.

Nothing is rewritten: what was settled before keeps its rows, and readers read both. A release of
before goes on with a batch by its other columns, and writes rows for what it settles itself.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipeline_batch", sa.Column("blocks", sa.LargeBinary(), nullable=True))
    op.add_column("pipeline_batch", sa.Column("first_key", sa.BigInteger(), nullable=True))
    op.add_column("pipeline_batch", sa.Column("last_key", sa.BigInteger(), nullable=True))
    with_blocks = sa.text("first_key IS NOT NULL")
    op.create_index(
        "pipeline_batch_keys",
        "pipeline_batch",
        ["run_id", "first_key", "last_key"],
        postgresql_where=with_blocks,
        sqlite_where=with_blocks,
    )


def downgrade() -> None:
    op.drop_index("pipeline_batch_keys", "pipeline_batch")
    for name in ("last_key", "first_key", "blocks"):
        op.drop_column("pipeline_batch", name)
