"""The schema as of its revision 0032: broadcast channels of Apple's."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0024_schema_0031")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
