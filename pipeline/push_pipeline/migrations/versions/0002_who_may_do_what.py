"""Who may do what in an app: user tokens, roles, callers without a key."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
)


def upgrade() -> None:
    op.create_table(
        "pipeline_app_access",
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("hosts", JSON, nullable=False),
        sa.Column("open_scopes", JSON, nullable=True),
        sa.Column("publish_rules", JSON, nullable=False),
        sa.Column("token_rules", JSON, nullable=True),
        sa.Column("token_key", sa.LargeBinary(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["app_id"], ["pipeline_app.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("app_id"),
    )


def downgrade() -> None:
    op.drop_table("pipeline_app_access")
