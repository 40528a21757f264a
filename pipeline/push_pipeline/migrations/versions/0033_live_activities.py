"""Live Activities: what was said of each last, and where it is reached on which device."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ENDED = sa.text("ended_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "pipeline_activity",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("activity_id", sa.Text(), nullable=False),
        sa.Column("attributes_type", sa.Text(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("stamped_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("urgent_since", sa.BigInteger(), nullable=True),
        sa.Column("urgent_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_open", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["pipeline_app.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("app_id", "activity_id"),
    )
    op.create_index("pipeline_activity_touched", "pipeline_activity", ["updated_at"])
    op.create_table(
        "pipeline_activity_address",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("device_key", BIG_KEY, nullable=False),
        sa.Column("activity_key", BIG_KEY, nullable=True),
        sa.Column("attributes_type", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("frequent", sa.Boolean(), nullable=True),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["app_id"], ["pipeline_app.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["device_key"], ["pipeline_device.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["activity_key"], ["pipeline_activity.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("activity_key", "device_key"),
        sa.UniqueConstraint("app_id", "token"),
    )
    op.create_index("pipeline_activity_address_device", "pipeline_activity_address", ["device_key"])
    op.create_index(
        "pipeline_activity_address_ended",
        "pipeline_activity_address",
        ["ended_at"],
        postgresql_where=ENDED,
        sqlite_where=ENDED,
    )


def downgrade() -> None:
    op.drop_table("pipeline_activity_address")
    op.drop_table("pipeline_activity")
