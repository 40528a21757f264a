"""How Android shows an app's pushes: by the app's code, by the system, or by both."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "pipeline_app",
        sa.Column("android_style", sa.Text(), server_default=sa.text("'data'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("pipeline_app", "android_style")
