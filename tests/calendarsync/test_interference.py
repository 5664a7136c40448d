"""What happens at the worst moment: people disconnect while a worker writes, connect while others cancel, and servers say what no
table holds."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from appointments.models import Appointment, Organisation
from calendarsync import connecting, syncing, tasks, trouble
from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection, CalendarSync
from calendarsync.models.connection import State
from calendarsync.providers.base import CalendarError, Fault, Known, Written
from reminders.models import Message
from scheduling import booking
from tests import factories as make
from tests.calendarsync.harness import CaldavHarness
from tests.calendarsync.shelf import Clock, Shelf, connection, drain
from tests.contracts.radicale import USERS
from tests.portal.clinic import Clinic
from tests.together import at_once, wait_until_somebody_waits

pytestmark = pytest.mark.django_db

NOW = make.NOW
HOUR = timedelta(hours=1)
UNSETTLED = ["pending", "claimed"]


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400})


@pytest.fixture
def calendar(clinic: Clinic) -> CalendarConnection:
    return connection(clinic.staff)


def book(clinic: Clinic, *, hours: float = 2, **given: Any) -> Appointment:
    starts_at = NOW + hours * HOUR
    return make.appointment(program=clinic.program, staff=clinic.staff, starts_at=starts_at, **given)


def fresh(calendar: CalendarConnection) -> CalendarConnection:
    return CalendarConnection.objects.select_related("staff").get(pk=calendar.pk)


def leave(calendar: CalendarConnection, *, removes_entries: bool = False) -> None:
    by = calendar.staff.user
    connecting.disconnect(connection=fresh(calendar), removes_entries=removes_entries, by=by, now=NOW)


def failure(fault: Fault, **given: Any) -> CalendarError:
    return CalendarError("It did not work.", fault=fault, **given)


class WhenClaimed(Clock):
    """Has something happen once a row is claimed, before it is looked at."""

    def __init__(self, happens: Any) -> None:
        super().__init__()
        self._happens = happens

    def __call__(self) -> datetime:
        if self._happens and CalendarSync.objects.filter(state="claimed").exists():
            happens, self._happens = self._happens, None
            happens()
        return super().__call__()


# ------------------------------------------------------------------------------------------ disconnecting


def test_what_is_left_there_stays_though_a_worker_had_a_row(clinic, calendar):
    shelf, booked = Shelf(), book(clinic)
    drain(calendar, shelf)
    booking.reschedule(appointment=booked, starts_at=booked.starts_at + HOUR, by=clinic.staff.user, now=NOW)
    drain(calendar, shelf, WhenClaimed(lambda: leave(calendar)))
    assert (fresh(calendar).state, list(shelf.entries)) == (State.DISCONNECTED, [booked.reference])
    assert not CalendarSync.objects.filter(state__in=UNSETTLED).exists()


def test_no_row_waits_for_a_calendar_that_was_left_during_a_failure(clinic, calendar):
    shelf = Shelf(failures=[failure(Fault.PASSING)], during=lambda: leave(calendar))
    book(clinic)
    drain(calendar, shelf)
    tasks.sweep()
    assert not CalendarSync.objects.filter(state__in=UNSETTLED).exists()


def test_no_row_of_a_lost_worker_waits_for_a_calendar_that_was_left(clinic, calendar):
    book(clinic)
    CalendarSync.objects.claim(CalendarSync.objects.get().pk, now=Clock()())
    leave(calendar)
    tasks.sweep()
    assert not CalendarSync.objects.filter(state__in=UNSETTLED).exists()


def test_an_entry_that_cannot_be_removed_does_not_keep_the_credentials(clinic, calendar):
    shelf, clock = Shelf(), Clock()
    book(clinic)
    drain(calendar, shelf, clock)
    leave(calendar, removes_entries=True)
    for _ in range(20):
        shelf.failures = [failure(Fault.PASSING)]
        clock.pass_by(hours=2)
        drain(calendar, shelf, clock)
    assert (fresh(calendar).state, fresh(calendar).ciphertext) == (State.DISCONNECTED, None)
    assert [row.state for row in CalendarSync.objects.filter(reason="disconnect")] == ["given_up"]


# -------------------------------------------------------------------------------------------- connecting


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_at_the_moment_of_connecting_is_not_lost(radicale):
    clinic = Clinic.open()
    by_caldav = CaldavHarness(radicale)
    first = by_caldav.connection(clinic.staff)
    booked, shelf = book(clinic), Shelf()
    leave(first)
    cancelled = threading.Event()

    def cancel() -> None:
        with transaction.atomic():
            booking.cancel(appointment=booked, reason="", by=clinic.staff.user, now=NOW)
            cancelled.set()
            wait_until_somebody_waits()

    def connect() -> None:
        assert cancelled.wait(10)
        draft, _ = connecting.begin_caldav(
            staff=clinic.staff,
            server=first.server,
            username="dana",
            password=USERS["dana"],
            by=clinic.staff.user,
            now=NOW,
        )
        connecting.choose(
            connection=draft,
            calendar=first.calendar,
            title_style="initials",
            by=clinic.staff.user,
            now=NOW,
        )

    at_once([cancel, connect])
    drain(CalendarConnection.objects.get(state="active"), shelf)
    assert shelf.entries == {}


# ------------------------------------------------------------------------------------- awkward servers


class Poisoned(Shelf):
    """Never takes one of them."""

    poison: Any = None

    def put(self, entry: Entry, known: Known | None) -> Written:
        if entry.appointment == self.poison:
            self.failures = [failure(Fault.PASSING)]
        return super().put(entry, known)


def test_an_entry_that_always_fails_keeps_nothing_behind_it_waiting(clinic, calendar):
    shelf, clock = Poisoned(), Clock()
    shelf.poison = book(clinic).reference
    for _ in range(4):
        drain(calendar, shelf, clock)
        clock.pass_by(hours=1)
    others = {book(clinic, hours=3 + n / 2).reference for n in range(3)}
    CalendarSync.objects.filter(attempts=0).update(reason="backfill", rank=2)
    for _ in range(6):
        drain(calendar, shelf, clock)
        clock.pass_by(hours=1)
    assert set(shelf.entries) == others


def test_a_server_in_trouble_that_asks_for_time_gets_it(clinic, calendar):
    shelf = Shelf(failures=[failure(Fault.PASSING, retry_after=timedelta(minutes=10))])
    for hours in (2, 3, 4):
        book(clinic, hours=hours)
    drain(calendar, shelf)
    assert len(shelf.asked) == 1


class Verbose(Shelf):
    def put(self, entry: Entry, known: Known | None) -> Written:
        done = super().put(entry, known)
        return Written(done.external_id, '"' + "x" * 300 + '"', done.was_there)


def test_an_etag_of_any_length_is_kept(clinic, calendar):
    book(clinic)
    drain(calendar, Verbose())
    assert CalendarSync.objects.get().state == "done"


class Unstorable(Shelf):
    def put(self, entry: Entry, known: Known | None) -> Written:
        done = super().put(entry, known)
        return Written("x" * 2000, done.etag, done.was_there)


def test_what_cannot_be_noted_is_tried_again_and_holds_nothing_up(clinic, calendar, caplog):
    book(clinic)
    drain(calendar, Unstorable())
    row = CalendarSync.objects.get()
    assert (row.state, row.last_error) == ("pending", "A fault of our own: DataError")


def test_a_servers_words_are_kept_without_what_no_database_takes(clinic, calendar):
    book(clinic)
    drain(calendar, Shelf(failures=[CalendarError("bad \0 word", fault=Fault.ENTRY)]))
    assert (CalendarSync.objects.get().state, CalendarSync.objects.get().last_error) == (
        "given_up",
        "bad  word",
    )


def test_one_calendar_under_two_addresses_keeps_what_was_reassigned(clinic, caldav_harness):
    colleague = clinic.colleague()
    one = caldav_harness.connection(clinic.staff)
    two = caldav_harness.connection(colleague, calendar=one.calendar, key="another spelling")
    booked = book(clinic)
    go(one)
    booking.reassign(appointment=booked, staff=colleague, by=clinic.staff.user, now=NOW)
    go(two)
    go(one)
    assert [each.appointment for each in caldav_harness.standing(one)] == [booked.reference]


def go(calendar: CalendarConnection) -> None:
    syncing.drain(calendar.pk, clock=Clock(), pace=lambda _: None)


# ------------------------------------------------------------------------------------------------ privacy


def test_busy_and_nothing_else_shows_no_note(clinic, calendar):
    Organisation.objects.update_or_create(pk=1, defaults={"calendars_show_public_notes": True})
    book(clinic, public_note="Ada Nguyen brings her papers")
    CalendarConnection.objects.update(title_style="busy")
    shelf = Shelf()
    drain(calendar, shelf)
    assert "Nguyen" not in str(shelf.entries)


def test_who_left_is_told_nothing(clinic, calendar):
    clinic.staff.user.email = "gone@example.org"
    clinic.staff.user.save()
    clinic.staff.is_active = False
    clinic.staff.save()
    trouble.stop(fresh(calendar), failure(Fault.CALENDAR), now=NOW)
    assert not Message.objects.filter(address="gone@example.org").exists()
