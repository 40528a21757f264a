from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("buyer", models.CharField(max_length=40)),
            ],
        ),
        migrations.CreateModel(
            "Message", [("id", models.BigAutoField(primary_key=True)), ("text", models.TextField())]
        ),
    ]
