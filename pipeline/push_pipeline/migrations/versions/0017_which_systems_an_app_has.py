"""Which systems an app has devices of: what is too large for one is refused only where it is."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ACTIVE = sa.text("state = 'active'")


def upgrade() -> None:
    op.create_index(
        "pipeline_device_in_service",
        "pipeline_device",
        ["app_id", "platform"],
        postgresql_where=_ACTIVE,
        sqlite_where=_ACTIVE,
    )


def downgrade() -> None:
    op.drop_index("pipeline_device_in_service", "pipeline_device")
