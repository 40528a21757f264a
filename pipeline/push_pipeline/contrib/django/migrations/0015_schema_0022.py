"""The schema as of its revision 0022: what is sent again to devices without an answer."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0014_schema_0021")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
