"""Which of the devices that a message names were not in its audience."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_JSON: Any = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.add_column("pipeline_run", sa.Column("not_found", _JSON))
    count: Any = sa.Column(
        "not_found_count", sa.Integer(), nullable=False, server_default=sa.text("0")
    )
    op.add_column("pipeline_run", count)


def downgrade() -> None:
    op.drop_column("pipeline_run", "not_found_count")
    op.drop_column("pipeline_run", "not_found")
