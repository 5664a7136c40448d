import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from appointments import private_notes
from appointments.models import PrivateNote
from scheduling import booking
from securecare.rotation import Batch
from tests import factories as make
from tests.factories import NOW
from tests.together import at_once, wait_until_somebody_waits

OLD = "k1:" + base64.urlsafe_b64encode(b"1" * 32).decode()
NOTES = private_notes.sealed_table()
OTHER_TABLES = (
    "answers in documents",
    "calendar credentials",
    "messages,",
    "signed documents",
    "texts from customers,",
)
NEW = "k2:" + base64.urlsafe_b64encode(b"2" * 32).decode()
LOST = "k0:" + base64.urlsafe_b64encode(b"0" * 32).decode()


@pytest.fixture
def clinic(settings):
    """Books appointments with a note under a key ring, and then puts the new key first."""

    class Clinic:
        def __init__(self):
            self.place = make.facility()
            self.staff = make.staff(at=self.place)
            self.program = make.program(at=self.place, staff=self.staff)
            make.week(staff=self.staff, at=self.place)
            self.next_slot = NOW + timedelta(hours=1)

        def noted(self, *texts, ring=OLD):
            settings.NOTE_KEY_RING = ring
            made = [self._book(text) for text in texts]
            settings.NOTE_KEY_RING = f"{NEW},{OLD}"
            return made

        def _book(self, text):
            self.next_slot += timedelta(minutes=30)
            return make.appointment(
                program=self.program, staff=self.staff, starts_at=self.next_slot, private_note=text
            )

        def text_of(self, appointment):
            return private_notes.read(appointment=appointment, by=self.staff.user, now=NOW)

    return Clinic


def run(**options):
    """What the command printed, but for the tables that are empty here, and its complaint if it ended in one."""
    out, complaint = StringIO(), None
    try:
        call_command("rotate_keys", stdout=out, **options)
    except CommandError as error:
        complaint = str(error)
    return [line for line in out.getvalue().splitlines() if not line.startswith(OTHER_TABLES)], complaint


@pytest.mark.django_db
def test_rotate_keys_moves_every_note_in_batches_and_reports_by_key(clinic):
    clinic = clinic()
    made = clinic.noted("one", "two", "three") + clinic.noted("four", ring=NEW)
    assert run(batch=2) == (
        [
            "Current key: k2",
            "private notes, before: k1 3, k2 1",
            "private notes: 2 moved",
            "private notes: 3 moved",
            "private notes, after: k2 4",
        ],
        None,
    )
    assert [clinic.text_of(appointment) for appointment in made] == ["one", "two", "three", "four"]
    assert run() == (
        ["Current key: k2", "private notes, before: k2 4", "private notes, after: k2 4"],
        None,
    )


@pytest.mark.django_db
def test_rotate_keys_leaves_who_wrote_a_note_and_when(clinic):
    clinic = clinic()
    (made,) = clinic.noted("one")
    before = PrivateNote.objects.get()
    run()
    after = PrivateNote.objects.get()
    assert (
        (after.updated_at, after.updated_by)
        == (before.updated_at, before.updated_by)
        == (NOW, made.staff.user)
    )
    assert (after.key_id, before.key_id) == ("k2", "k1")
    assert bytes(after.salt) != bytes(before.salt)
    assert made.events.count() == 1


@pytest.mark.django_db
def test_rotate_keys_names_what_it_cannot_open_and_leaves_it_as_it_is(clinic):
    clinic = clinic()
    (lost,) = clinic.noted("lost", ring=LOST)
    (fine,) = clinic.noted("fine")
    stored = bytes(PrivateNote.objects.get(appointment=lost).ciphertext)
    lines, complaint = run()
    assert lines[-2:] == [
        "private notes, after: k0 1, k2 1",
        f"Cannot be opened: private note of appointment {lost.reference}, key k0",
    ]
    assert complaint == "1 not under the current key. Keep the old keys in NOTE_KEY_RING and run this again."
    assert bytes(PrivateNote.objects.get(appointment=lost).ciphertext) == stored
    assert clinic.text_of(fine) == "fine"


@pytest.mark.django_db
def test_rotate_keys_goes_on_past_a_whole_batch_that_cannot_be_opened(clinic):
    clinic = clinic()
    clinic.noted("a", "b", "c", ring=LOST)
    clinic.noted("fine")
    lines, _ = run(batch=1)
    assert "private notes, after: k0 3, k2 1" in lines


@pytest.mark.django_db
def test_rotate_keys_refuses_an_empty_batch(db):
    assert run(batch=0) == ([], "--batch must be 1 or more.")


@pytest.mark.django_db
def test_rotate_keys_with_no_notes_says_so(db):
    assert run()[0][1:] == ["private notes, before: none", "private notes, after: none"]


@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_was_stopped_keeps_its_batches_and_goes_on_later(clinic):
    clinic = clinic()
    clinic.noted("one", "two", "three")
    next(NOTES.rotate(batch=2))
    assert at_once([NOTES.count_by_key]) == [{"k1": 1, "k2": 2}]
    assert run(batch=2)[0][1:] == [
        "private notes, before: k1 1, k2 2",
        "private notes: 1 moved",
        "private notes, after: k2 3",
    ]


@pytest.mark.django_db(transaction=True)
def test_an_edit_during_the_rotation_wins(clinic):
    """The rotation has read the old text and waits for the row; the edit commits first."""
    clinic = clinic()
    (made,) = clinic.noted("old text")
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            booking.edit_notes(appointment=made, private_note="new text", by=clinic.staff.user, now=NOW)
            rotating = pool.submit(at_once, [lambda: list(NOTES.rotate(batch=10))])
            wait_until_somebody_waits()
        assert rotating.result(timeout=20) == [[Batch(moved=0, changed=1)]]
    assert clinic.text_of(made) == "new text"


@pytest.mark.django_db(transaction=True)
def test_a_note_read_before_an_edit_is_not_written_after_it(clinic):
    clinic = clinic()
    (made,) = clinic.noted("old text")
    stale = NOTES.outstanding().get()
    booking.edit_notes(appointment=made, private_note="new text", by=clinic.staff.user, now=NOW)
    assert private_notes.reseal(stale) is False
    assert clinic.text_of(made) == "new text"


@pytest.mark.django_db(transaction=True)
def test_edits_and_a_rotation_at_once_lose_no_edit(clinic):
    clinic = clinic()
    made = clinic.noted(*"abcdefgh")

    def edit():
        for appointment in made:
            booking.edit_notes(appointment=appointment, private_note="edited", by=clinic.staff.user, now=NOW)

    at_once([edit, lambda: list(NOTES.rotate(batch=3))])
    assert [clinic.text_of(appointment) for appointment in made] == ["edited"] * 8
    assert NOTES.count_by_key() == {"k2": 8}
