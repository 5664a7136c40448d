"""Comparing a whole calendar with what it should show: what differs is found, said, and put right by rows like any other."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from appointments.models import Appointment, Facility, Organisation
from calendarsync import comparing, queueing
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from scheduling import booking
from tests import factories as make
from tests.calendarsync.compared import DAY, HOUR, NOW, book, carry_out, counts, foreign, reconcile, repairs
from tests.calendarsync.shelf import Shelf, connection, drain
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400}, address="1 Main St")


@pytest.fixture
def calendar(clinic: Clinic) -> CalendarConnection:
    return connection(clinic.staff)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def appointment(clinic: Clinic, calendar: CalendarConnection, shelf: Shelf) -> Appointment:
    """One whose entry stands in the calendar."""
    made = book(clinic)
    drain(calendar, shelf)
    shelf.asked.clear()
    return made


def test_calendar_that_is_right_is_read_by_etags_and_left_as_it_is(calendar, shelf, appointment):
    shelf.read.clear()
    record = reconcile(calendar, shelf)
    assert counts(record) == (1, 0, 0, 0)
    assert (shelf.asked, shelf.read, repairs()) == (["list"], [], [])
    calendar.refresh_from_db()
    assert (calendar.reconciled_at, calendar.drained_until) == (record.finished_at, None)


def test_entry_deleted_outside_comes_back(calendar, shelf, appointment):
    was = shelf.entries.pop(appointment.reference)
    assert counts(reconcile(calendar, shelf)) == (1, 1, 0, 0)
    assert repairs() == [("reconcile", "It was not there.")]
    carry_out(calendar, shelf)
    assert shelf.entries == {appointment.reference: was}
    assert CalendarSync.objects.get(reason="reconcile").outcome == "added"


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"title": "Lunch"}, comparing.ALTERED),
        ({"starts_at": NOW + HOUR}, comparing.ALTERED),
        ({"starts_at": NOW + 200 * DAY, "ends_at": NOW + 201 * DAY}, comparing.MOVED_AWAY),
    ],
    ids=["title", "time", "time far away"],
)
def test_entry_changed_outside_is_put_back(calendar, shelf, appointment, changes, note):
    was = shelf.entries[appointment.reference]
    shelf.touch(appointment.reference, **changes)
    assert counts(reconcile(calendar, shelf)) == (1, 0, 1, 0)
    assert repairs() == [("reconcile", note)]
    carry_out(calendar, shelf)
    assert shelf.entries == {appointment.reference: was}


def test_entry_that_was_made_something_else_is_put_back(calendar, shelf, appointment):
    shelf.entries.clear()
    synced = SyncedEvent.objects.get()
    shelf.others[synced.external_id] = foreign(appointment.reference, synced.external_id, b"")
    assert counts(reconcile(calendar, shelf)) == (1, 0, 1, 0)
    assert repairs() == [("reconcile", comparing.REMADE)]


def rename_customer(appointment: Appointment) -> None:
    type(appointment.customer).objects.update(given_name="Zoë")


def move_facility(appointment: Appointment) -> None:
    Facility.objects.update(address="2 Main St")


def show_names(appointment: Appointment) -> None:
    CalendarConnection.objects.update(title_style="full_name")


def show_notes(appointment: Appointment) -> None:
    Appointment.objects.update(public_note="Bring a pen")
    Organisation.objects.update_or_create(pk=1, defaults={"calendars_show_public_notes": True})


@pytest.mark.parametrize("change", [rename_customer, move_facility, show_names, show_notes])
def test_what_entries_should_show_changed(calendar, shelf, appointment, change: Callable[..., None]):
    """Nobody wrote a row for any of these, and the calendar itself is as we left it: what we wrote tells."""
    change(appointment)
    shelf.read.clear()
    assert counts(reconcile(calendar, shelf)) == (1, 0, 1, 0)
    assert (shelf.read, repairs()) == ([], [("reconcile", comparing.OUTDATED)])
    carry_out(calendar, shelf)
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 0)


def cancel(appointment: Appointment) -> None:
    Appointment.objects.update(status="cancelled", cancelled_at=NOW)


def give_away(appointment: Appointment) -> None:
    Appointment.objects.update(staff=make.staff())


def leave(appointment: Appointment) -> None:
    type(appointment.staff).objects.update(is_active=False)


@pytest.mark.parametrize("days", [0, 300], ids=["soon", "outside of the period"])
@pytest.mark.parametrize(
    ("change", "note"),
    [(cancel, comparing.CANCELLED), (give_away, comparing.SOMEBODY_ELSES), (leave, comparing.OWNER_LEFT)],
)
def test_what_does_not_belong_there_any_more_goes(clinic, calendar, shelf, change, note, days):
    appointment = book(clinic, at=NOW + 2 * HOUR + days * DAY)
    drain(calendar, shelf)
    change(appointment)
    assert counts(reconcile(calendar, shelf)) == (0, 0, 0, 1)
    assert repairs() == [("reconcile", note)]
    carry_out(calendar, shelf)
    assert (shelf.entries, SyncedEvent.objects.count()) == ({}, 0)


def test_entry_taken_from_the_bin_again_goes(calendar, shelf, appointment):
    was = shelf.entries[appointment.reference]
    booking.cancel(appointment=appointment, reason="", by=appointment.staff.user, now=NOW)
    carry_out(calendar, shelf)
    shelf.entries[appointment.reference] = was
    assert counts(reconcile(calendar, shelf)) == (0, 0, 0, 1)
    assert (shelf.entries, repairs()) == ({}, [])


def test_entry_of_no_appointment_goes(calendar, shelf, appointment):
    shelf.others["left over"] = foreign(uuid4(), "left over")
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 1)
    assert (shelf.others, list(shelf.entries), repairs()) == ({}, [appointment.reference], [])


def test_copy_of_an_entry_goes_and_the_entry_stays(calendar, shelf, appointment):
    shelf.others["copy"] = foreign(appointment.reference)
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 1)
    assert (shelf.others, list(shelf.entries), repairs()) == ({}, [appointment.reference], [])


def test_copy_stays_until_the_entry_itself_is_there_again(calendar, shelf, appointment):
    """A server may have given it another name: nothing is removed before ours stands."""
    shelf.entries.clear()
    shelf.others["copy"] = foreign(appointment.reference)
    assert counts(reconcile(calendar, shelf)) == (1, 0, 1, 0)
    assert (list(shelf.others), repairs()) == (["copy"], [("reconcile", comparing.UNKNOWN)])
    carry_out(calendar, shelf)
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 1)
    assert (shelf.others, list(shelf.entries)) == ({}, [appointment.reference])


def test_touched_entry_that_says_the_same_is_right_and_known_from_then_on(calendar, shelf, appointment):
    shelf.touch(appointment.reference)
    shelf.read.clear()
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 0)
    assert shelf.read == [appointment.reference]
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 0)
    assert (shelf.read, repairs()) == ([appointment.reference], [])


def test_two_weeks_behind_and_ninety_days_ahead_are_compared(clinic, calendar, shelf):
    inside = [book(clinic, at=NOW + days * DAY) for days in (-13, 89)]
    for days in (-15, 91):
        book(clinic, at=NOW + days * DAY)
    carry_out(calendar, shelf)
    shelf.entries.clear()
    assert counts(reconcile(calendar, shelf)) == (2, 2, 0, 0)
    assert set(CalendarSync.objects.filter(state="pending").values_list("appointment", flat=True)) == {
        appointment.pk for appointment in inside
    }


def test_entry_moved_into_the_period_from_outside_is_found(clinic, calendar, shelf):
    later = book(clinic, at=NOW + 200 * DAY)
    carry_out(calendar, shelf)
    shelf.touch(later.reference, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    assert counts(reconcile(calendar, shelf)) == (1, 0, 1, 0)
    assert repairs() == [("reconcile", comparing.ALTERED)]


def test_appointments_that_are_already_seen_to_are_left_alone(calendar, shelf, appointment, clinic):
    claimed = book(clinic, at=NOW + 4 * HOUR)
    CalendarSync.objects.of(calendar).claim(CalendarSync.objects.get(appointment=claimed).pk, now=NOW)
    queueing.again(appointment, calendar, reason="retry", now=NOW)
    shelf.entries.clear()
    assert counts(reconcile(calendar, shelf)) == (0, 0, 0, 0)
    assert repairs() == [("retry", "")]


def test_calendars_of_others_and_their_entries_are_none_of_its_business(calendar, shelf, appointment):
    colleague = make.staff(at=appointment.facility)
    make.week(staff=colleague, at=appointment.facility)
    appointment.program.staff.add(colleague)
    theirs, other_shelf = connection(colleague), Shelf()
    make.appointment(program=appointment.program, staff=colleague, starts_at=NOW + 3 * HOUR)
    drain(theirs, other_shelf)
    other_shelf.entries.clear()
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 0)
    assert repairs() == []


@pytest.mark.parametrize("number", [1, 30])
def test_comparing_costs_the_same_queries_for_one_and_for_thirty(
    clinic, calendar, shelf, number, django_assert_num_queries
):
    for n in range(number):
        book(clinic, at=NOW + n * DAY)
    carry_out(calendar, shelf)
    shelf.touch(next(iter(shelf.entries)), title="Lunch")
    with django_assert_num_queries(19):
        assert counts(reconcile(calendar, shelf)) == (number, 0, 1, 0)
