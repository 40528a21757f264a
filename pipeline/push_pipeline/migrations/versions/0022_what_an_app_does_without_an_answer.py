"""What silence becomes for an app, what a resent message is of, and where a run is stopped."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_INDEX = "pipeline_message_resent"
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("pipeline_app", sa.Column("unknown_policy", sa.Text(), nullable=True))
    op.add_column("pipeline_run", sa.Column("stopped_routes", _JSON, nullable=True))
    op.add_column("pipeline_message", sa.Column("resend_of", sa.Text(), nullable=True))
    resent = sa.text("resend_of IS NOT NULL")
    op.create_index(
        _INDEX, "pipeline_message", ["resend_of"], postgresql_where=resent, sqlite_where=resent
    )


def downgrade() -> None:
    op.drop_index(_INDEX, "pipeline_message")
    op.drop_column("pipeline_message", "resend_of")
    op.drop_column("pipeline_run", "stopped_routes")
    op.drop_column("pipeline_app", "unknown_policy")
