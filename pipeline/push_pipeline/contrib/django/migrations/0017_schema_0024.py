"""The schema as of its revision 0024: the trace that a message's publish was part of."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0015_schema_0022")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
