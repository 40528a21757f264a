"""How many devices a run is sent to before somebody has had a look."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipeline_run", sa.Column("canary", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("pipeline_run", "canary")
