"""The schema as of its revision 0015: who was named and is not there."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0007_schema_0014")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
