"""The schema as of its revision 0012: since when a device is out of service."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0004_schema_0011")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
