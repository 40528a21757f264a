"""The devices of one app in the order of their keys: a push to all channels reads them so."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("pipeline_device_of_app", "pipeline_device", ["app_id", "id"])


def downgrade() -> None:
    op.drop_index("pipeline_device_of_app", "pipeline_device")
