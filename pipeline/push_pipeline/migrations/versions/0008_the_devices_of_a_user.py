"""The devices of a user: a push to users begins with them, and so does a request to forget one."""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    known = text("user_id IS NOT NULL")
    op.create_index(
        "pipeline_device_of_user",
        "pipeline_device",
        ["app_id", "user_id"],
        postgresql_where=known,
        sqlite_where=known,
    )


def downgrade() -> None:
    op.drop_index("pipeline_device_of_user", "pipeline_device")
