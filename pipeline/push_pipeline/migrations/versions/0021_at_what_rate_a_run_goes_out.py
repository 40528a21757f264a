"""How many devices a second a run is sent to that its publisher paces; no number is no bound."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pipeline_run", sa.Column("rate", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("pipeline_run", "rate")
