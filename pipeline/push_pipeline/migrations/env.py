"""Alembic's entry: runs the revisions on the connection that `upgrade()` holds."""

from alembic import context
from sqlmodel import SQLModel

from push_pipeline import models  # noqa: F401 - importing it fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
