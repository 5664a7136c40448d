"""Who agreed to what stays on record: the database refuses to change or delete it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reminders", "0001_initial"), ("appointments", "0002_append_only")]

    operations = [
        migrations.RunSQL(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reminders_consentlog "
            "FOR EACH ROW EXECUTE FUNCTION securecare_refuse_change();",
            "DROP TRIGGER append_only ON reminders_consentlog;",
        ),
    ]
