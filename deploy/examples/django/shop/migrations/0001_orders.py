"""Orders."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """The first schema."""

    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("item", models.CharField(max_length=80)),
                ("paid", models.BooleanField(default=False)),
                (
                    "buyer",
                    models.ForeignKey(on_delete=models.CASCADE, to=settings.AUTH_USER_MODEL),
                ),
            ],
        )
    ]
