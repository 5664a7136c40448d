"""What is recorded stays recorded: the database refuses to change or delete it."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION securecare_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
"""

TABLES = ("appointments_appointmentevent", "appointments_privatenoteread")


def append_only(table):
    return migrations.RunSQL(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION securecare_refuse_change();",
        f"DROP TRIGGER append_only ON {table};",
    )


class Migration(migrations.Migration):
    dependencies = [("appointments", "0001_initial")]

    operations = [
        migrations.RunSQL(REFUSE, "DROP FUNCTION securecare_refuse_change();"),
        *(append_only(table) for table in TABLES),
    ]
