"""Rows carried out: what the calendar is brought to, what is coalesced, and what each failure leads to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from appointments.models import Appointment, Organisation
from calendarsync import lease, syncing, tasks
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from calendarsync.models.connection import State
from calendarsync.providers.base import CalendarError, Fault
from scheduling import booking
from securecare.outbox import MOST_ATTEMPTS
from tests import factories as make
from tests.calendarsync.shelf import Clock, Shelf, connection, drain
from tests.portal.clinic import Clinic
from tests.together import at_once

pytestmark = pytest.mark.django_db

NOW = make.NOW
HOUR = timedelta(hours=1)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400})


@pytest.fixture
def calendar(clinic: Clinic) -> CalendarConnection:
    return connection(clinic.staff)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def appointment(clinic: Clinic, calendar: CalendarConnection) -> Appointment:
    return book(clinic)


def book(clinic: Clinic, *, hours: float = 2, **given: Any) -> Appointment:
    starts_at = NOW + hours * HOUR
    return make.appointment(program=clinic.program, staff=clinic.staff, starts_at=starts_at, **given)


def move(appointment: Appointment, *, by_hours: int = 1) -> None:
    starts_at = appointment.starts_at + by_hours * HOUR
    booking.reschedule(appointment=appointment, starts_at=starts_at, by=appointment.staff.user, now=NOW)


def cancel(appointment: Appointment) -> None:
    booking.cancel(appointment=appointment, reason="", by=appointment.staff.user, now=NOW)


def rows() -> list[tuple[str, str]]:
    """State and outcome, in order."""
    return list(CalendarSync.objects.order_by("pk").values_list("state", "outcome"))


def error(fault: Fault, **given: Any) -> CalendarError:
    return CalendarError("It did not work.", fault=fault, **given)


# --------------------------------------------------------------------------------------------- what is written


def test_a_booking_is_added_a_change_updates_and_a_cancellation_removes_it(calendar, shelf, appointment):
    drain(calendar, shelf)
    assert shelf.entries[appointment.reference].starts_at == appointment.starts_at
    move(appointment)
    drain(calendar, shelf)
    assert shelf.entries[appointment.reference].starts_at == appointment.starts_at
    cancel(appointment)
    drain(calendar, shelf)
    assert (shelf.entries, rows()) == ({}, [("done", "added"), ("done", "updated"), ("done", "removed")])


def test_what_stands_there_is_known_afterwards(calendar, shelf, appointment):
    drain(calendar, shelf)
    known = SyncedEvent.objects.get()
    entry = shelf.entries[appointment.reference]
    assert (known.appointment, known.connection, known.external_id) == (
        appointment,
        calendar,
        str(appointment.reference),
    )
    assert (known.etag, known.revision, bytes(known.digest)) == ('"1"', appointment.version, entry.digest)
    cancel(appointment)
    drain(calendar, shelf)
    assert not SyncedEvent.objects.exists()


def test_several_waiting_rows_are_one_write(calendar, shelf, appointment):
    move(appointment)
    move(appointment)
    drain(calendar, shelf)
    assert len(shelf.asked) == 1
    first, *others = CalendarSync.objects.order_by("pk")
    assert (first.state, first.version) == ("done", 2)
    assert [(row.state, row.covered_by_id, row.closed_reason) for row in others] == [
        ("closed", first.pk, syncing.COVERED)
    ] * 2


def test_booked_and_cancelled_before_anybody_looked_writes_nothing_there(calendar, shelf, appointment):
    cancel(appointment)
    drain(calendar, shelf)
    assert (shelf.entries, rows()) == ({}, [("done", "nothing"), ("closed", "")])


def test_what_changes_while_it_is_written_is_written_after(calendar, shelf, appointment):
    shelf.during = lambda: move(appointment)
    drain(calendar, shelf)
    assert shelf.entries[appointment.reference].starts_at == appointment.starts_at
    assert rows() == [("done", "added"), ("done", "updated")]


def test_reassigning_takes_it_from_one_calendar_to_the_other(clinic, calendar, shelf, appointment):
    drain(calendar, shelf)
    colleague = clinic.colleague()
    theirs, other = connection(colleague), Shelf()
    booking.reassign(appointment=appointment, staff=colleague, by=clinic.staff.user, now=NOW)
    drain(theirs, other)
    drain(calendar, shelf)
    assert (shelf.entries, list(other.entries)) == ({}, [appointment.reference])


@pytest.mark.parametrize("broken", ["old", "new"])
def test_reassigning_works_on_one_side_when_the_other_is_broken(clinic, calendar, shelf, appointment, broken):
    drain(calendar, shelf)
    colleague = clinic.colleague()
    theirs, other = connection(colleague), Shelf()
    booking.reassign(appointment=appointment, staff=colleague, by=clinic.staff.user, now=NOW)
    (shelf if broken == "old" else other).failures = [error(Fault.CALENDAR)]
    drain(theirs, other)
    drain(calendar, shelf)
    left = {"old": [1, 1], "new": [0, 0]}[broken]
    assert [len(shelf.entries), len(other.entries)] == left


def test_what_somebody_just_changed_comes_before_a_back_fill(clinic, calendar, shelf):
    old, new = book(clinic), book(clinic, hours=4)
    CalendarSync.objects.filter(appointment=old).update(reason="backfill", rank=2)
    drain(calendar, shelf)
    assert list(shelf.entries) == [new.reference, old.reference]


def test_a_row_twice_late_or_settled_changes_nothing(calendar, shelf, appointment):
    drain(calendar, shelf)
    drain(calendar, shelf)
    assert len(shelf.asked) == 1


def test_the_calendar_is_opened_once_and_closed(clinic, calendar, shelf):
    book(clinic), book(clinic, hours=4)
    drain(calendar, shelf)
    assert (len(shelf.asked), shelf.closed) == (2, 1)


# ---------------------------------------------------------------------------------------------- who may write


def test_the_database_allows_one_writer_of_an_appointment(clinic, calendar, appointment):
    other = connection(clinic.staff)
    fields = {"state": "claimed", "claim": appointment.reference, "claimed_at": NOW}
    CalendarSync.objects.update(**fields)
    with pytest.raises(IntegrityError, match="calendarsync_one_writer"):
        CalendarSync.objects.create(
            appointment=appointment, connection=other, reason="change", created_at=NOW, due_at=NOW, **fields
        )


def test_a_second_calendar_waits_for_the_first_and_is_told_after(
    clinic, calendar, shelf, django_capture_on_commit_callbacks
):
    second, other = connection(clinic.staff), Shelf()
    booked = book(clinic)
    shelf.during = lambda: drain(second, other)
    with django_capture_on_commit_callbacks() as told:
        drain(calendar, shelf)
    assert (list(shelf.entries), other.asked, len(told)) == ([booked.reference], [], 1)
    drain(second, other)
    assert list(other.entries) == [booked.reference]


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_carries_out_a_calendar():
    clinic = Clinic.open()
    calendar = connection(clinic.staff)
    for hours in range(2, 8):
        book(clinic, hours=hours)
    shelf = Shelf()
    at_once([lambda: drain(calendar, shelf)] * 4)
    drain(calendar, shelf)
    assert (len(shelf.asked), len(shelf.entries)) == (6, 6)


@pytest.mark.django_db(transaction=True)
def test_two_calendars_of_one_appointment_race_and_both_have_it():
    clinic = Clinic.open()
    calendars = [(connection(clinic.staff), Shelf()) for _ in range(3)]
    booked = [book(clinic, hours=hours) for hours in range(2, 6)]

    def job(owner: CalendarConnection, shelf: Shelf) -> Callable[[], None]:
        return lambda: drain(owner, shelf)

    for _ in range(2):
        at_once([job(*each) for each in calendars])
    for owner, shelf in calendars:
        drain(owner, shelf)
        assert set(shelf.entries) == {each.reference for each in booked}
        assert len(shelf.asked) == len(booked)


def test_who_lost_the_row_meanwhile_writes_no_more(calendar, shelf, appointment):
    """Before every request it is asked whether the row is still ours."""

    def taken_over() -> None:
        CalendarSync.objects.update(claim=calendar.reference)
        shelf.pace()

    shelf.during = taken_over
    drain(calendar, shelf)
    assert (shelf.entries, rows()) == ({}, [("claimed", "")])


def test_who_lost_the_row_after_writing_has_it_looked_at_again(calendar, shelf, appointment):
    """Nobody can say which of two workers wrote last."""
    shelf.during = lambda: CalendarSync.objects.update(state="pending", claim=None, claimed_at=None)
    drain(calendar, shelf)
    assert [row.reason for row in CalendarSync.objects.order_by("pk")] == ["change", "reconcile"]
    assert list(shelf.entries) == [appointment.reference]
    assert rows() == [("done", "updated"), ("closed", "")]


def test_a_lost_worker_is_replaced(calendar, shelf, appointment, settings):
    clock = Clock(timezone.now())
    CalendarSync.objects.update(
        state="claimed",
        claim=calendar.reference,
        claimed_at=clock() - timedelta(seconds=settings.OUTBOX_CLAIM_SECONDS + 1),
    )
    CalendarConnection.objects.update(drained_until=clock() + lease.LENGTH)
    drain(calendar, shelf, clock)
    assert shelf.asked == []
    tasks.sweep()
    clock.pass_by(seconds=60)
    drain(calendar, shelf, clock)
    assert rows() == [("done", "added")]


def test_others_have_their_turn_after_a_while(clinic, calendar, shelf, django_capture_on_commit_callbacks):
    clock = Clock()
    first, second = book(clinic), book(clinic, hours=4)
    shelf.during = lambda: clock.pass_by(seconds=syncing.STAY.total_seconds() + 1)
    with django_capture_on_commit_callbacks() as told:
        drain(calendar, shelf, clock)
    assert (list(shelf.entries), len(told)) == ([first.reference], 1)
    drain(calendar, shelf, clock)
    assert list(shelf.entries) == [first.reference, second.reference]


# ----------------------------------------------------------------------------------------------- what fails


def test_a_passing_failure_is_tried_again_later_and_others_go_on(clinic, calendar, shelf):
    clock = Clock()
    first, second = book(clinic), book(clinic, hours=4)
    shelf.failures = [error(Fault.PASSING)]
    drain(calendar, shelf, clock)
    assert list(shelf.entries) == [second.reference]
    row = CalendarSync.objects.get(appointment=first)
    assert (row.state, row.attempts, row.last_error) == ("pending", 1, "It did not work.")
    clock.pass_by(minutes=1)
    drain(calendar, shelf, clock)
    assert set(shelf.entries) == {first.reference, second.reference}
    calendar.refresh_from_db()
    assert (calendar.failures, calendar.last_error) == (0, "")


def test_an_entry_that_never_works_is_given_up_in_the_end_and_the_calendar_goes_on(clinic, calendar, shelf):
    clock = Clock()
    poison = book(clinic)
    for hour in range(MOST_ATTEMPTS):
        shelf.failures = [error(Fault.PASSING)]
        drain(calendar, shelf, clock)
        fine = book(clinic, hours=3 + hour / 2)
        drain(calendar, shelf, clock)
        assert fine.reference in shelf.entries
        clock.pass_by(hours=2)
    row = CalendarSync.objects.get(appointment=poison)
    assert (row.state, row.attempts) == ("given_up", MOST_ATTEMPTS)


@pytest.mark.parametrize("fault", [Fault.PASSING, Fault.AWAY, Fault.CROWDED])
def test_an_outage_of_days_uses_up_no_attempts(clinic, calendar, shelf, fault):
    clock = Clock()
    booked = [book(clinic, hours=2 + hour) for hour in range(4)]
    for _ in range(60):
        shelf.failures = [error(fault)] * 4
        drain(calendar, shelf, clock)
        clock.pass_by(hours=1)
    assert max(CalendarSync.objects.values_list("attempts", flat=True)) < MOST_ATTEMPTS
    shelf.failures = []
    drain(calendar, shelf, clock)
    assert set(shelf.entries) == {each.reference for each in booked}


def test_a_calendar_that_rests_is_asked_by_one_worker_once(clinic, calendar, shelf):
    clock = Clock()
    for hours in range(2, 7):
        book(clinic, hours=hours)
    shelf.failures = [error(Fault.AWAY)] * 9
    drain(calendar, shelf, clock)
    drain(calendar, shelf, clock)
    assert len(shelf.asked) == 1
    clock.pass_by(minutes=2)
    drain(calendar, shelf, clock)
    assert len(shelf.asked) == 2


def test_a_provider_that_asks_for_time_gets_it(calendar, shelf, appointment):
    clock = Clock()
    shelf.failures = [error(Fault.CROWDED, retry_after=timedelta(minutes=10))]
    drain(calendar, shelf, clock)
    clock.pass_by(minutes=9)
    drain(calendar, shelf, clock)
    assert len(shelf.asked) == 1
    clock.pass_by(minutes=2)
    drain(calendar, shelf, clock)
    assert list(shelf.entries) == [appointment.reference]


def test_an_entry_that_cannot_be_is_given_up_at_once_and_others_go_on(clinic, calendar, shelf):
    first, second = book(clinic), book(clinic, hours=4)
    shelf.failures = [error(Fault.ENTRY)]
    drain(calendar, shelf)
    assert list(shelf.entries) == [second.reference]
    row = CalendarSync.objects.get(appointment=first)
    assert (row.state, row.last_error) == ("given_up", "It did not work.")
    assert list(CalendarSync.objects.unresolved()) == [row]


def test_a_failure_is_made_good_by_the_next_write(calendar, shelf, appointment):
    shelf.failures = [error(Fault.ENTRY)]
    drain(calendar, shelf)
    move(appointment)
    drain(calendar, shelf)
    assert not CalendarSync.objects.unresolved().exists()
    assert CalendarSync.objects.filter(state="given_up", resolved_at__isnull=False).count() == 1


def test_a_fault_of_our_own_loses_nothing(clinic, calendar, shelf, caplog):
    clock = Clock()
    booked = [book(clinic), book(clinic, hours=4)]
    shelf.failures = [ZeroDivisionError()]
    drain(calendar, shelf, clock)
    assert "a fault of our own" in caplog.text
    clock.pass_by(minutes=1)
    drain(calendar, shelf, clock)
    assert set(shelf.entries) == {each.reference for each in booked}


def test_a_stopped_calendar_waits_and_resumes_where_it_stopped(clinic, calendar, shelf):
    booked = [book(clinic, hours=2 + hour) for hour in range(3)]
    shelf.failures = [None, error(Fault.CALENDAR)]
    drain(calendar, shelf)
    calendar.refresh_from_db()
    assert (calendar.state, len(shelf.entries)) == (State.BROKEN, 1)
    booked.append(book(clinic, hours=6))
    drain(calendar, shelf)
    assert (len(shelf.asked), rows()[1:]) == (2, [("pending", "")] * 3)
    assert CalendarSync.objects.order_by("pk")[1].attempts == 0
    calendar.state = State.ACTIVE
    calendar.save()
    drain(calendar, shelf)
    assert set(shelf.entries) == {each.reference for each in booked}


def test_disconnecting_ends_when_the_last_entry_is_removed(clinic, calendar, shelf, appointment):
    drain(calendar, shelf)
    CalendarConnection.objects.update(state=State.LEAVING)
    CalendarSync.objects.create(
        appointment=appointment, connection=calendar, reason="disconnect", created_at=NOW, due_at=NOW
    )
    drain(calendar, shelf)
    calendar.refresh_from_db()
    assert (shelf.entries, calendar.state, calendar.ciphertext) == ({}, State.DISCONNECTED, None)


def test_disconnecting_a_calendar_that_cannot_be_opened_ends_too(calendar, shelf, appointment):
    CalendarConnection.objects.update(state=State.LEAVING)
    shelf.failures = [error(Fault.CALENDAR)]
    drain(calendar, shelf)
    calendar.refresh_from_db()
    assert (calendar.state, calendar.key_id, rows()) == (State.DISCONNECTED, "", [("closed", "")])
    assert "It did not work." in calendar.last_error


def test_a_row_costs_few_statements(calendar, shelf, appointment, django_assert_num_queries):
    Organisation.current()
    with django_assert_num_queries(26):
        drain(calendar, shelf)


# ------------------------------------------------------------------------------------------------- the sweep


def test_the_sweep_tells_of_calendars_with_something_due(clinic, calendar, appointment):
    idle, resting = connection(clinic.colleague()), connection(clinic.staff, retry_at=NOW + HOUR)
    broken = connection(clinic.staff, state="broken", broken_at=NOW)
    leaving = connection(clinic.colleague(), state="leaving")
    book(clinic, hours=4)
    assert syncing.waiting(now=NOW + timedelta(seconds=1)) == [calendar.pk, leaving.pk]
    assert {idle.pk, resting.pk, broken.pk} & set(syncing.waiting(now=NOW + 2 * HOUR)) == {resting.pk}
