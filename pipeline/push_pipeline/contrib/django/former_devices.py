"""The devices of the packages for push that a Django project had before, read by its own models.

So it does not matter which database and engine they are in, nor what their tables are called.
"""

from typing import Any

from django.apps import apps

from push_pipeline.devices.foreign import Record
from push_pipeline.devices.foreign_tables import COLUMNS, PAGE, ForeignTable


class ModelTables:
    """The models that are installed; they are only read."""

    def place(self) -> str:
        """Name it, for an error."""
        return "INSTALLED_APPS"

    def count(self, table: ForeignTable) -> int | None:
        """Return how many rows a table has; None where its application is not installed."""
        model = _model(table)
        return None if model is None else int(model._base_manager.count())

    def page(self, table: ForeignTable, after: Any) -> list[tuple[Any, Record]]:
        """Return the first rows behind a primary key, each with its own; None begins."""
        model = _model(table)
        if model is None:
            return []
        known = {field.attname for field in model._meta.concrete_fields}
        found = model._base_manager.order_by("pk")
        if after is not None:
            found = found.filter(pk__gt=after)
        rows = found.values("pk", *(name for name in COLUMNS if name in known))[:PAGE]
        return [(row["pk"], row) for row in rows]


def _model(table: ForeignTable) -> Any:
    """Return a table's model, or the one that the project has put in its place."""
    try:
        model = apps.get_model(table.model)
        return apps.get_model(model._meta.swapped) if model._meta.swapped else model
    except LookupError:
        return None
