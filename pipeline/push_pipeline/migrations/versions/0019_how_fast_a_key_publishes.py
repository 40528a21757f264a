"""How many publishes a second a key and an app may ask for; no number is no bound."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLES = ("pipeline_api_key", "pipeline_app_access")


def upgrade() -> None:
    for table in _TABLES:
        op.add_column(table, sa.Column("publish_rate", sa.Integer(), nullable=True))


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "publish_rate")
