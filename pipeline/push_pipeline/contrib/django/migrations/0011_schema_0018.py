"""The schema as of its revision 0018: the copy for the SDK."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0010_schema_0017")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
