"""Alembic's entry: runs the revisions on the connection that `upgrade()` holds."""

from alembic import context

from push_pipeline.migrations import VERSION_TABLE
from push_pipeline.models import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
