from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calendarsync", "0002_feed_contacts"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="calendarsync",
            index=models.Index(
                condition=models.Q(("reason", "backfill")),
                fields=["connection", "created_at"],
                name="calendarsync_backfill",
            ),
        ),
    ]
