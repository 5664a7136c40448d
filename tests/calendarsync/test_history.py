"""The calendars of an appointment, in its history: what was due when, and how it ended."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from appointments.access import Access
from calendarsync import trail
from calendarsync.models import CalendarSync
from scheduling import booking
from scheduling.history import history
from tests import factories as make
from tests.calendarsync.shelf import Clock, Shelf, connection, drain
from tests.calendarsync.written import row
from tests.scheduling.desk import Desk, signed_in, text_of

pytestmark = pytest.mark.django_db

SECRETS = ("Family calendar", "dana@example.org", "cal.example.org")


@pytest.fixture
def desk() -> Desk:
    return Desk.open(name="Northside")


@pytest.fixture
def calendar(desk: Desk):
    return connection(desk.staff, calendar_name="Family calendar", account="dana@example.org")


def access(staff) -> Access:
    return Access(User.objects.select_related("staff_member").get(pk=staff.user_id))


def told(appointment, reader):
    """Per entry of the history, newest first: its kind, and what is said of calendars, sorted."""
    return [
        (entry.what, sorted((one.calendar, one.reason, one.outcome.words) for one in entry.calendars))
        for entry in history(appointment, reader=access(reader))
    ]


def test_each_change_names_the_calendars_that_it_was_brought_to(desk, calendar):
    other = desk.colleague()
    theirs = connection(other, provider="google", calendar_name="Other")
    appointment, clock = desk.appointment(), Clock(timezone.now())
    drain(calendar, Shelf(), clock)
    booking.reschedule(
        appointment=appointment,
        starts_at=appointment.starts_at,
        staff=other,
        by=other.user,
        now=timezone.now(),
    )
    clock.pass_by(minutes=1)
    drain(theirs, Shelf(), clock)

    owner = (f"{desk.staff}’s calendar Family calendar (CalDAV)", "")
    assert told(appointment, desk.staff) == [
        (
            "Reassigned",
            sorted([(*owner, "Waiting"), (f"{other}’s calendar (Google Calendar)", "", "Added")]),
        ),
        ("Booked", [(*owner, "Added")]),
    ]


def test_what_no_change_made_due_stands_with_the_change_before_it(desk, calendar):
    appointment = desk.appointment()
    booked = appointment.events.get().at
    CalendarSync.objects.all().delete()
    row(appointment, calendar, reason="backfill", at=booked - timedelta(days=1))
    row(appointment, calendar, reason="style", at=booked + timedelta(seconds=1))
    booking.mark(
        appointment=appointment, status="arrived", by=desk.staff.user, now=booked + timedelta(minutes=1)
    )
    CalendarSync.objects.filter(reason="change").delete()
    row(appointment, calendar, reason="reconcile", at=booked + timedelta(days=1))
    reasons = [
        (what, [reason for _, reason, _ in brought]) for what, brought in told(appointment, desk.staff)
    ]
    assert reasons == [
        ("Marked arrived", ["The calendar differed"]),
        ("Booked", ["The calendar was connected", "What entries show was changed"]),
    ]


@pytest.mark.parametrize(
    ("role", "sees_all"),
    [("provider", False), ("front_desk", False), ("billing", False), ("manager", True)],
)
def test_names_and_reasons_are_for_who_may_see_the_calendar(desk, calendar, role, sees_all):
    appointment = desk.appointment()
    CalendarSync.objects.all().delete()
    row(appointment, calendar, "given_up", last_error="cal.example.org refused dana@example.org.")
    response = desk.signed_in(role).get(f"/appointments/{appointment.reference}/")
    shown, content = text_of(response).partition("History")[2], response.content.decode()
    name = " Family calendar" if sees_all else ""
    assert f"{desk.staff}’s calendar{name} (CalDAV) · due Mon, Nov 23, 9:00 AM Failed" in shown
    assert {secret: secret in content for secret in (*SECRETS, str(calendar.reference))} == {
        "Family calendar": sees_all,
        "dana@example.org": sees_all,
        "cal.example.org": sees_all,
        str(calendar.reference): sees_all,
    }


def test_owner_reads_all_of_their_own(desk, calendar):
    appointment = desk.appointment()
    row(appointment, calendar, "given_up", last_error="cal.example.org refused dana@example.org.")
    content = signed_in(desk.staff).get(f"/appointments/{appointment.reference}/").content.decode()
    assert all(secret in content for secret in SECRETS)
    assert re.search(rf'<a href="/calendars/{calendar.reference}/">[^<]*Family calendar', content)


def test_manager_elsewhere_reads_of_it_as_anybody(desk, calendar):
    appointment = desk.appointment()
    far = make.staff(at=Desk.open().facility, role="manager")
    [(_, [(name, _, _)])] = told(appointment, far)
    assert name == f"{desk.staff}’s calendar (CalDAV)"


def test_disconnected_calendars_stay_in_the_history(desk, calendar):
    appointment = desk.appointment()
    type(calendar).objects.filter(pk=calendar.pk).update(
        state="disconnected", disconnected_at=make.NOW, ciphertext=None, salt=None, key_id=""
    )
    [(_, brought)] = told(appointment, desk.staff)
    assert [words for _, _, words in brought] == ["Waiting"]


def test_an_end_at_the_time_it_was_due_is_said_once(desk, calendar):
    appointment = desk.appointment()
    CalendarSync.objects.all().delete()
    row(appointment, calendar, "pending")
    row(appointment, calendar, "done", settled_at=make.NOW + timedelta(minutes=2))
    brought = trail.of(appointment, access(desk.staff))
    assert [one.outcome.at for one in brought] == [None, make.NOW + timedelta(minutes=2)]
    assert {one.due_at for one in brought} == {make.NOW}


def test_of_very_many_the_latest_are_told(desk, calendar):
    appointment = desk.appointment()
    CalendarSync.objects.all().delete()
    made = [row(appointment, calendar, at=make.NOW + timedelta(minutes=n)) for n in range(101)]
    brought = trail.of(appointment, access(desk.staff))
    assert [one.due_at for one in brought] == [one.due_at for one in made[1:]]


def test_without_a_reader_nothing_is_asked_or_said_of_calendars(desk, calendar, django_assert_num_queries):
    appointment = desk.appointment()
    with django_assert_num_queries(3):
        assert [entry.calendars for entry in history(appointment)] == [[]]


@pytest.mark.parametrize("count", [1, 30])
def test_history_takes_the_same_queries_for_one_and_thirty(desk, count, django_assert_num_queries):
    appointment, reader = desk.appointment(), make.staff(at=desk.facility, role="manager")
    for _ in range(count):
        row(appointment, connection(desk.colleague()))
    seen_by = access(reader)
    # events, two of names, rows, the reader's facilities, the calendars among them that they see
    with django_assert_num_queries(7):
        [entry] = history(appointment, reader=seen_by)
    assert len(entry.calendars) == count
