"""The schema as of its revision 0008, and the models that read it."""

from typing import ClassVar

from django.db import migrations, models

from push_pipeline.contrib.django.history import upgrade


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar[list[tuple[str, str]]] = []
    operations = [
        migrations.RunPython(upgrade, migrations.RunPython.noop),
        migrations.CreateModel(
            name="App",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
            ],
            options={
                "db_table": "pipeline_app",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("created_at", models.BigIntegerField()),
            ],
            options={
                "db_table": "pipeline_channel",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("device_id", models.TextField()),
                ("platform", models.TextField()),
                ("os_version", models.TextField(null=True)),
                ("user_id", models.TextField(null=True)),
                ("locale", models.TextField(null=True)),
                ("time_zone", models.TextField(null=True)),
                ("state", models.TextField()),
                ("state_reason", models.TextField(null=True)),
                ("created_at", models.BigIntegerField()),
                ("registered_at", models.BigIntegerField()),
            ],
            options={
                "db_table": "pipeline_device",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.TextField(primary_key=True, serialize=False)),
                ("channel", models.TextField()),
                ("content", models.JSONField()),
                ("delivery_options", models.JSONField()),
                ("state", models.TextField()),
                ("error_message", models.TextField(null=True)),
                ("created_at", models.BigIntegerField()),
                ("ended_at", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "pipeline_message",
                "permissions": [("control_message", "Can cancel, pause and resume messages")],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("n", models.IntegerField()),
                ("due_at", models.BigIntegerField()),
                ("state", models.TextField()),
                ("zone", models.TextField(null=True)),
                ("audience", models.IntegerField()),
                ("started_at", models.BigIntegerField(null=True)),
                ("finished_at", models.BigIntegerField(null=True)),
                ("error_message", models.TextField(null=True)),
            ],
            options={
                "db_table": "pipeline_run",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "channel_id",
                        "device_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
            ],
            options={
                "db_table": "pipeline_subscription",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Template",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                ("name", models.TextField()),
                ("body", models.JSONField()),
                ("updated_at", models.BigIntegerField()),
            ],
            options={
                "db_table": "pipeline_template",
                "managed": False,
            },
        ),
    ]
