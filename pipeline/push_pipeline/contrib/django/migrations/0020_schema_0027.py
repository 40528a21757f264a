"""The schema as of its revision 0027: who signs in to the console, and who did what there."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0017_schema_0024")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
