"""Whether an app's devices on Apple's systems need the copy of the text for the SDK."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column: Any = sa.Column("sdk_copy", sa.Boolean(), nullable=False, server_default=sa.true())
    op.add_column("pipeline_app", column)


def downgrade() -> None:
    op.drop_column("pipeline_app", "sdk_copy")
