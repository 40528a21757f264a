"""The schema as of its revision 0019: how many publishes a second a key may ask for."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0011_schema_0018")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
