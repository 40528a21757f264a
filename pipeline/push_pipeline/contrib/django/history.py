"""The pipeline's own schema history, run by Django's `migrate`."""

from typing import Any

from push_pipeline import migrations
from push_pipeline.contrib.django.conf import shared_alias
from push_pipeline.contrib.django.connection import guest_connection


def upgrade(_apps: Any, schema_editor: Any) -> None:
    """Bring the pipeline's schema up to date, in the transaction of a Django migration.

    Only in the database that is shared; one of the pipeline's own has `manage.py push migrate`.

    Raises:
        SetupError: a table with a name of ours is somebody else's.
    """
    alias = schema_editor.connection.alias
    if alias == shared_alias():
        with guest_connection(alias) as connection:
            migrations.upgrade_within(connection)
