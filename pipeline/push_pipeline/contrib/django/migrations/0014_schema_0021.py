"""The schema as of its revision 0021: how many devices a second a run is sent to."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0012_schema_0019")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
