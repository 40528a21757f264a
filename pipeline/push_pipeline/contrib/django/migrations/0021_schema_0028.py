"""The schema as of its revision 0028: what was done within each minute."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0020_schema_0027")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
