"""The schema as of its revision 0035: members of batches are not compressed."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0026_schema_0033")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
