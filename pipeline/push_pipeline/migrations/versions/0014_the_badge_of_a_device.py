"""The badge of each device, which a push sets or raises, and how far a batch has done so."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipeline_device", sa.Column("badge", sa.Integer(), nullable=True))
    op.add_column(
        "pipeline_batch",
        sa.Column("badged", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
    op.add_column(
        "pipeline_app",
        sa.Column("counts_badges", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("pipeline_app", "counts_badges")
    op.drop_column("pipeline_batch", "badged")
    op.drop_column("pipeline_device", "badge")
