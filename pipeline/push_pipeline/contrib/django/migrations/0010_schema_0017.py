"""The schema as of its revision 0017: which systems an app has."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0009_schema_0016")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
