"""The schema as of its revision 0014: the badge of each device."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0006_schema_0013")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
