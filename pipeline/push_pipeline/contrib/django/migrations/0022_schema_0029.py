"""The schema as of its revision 0029: whom a message goes to first."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0021_schema_0028")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
