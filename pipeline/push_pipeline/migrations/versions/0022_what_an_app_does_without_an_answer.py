"""What an app's deliveries without an answer become, and which message a resent one is of."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_INDEX = "pipeline_message_resent"


def upgrade() -> None:
    op.add_column("pipeline_app", sa.Column("unknown_policy", sa.Text(), nullable=True))
    op.add_column("pipeline_message", sa.Column("resend_of", sa.Text(), nullable=True))
    resent = sa.text("resend_of IS NOT NULL")
    op.create_index(
        _INDEX, "pipeline_message", ["resend_of"], postgresql_where=resent, sqlite_where=resent
    )


def downgrade() -> None:
    op.drop_index(_INDEX, "pipeline_message")
    op.drop_column("pipeline_message", "resend_of")
    op.drop_column("pipeline_app", "unknown_policy")
