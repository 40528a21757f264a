"""What the installation did within each minute of the last day."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_COUNTS = ("settled", "accepted", "open_batches", "oldest_wait_ms")


def upgrade() -> None:
    op.create_table(
        "pipeline_reading",
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.PrimaryKeyConstraint("at"),
    )


def downgrade() -> None:
    op.drop_table("pipeline_reading")
