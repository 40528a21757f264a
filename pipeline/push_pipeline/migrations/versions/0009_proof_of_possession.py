"""Whether an app's devices are changed and removed only by who shows the token they have."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "pipeline_app_access",
        sa.Column("device_proof", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("pipeline_app_access", "device_proof")
