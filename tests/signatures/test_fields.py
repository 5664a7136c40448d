"""What signers fill in, checked."""

import pytest
from django.utils import translation

from signatures import fields
from signatures.fields import Field
from signatures.models import TemplateVersion

PLACE = {"page": 0, "x": 0.1, "y": 0.1, "width": 0.3, "height": 0.03}


def field(kind, *, is_required=True, role="customer"):
    return Field("f1", kind, "Label", is_required, role)


def problem(kind, value, **more):
    return fields.problems([field(kind, **more)], {"f1": value}, role="customer").get("f1", "")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("text", "Fill this in."),
        ("long", "Fill this in."),
        ("tick", "Tick this box to go on."),
        ("initials", "Write your initials."),
        ("date", "Give a date."),
    ],
)
def test_what_has_to_be_filled_in_is_asked_for(kind, words):
    assert problem(kind, "  ") == words
    assert fields.problems([field(kind)], {}, role="customer") == {"f1": words}
    assert problem(kind, "", is_required=False) == ""


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("text", "x" * 200, ""),
        ("text", "x" * 201, "Shorten this to 200 characters."),
        ("long", "x\n" * 1000, ""),
        ("long", "x" * 2001, "Shorten this to 2000 characters."),
        ("tick", "yes", ""),
        ("tick", "<script>", "Tick this box to go on."),
        ("initials", "Ñ. Q.", ""),
        ("initials", "12", "Write your initials."),
        ("initials", "x" * 11, "Shorten this to 10 characters."),
        ("date", "2026-02-28", ""),
        ("date", "2026-02-30", "This is not a date. Give year, month and day."),
        ("date", "soon", "This is not a date. Give year, month and day."),
        ("date", "0026-02-01", "Look at the year again."),
        ("date", "9026-02-01", "Look at the year again."),
    ],
)
def test_what_was_given_is_checked(kind, value, words):
    assert problem(kind, value) == words


def test_only_the_signers_own_fields_count():
    wanted = [field("text"), Field("f2", "text", "Theirs", True, "second")]
    given = {"f1": "mine", "f2": "not mine", "f3": "of nobody", "mark": "x"}
    assert fields.problems(wanted, {}, role="second") == {"f2": "Fill this in."}
    assert fields.cleaned(wanted, given, role="customer") == {"f1": "mine"}


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("text", " a\x00b\u202ec\nd ", "abcd"),
        ("long", "a\r\nb\x07", "a\nb"),
        ("tick", "on", None),
        ("text", "<script>x</script>", "<script>x</script>"),
        ("text", "x" * 100_000, "x" * 400),
    ],
)
def test_what_is_kept_is_text_that_can_be_shown(kind, value, kept):
    assert fields.cleaned([field(kind)], {"f1": value}, role="customer").get("f1") == kept


def test_fields_of_a_pdf_are_its_inputs_in_order():
    tick = {**PLACE, "kind": "tick", "label": "I agree", "is_required": True, "role": "second"}
    name = {**PLACE, "kind": "customer_name", "label": "Name", "is_required": False, "role": "customer"}
    date = {**PLACE, "kind": "date", "label": "Day", "is_required": False, "role": "customer"}
    version = TemplateVersion(source="pdf", body="[[text: Not this]]", placements=[tick, name, date])
    assert fields.of(version) == [
        Field("f1", "tick", "I agree", True, "second", tick),
        Field("f2", "date", "Day", False, "customer", date),
    ]


def test_fields_of_a_written_version_are_those_of_its_text():
    assert fields.of(TemplateVersion(body="[[text: A]]")) == [Field("f1", "text", "A", False)]


def test_problems_are_in_the_readers_language():
    with translation.override("es"):
        assert problem("text", "") != "Fill this in."
