"""The schema as of its revision 0031: which members of a batch were accepted."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0022_schema_0029")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
