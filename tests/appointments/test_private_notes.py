import base64
import logging

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments import private_notes
from appointments.access import READ_PRIVATE_NOTE, WRITE_PRIVATE_NOTE
from appointments.models import Appointment, AppointmentEvent, PrivateNote, PrivateNoteRead
from appointments.private_notes import NoteUnreadable
from scheduling import booking
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.django_db
OTHER_RING = "k9:" + base64.urlsafe_b64encode(b"9" * 32).decode()


@pytest.fixture
def made():
    return make.appointment(private_note="Call her brother first")


def person(role):
    return make.staff(role=role).user


def reads():
    return list(PrivateNoteRead.objects.values_list("by", "at", "was_readable"))


# ------------------------------------------------------------------------------------------------- who reads


def test_a_note_is_read_by_whom_may_read_it_and_every_read_is_recorded(made):
    reader = person("provider")
    assert private_notes.read(appointment=made, by=reader, now=NOW) == "Call her brother first"
    assert private_notes.read(appointment=made, by=reader, now=NOW) == "Call her brother first"
    assert reads() == [(reader.pk, NOW, True)] * 2


@pytest.mark.parametrize("role", ["front_desk", "billing"])
def test_a_note_is_not_read_or_written_without_permission(made, role):
    user = person(role)
    with pytest.raises(PermissionDenied):
        private_notes.read(appointment=made, by=user, now=NOW)
    with pytest.raises(PermissionDenied):
        private_notes.write(appointment=made, text="x", by=user, now=NOW)
    with pytest.raises(PermissionDenied):
        booking.edit_notes(appointment=made, private_note="x", public_note="y", by=user, now=NOW)
    made.refresh_from_db()
    assert (made.public_note, made.version, reads()) == ("", 0, [])


def test_roles_that_read_and_write_notes():
    roles = ["front_desk", "provider", "manager", "billing", "administrator"]
    readers, writers = (
        [role for role in roles if person(role).has_perm(permission)]
        for permission in (READ_PRIVATE_NOTE, WRITE_PRIVATE_NOTE)
    )
    assert readers == writers == ["provider", "manager", "administrator"]


def test_a_person_who_left_reads_no_notes(made):
    staff = make.staff(role="provider", is_active=False)
    with pytest.raises(PermissionDenied):
        private_notes.read(appointment=made, by=staff.user, now=NOW)


def test_a_customer_writes_no_private_note_and_books_nothing_by_trying():
    program = make.program(at=make.facility(), allows_public_booking=True)
    staff = make.staff(at=program.facility)
    program.staff.add(staff)
    make.week(staff=staff, at=program.facility)
    with pytest.raises(PermissionDenied):
        booking.book(
            customer=make.customer(),
            staff=staff,
            program=program,
            starts_at=make.at(make.TODAY, 11),
            minutes=30,
            by=None,
            now=NOW,
            private_note="x",
        )
    assert Appointment.objects.count() == 0


def test_no_note_reads_as_empty_and_records_nothing():
    made = make.appointment()
    assert (private_notes.read(appointment=made, by=made.staff.user, now=NOW), reads()) == ("", [])


# ------------------------------------------------------------------------------------------------- who writes


def test_write_replaces_and_an_empty_text_removes(made):
    by = made.staff.user
    assert private_notes.write(appointment=made, text="New", by=by, now=NOW) is True
    assert private_notes.read(appointment=made, by=by, now=NOW) == "New"
    assert private_notes.write(appointment=made, text="", by=by, now=NOW) is True
    assert private_notes.write(appointment=made, text="", by=by, now=NOW) is False
    assert PrivateNote.objects.count() == 0


def test_the_same_text_again_changes_nothing(made):
    stored = PrivateNote.objects.get()
    by = person("manager")
    assert private_notes.write(appointment=made, text="Call her brother first", by=by, now=NOW) is False
    assert bytes(PrivateNote.objects.get().ciphertext) == bytes(stored.ciphertext)


def test_events_say_that_a_note_changed_and_nothing_else(made):
    by = made.staff.user
    booking.edit_notes(appointment=made, private_note="New", by=by, now=NOW)
    booking.edit_notes(appointment=made, private_note="New", by=by, now=NOW)
    booked, edited = made.events.all()
    assert booked.after["private_note"] == "changed"
    assert (edited.kind, edited.before, edited.after) == ("notes_edited", {}, {"private_note": "changed"})


def test_an_appointment_booked_without_a_note_says_nothing_of_one():
    assert "private_note" not in make.appointment().events.get().after


# ------------------------------------------------------------------------------------------ what cannot be read


def unreadable_by_lost_key(made, settings):
    settings.NOTE_KEY_RING = OTHER_RING


def unreadable_by_change(made, settings):
    note = PrivateNote.objects.get(appointment=made)
    note.ciphertext = bytes(note.ciphertext)[:-1] + bytes([bytes(note.ciphertext)[-1] ^ 1])
    note.save()


def unreadable_by_swap(made, settings):
    """The stored note of one appointment put in the place of another's."""
    stored = PrivateNote.objects.get(appointment=make.appointment(private_note="Another person's"))
    PrivateNote.objects.filter(appointment=made).update(
        ciphertext=stored.ciphertext, salt=stored.salt, key_id=stored.key_id
    )


@pytest.mark.parametrize("spoil", [unreadable_by_lost_key, unreadable_by_change, unreadable_by_swap])
def test_an_unreadable_note_is_shown_as_such_recorded_and_never_overwritten_blindly(made, settings, spoil):
    spoil(made, settings)
    by, before = made.staff.user, bytes(PrivateNote.objects.get(appointment=made).ciphertext)
    with pytest.raises(NoteUnreadable):
        private_notes.read(appointment=made, by=by, now=NOW)
    assert reads() == [(by.pk, NOW, False)]
    for text in ("New", ""):
        with pytest.raises(NoteUnreadable):
            booking.edit_notes(appointment=made, private_note=text, public_note="P", by=by, now=NOW)
    assert bytes(PrivateNote.objects.get(appointment=made).ciphertext) == before
    assert Appointment.objects.get(pk=made.pk).public_note == ""
    booking.edit_notes(appointment=made, private_note="New", by=by, now=NOW, replace_unreadable=True)
    assert private_notes.read(appointment=made, by=by, now=NOW) == "New"


def test_other_changes_leave_an_unreadable_note_alone(made, settings):
    unreadable_by_lost_key(made, settings)
    booking.edit_notes(appointment=made, public_note="P", by=made.staff.user, now=NOW)
    booking.cancel(appointment=made, reason="", by=made.staff.user, now=NOW)
    assert (made.public_note, PrivateNote.objects.count()) == ("P", 1)


# --------------------------------------------------------------------------------------------- nothing leaks


def tables_holding(text):
    """Every table with a row in which the text stands: plain, or as the bytes of a binary column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        assert len(tables) > 20
        return {name for name in tables if _holds(cursor, name, text)}


def _holds(cursor, table, text):
    patterns = [f"%{text}%", f"%{text.encode().hex()}%", f"%{base64.b64encode(text.encode()).decode()[:-4]}%"]
    cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE ANY(%s)', [patterns])
    return cursor.fetchone()[0] > 0


MARKER = "Zanzibar-7391"


def test_no_table_no_log_and_no_event_ever_holds_the_text_of_a_private_note(caplog, settings):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="django.db.backends")
    with CaptureQueriesContext(connection) as statements:
        made = make.appointment(private_note=f"First {MARKER}")
        by = made.staff.user
        booking.edit_notes(
            appointment=made, private_note=f"Second {MARKER}", public_note="Bring", by=by, now=NOW
        )
        booking.reschedule(appointment=made, starts_at=make.at(make.TODAY, 14), by=by, now=NOW)
        settings.NOTE_KEY_RING = f"{OTHER_RING},{settings.NOTE_KEY_RING}"
        assert [done.moved for done in private_notes.sealed_table().rotate(batch=10)] == [1]
        assert MARKER in private_notes.read(appointment=made, by=by, now=NOW)
    settings.NOTE_KEY_RING = OTHER_RING.replace("k9", "k8")
    with pytest.raises(NoteUnreadable) as error:
        private_notes.read(appointment=made, by=by, now=NOW)
    assert tables_holding(MARKER) == set()
    assert len(caplog.messages) > 20
    assert [message for message in caplog.messages if MARKER in message] == []
    assert [query["sql"] for query in statements.captured_queries if MARKER in query["sql"]] == []
    assert MARKER not in repr(error.value)


def test_the_search_for_a_leak_finds_what_is_there(caplog):
    """The test above can fail: the same marker in a public note, in a binary column and in a log is found."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="django.db.backends")
    with CaptureQueriesContext(connection):
        made = make.appointment(public_note=f"Bring {MARKER}", private_note="x")
    assert tables_holding(MARKER) == {"appointments_appointment", "appointments_appointmentevent"}
    assert [message for message in caplog.messages if MARKER in message] != []
    PrivateNote.objects.filter(appointment=made).update(ciphertext=f"{MARKER} in plaintext".encode())
    assert tables_holding(MARKER) - {"appointments_appointment", "appointments_appointmentevent"} == {
        "appointments_privatenote"
    }
    assert AppointmentEvent.objects.count() == 1
