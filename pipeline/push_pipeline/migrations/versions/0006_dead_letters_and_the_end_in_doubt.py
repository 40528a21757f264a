"""Dead letters and the end of what is in doubt, by the words that everybody uses."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("pipeline_set_aside_at", "pipeline_set_aside")
    op.rename_table("pipeline_set_aside", "pipeline_dead_letter")
    op.create_index("pipeline_dead_letter_at", "pipeline_dead_letter", ["at"])
    op.alter_column("pipeline_batch", "noted", new_column_name="doubt_end")
    _rename_on_postgresql("pipeline_set_aside", "pipeline_dead_letter")


def downgrade() -> None:
    op.drop_index("pipeline_dead_letter_at", "pipeline_dead_letter")
    op.rename_table("pipeline_dead_letter", "pipeline_set_aside")
    op.create_index("pipeline_set_aside_at", "pipeline_set_aside", ["at"])
    op.alter_column("pipeline_batch", "doubt_end", new_column_name="noted")
    _rename_on_postgresql("pipeline_dead_letter", "pipeline_set_aside")


def _rename_on_postgresql(old: str, new: str) -> None:
    """Let the key and the sequence of a table follow its name."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX {old}_pkey RENAME TO {new}_pkey")
        op.execute(f"ALTER SEQUENCE {old}_id_seq RENAME TO {new}_id_seq")
