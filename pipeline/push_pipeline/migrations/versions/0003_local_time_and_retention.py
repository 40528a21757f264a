"""Waves by time zone, and what the tick needs to delete what is old."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: Messages that ended before this column existed: when their last run did, or as they began.
_WHEN_ENDED = """
UPDATE pipeline_message SET ended_at = COALESCE(
    (SELECT max(run.finished_at) FROM pipeline_run AS run
     WHERE run.message_id = pipeline_message.id), created_at
) WHERE state <> 'scheduled'
"""


def upgrade() -> None:
    op.add_column(
        "pipeline_app",
        sa.Column("time_zone", sa.Text(), server_default=sa.text("'UTC'"), nullable=False),
    )
    op.add_column("pipeline_device", sa.Column("zone_before", sa.Text(), nullable=True))
    op.add_column("pipeline_device", sa.Column("zone_since", sa.BigInteger(), nullable=True))
    op.add_column("pipeline_run", sa.Column("zone", sa.Text(), nullable=True))
    no = sa.false()
    op.add_column(
        "pipeline_run", sa.Column("zone_default", sa.Boolean(), server_default=no, nullable=False)
    )
    op.add_column("pipeline_message", sa.Column("ended_at", sa.BigInteger(), nullable=True))
    op.execute(_WHEN_ENDED)
    _index("pipeline_run_finished", "pipeline_run", ["finished_at"], "finished_at IS NOT NULL")
    _index("pipeline_message_ended", "pipeline_message", ["ended_at"], "ended_at IS NOT NULL")
    op.create_index("pipeline_set_aside_at", "pipeline_set_aside", ["at"])


def downgrade() -> None:
    op.drop_index("pipeline_set_aside_at", "pipeline_set_aside")
    op.drop_index("pipeline_message_ended", "pipeline_message")
    op.drop_index("pipeline_run_finished", "pipeline_run")
    op.drop_column("pipeline_message", "ended_at")
    op.drop_column("pipeline_run", "zone_default")
    op.drop_column("pipeline_run", "zone")
    op.drop_column("pipeline_device", "zone_since")
    op.drop_column("pipeline_device", "zone_before")
    op.drop_column("pipeline_app", "time_zone")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    part = sa.text(where)
    op.create_index(name, table, columns, postgresql_where=part, sqlite_where=part)
