"""Broadcast channels of Apple's, and what became of the requests to them."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pipeline_broadcast_channel",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column(
            "app_id",
            sa.Text(),
            sa.ForeignKey(
                "pipeline_app.id",
                name="pipeline_broadcast_channel_app_id_fkey",
                ondelete="CASCADE",
            ),
            nullable=False,
        ),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=True),
        sa.Column("stores", sa.Text(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("pushed_at", sa.BigInteger(), nullable=True),
        sa.UniqueConstraint(
            "app_id",
            "environment",
            "name",
            name="pipeline_broadcast_channel_app_id_environment_name_key",
        ),
    )
    op.create_table(
        "pipeline_broadcast",
        sa.Column(
            "run_id",
            _KEY,
            sa.ForeignKey(
                "pipeline_run.id", name="pipeline_broadcast_run_id_fkey", ondelete="CASCADE"
            ),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("channel_id", sa.Text(), nullable=False),
        sa.Column("stores", sa.Text(), nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("in_doubt", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("resent", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("unique_id", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
    )


def downgrade() -> None:
    op.drop_table("pipeline_broadcast")
    op.drop_table("pipeline_broadcast_channel")
