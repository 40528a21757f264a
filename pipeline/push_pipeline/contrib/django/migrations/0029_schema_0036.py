"""The schema as of its revision 0036: no key of a run is given twice."""

from typing import ClassVar

from django.db import migrations

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("push_pipeline", "0028_schema_0035")]
    operations = [migrations.RunPython(upgrade, migrations.RunPython.noop)]
