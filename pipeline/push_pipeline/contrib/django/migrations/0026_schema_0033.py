"""The schema as of its revision 0033: Live Activities."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0025_schema_0032")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
