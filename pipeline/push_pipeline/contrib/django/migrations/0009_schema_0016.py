"""The schema as of its revision 0016: one form of a channel's name."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0008_schema_0015")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
