"""What was signed stays as it is: the database refuses to change or delete it."""

from django.db import migrations

_APPEND_ONLY = ("signatures_signatureevent", "signatures_signeddocument", "signatures_disclosure")

_PUBLISHED = """
CREATE FUNCTION signatures_keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'A published version of a document cannot be changed or deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_published BEFORE UPDATE OR DELETE ON signatures_templateversion
    FOR EACH ROW EXECUTE FUNCTION signatures_keep_published();
"""

# Answers may be sealed anew under another key; what they open to is bound to the signer, and the evidence holds its digest.
_SIGNED = """
CREATE FUNCTION signatures_keep_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.signed_at IS NULL AND TG_OP = 'UPDATE' THEN RETURN NEW; END IF;
    IF OLD.signed_at IS NULL THEN RETURN OLD; END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - ARRAY['ciphertext', 'salt', 'key_id']
                            = to_jsonb(OLD) - ARRAY['ciphertext', 'salt', 'key_id'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'What was signed cannot be changed or deleted' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_signed BEFORE UPDATE OR DELETE ON signatures_signer
    FOR EACH ROW EXECUTE FUNCTION signatures_keep_signed();
"""

_SEALED = """
CREATE FUNCTION signatures_keep_sealed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'sealed' OR (OLD.state = 'signed' AND (TG_OP = 'DELETE' OR NEW.state <> 'sealed')) THEN
        RAISE EXCEPTION 'What was signed cannot be changed or deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_sealed BEFORE UPDATE OR DELETE ON signatures_signaturerequest
    FOR EACH ROW EXECUTE FUNCTION signatures_keep_sealed();
"""

_KEY = """
CREATE FUNCTION signatures_keep_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id AND NEW.document_id = OLD.document_id THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'The key of a signed document cannot be deleted or moved' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_key BEFORE UPDATE OR DELETE ON signatures_documentkey
    FOR EACH ROW EXECUTE FUNCTION signatures_keep_key();
"""


def _dropped(trigger: str, table: str, function: str) -> str:
    return f"DROP TRIGGER {trigger} ON {table}; DROP FUNCTION {function}();"


class Migration(migrations.Migration):
    dependencies = [("signatures", "0001_initial"), ("appointments", "0002_append_only")]

    operations = [
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION securecare_refuse_change();",
                f"DROP TRIGGER append_only ON {table};",
            )
            for table in _APPEND_ONLY
        ),
        migrations.RunSQL(
            _PUBLISHED,
            _dropped("keep_published", "signatures_templateversion", "signatures_keep_published"),
        ),
        migrations.RunSQL(_SIGNED, _dropped("keep_signed", "signatures_signer", "signatures_keep_signed")),
        migrations.RunSQL(
            _SEALED, _dropped("keep_sealed", "signatures_signaturerequest", "signatures_keep_sealed")
        ),
        migrations.RunSQL(_KEY, _dropped("keep_key", "signatures_documentkey", "signatures_keep_key")),
    ]
