"""The day as lists: appointments, what keeps people away, and the free times between."""

from datetime import date, time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.models import Appointment
from scheduling import booking, listing
from scheduling.axis import Axis
from scheduling.day import Card, Day
from scheduling.roster import Column, Person
from scheduling.selection import Selection
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.scheduling.desk import Desk
from tests.scheduling.test_grid import day_of


def lines_of(desk, **options):
    [section] = listing.sections(day_of(desk.staff.user, **options.pop("view", {})), **options)
    return section.lines


def today(desk, hour, minute=0, **fields):
    given = {"staff": desk.staff, "program": desk.program, **fields}
    return make.appointment(starts_at=make.at(TODAY, hour, minute, desk.facility.time_zone), **given)


@pytest.fixture
def desk(db):
    return Desk.open(name="Northside")


def test_sections_tell_the_day_by_time(desk):
    ada = make.customer(at=desk.facility, given_name="Ada", family_name="Nguyen")
    made = today(desk, 10, customer=ada)
    Appointment.objects.filter(pk=made.pk).update(email_confirmed_at=NOW)
    make.time_off(staff=desk.staff, starts=time(15), reason="Training day")

    told = [(line.time, line.kind, line.label, line.customer, line.confirmed) for line in lines_of(desk)]

    assert told == [
        ("9:00–10:00 AM", "free", "Free", "", ""),
        ("10:00–10:30 AM", "scheduled", "Scheduled", "Ada Nguyen", "by e-mail"),
        ("10:30 AM–3:00 PM", "free", "Free", "", ""),
        ("3:00–5:00 PM", "away", "Time off: Training day", "", ""),
    ]


def test_cancelled_appointment_leaves_its_time_free(desk):
    gone = today(desk, 10)
    booking.cancel(appointment=gone, reason="", by=desk.staff.user, now=NOW)

    assert [(line.kind, line.time) for line in lines_of(desk)] == [
        ("free", "9:00 AM–5:00 PM"),
        ("cancelled", "10:00–10:30 AM"),
    ]


def test_status_filter_drops_appointments_and_frees_nothing(desk):
    today(desk, 9, minutes=480)

    assert lines_of(desk, view={"statuses": ["arrived"]}) == []


def test_free_times_begin_no_earlier_than_now(desk):
    now = make.at(TODAY, 16, 20)

    [line] = lines_of(desk, now=now)

    assert (line.time, line.book_at, line.minutes) == ("4:30–5:00 PM", "2026-11-23T21:30:00Z", 30)


def test_line_of_another_zone_says_its_own_time(db):
    desk = Desk.open(name="Harbor House", time_zone="America/Chicago")
    east = make.facility(name="Eastside")
    desk.staff.facilities.add(east)
    today(desk, 10)

    [line] = [line for line in lines_of(desk, view={"zone": "America/New_York"}) if line.reference]

    assert (line.time, line.local_time, line.facility) == ("11:00–11:30 AM", "10:00 AM CST", "Harbor House")


SPANS = st.lists(st.tuples(st.integers(0, 95), st.integers(1, 20)), max_size=8)


@given(work=SPANS, held=SPANS)
def test_free_is_exactly_the_work_that_nothing_holds(work, held):
    spans = sorted({(start, min(96, start + size)) for start, size in work})
    merged = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    cards = [Card("", 0, 1, 1, s, s + n, "scheduled", "", "", "") for s, n in held]
    column = Column(Person(1, "Dana", [1]), "", merged, [])
    axis = Axis.of(date(2026, 11, 23), "UTC")
    day = Day(axis, Selection([], None, frozenset(), "list", "UTC", False), {}, [], [column], cards)

    found = list(listing.free(day, column, cards))

    worked = {slot for start, end in merged for slot in range(start, end)}
    taken = {slot for card in cards for slot in range(card.start, card.end)}
    assert [slot for start, end in found for slot in range(start, end)] == sorted(worked - taken)
    assert all(one[1] < other[0] for one, other in pairwise(found))
