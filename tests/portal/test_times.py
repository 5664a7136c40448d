"""Which times a customer is offered: exactly those that a booking by a customer would be given."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments.models import Customer
from portal import holds
from portal.times import Search, bookable_days, offered, offered_at
from scheduling import rules
from scheduling.rules import BookingRefused, Placement
from scheduling.staffing import time_off
from securecare import localtime
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
QUARTER = timedelta(minutes=15)
SECOND = timedelta(seconds=1)


def starts(clinic, *, now=NOW, first_day=TODAY, last_day=None, **search):
    found = offered(
        Search(clinic.program, **search), first_day=first_day, last_day=last_day or first_day, now=now
    )
    return [time.starts_at for time in found]


def round_the_clock(zone, **program):
    """A clinic that never closes: nothing but the program's own rules bounds its times."""
    clinic = Clinic.open(time_zone=zone, program=program)
    clinic.staff.shifts.update(starts=time(0), ends=time(0))
    return clinic


# ------------------------------------------------------------------------------------- notice and furthest day

# The day before clocks change, at an instant from which 24 hours reach across the change; and a day like any other.
ACROSS = [
    ("America/New_York", datetime(2026, 11, 23, 14, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 31, 20, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2027, 3, 13, 20, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 5, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 5, 0, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 5, 20, 0, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 4, 20, 0, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 10, 0, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2026, 11, 23, 9, 59, tzinfo=UTC)),
    ("Antarctica/Troll", datetime(2026, 10, 24, 14, 0, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "now"), ACROSS)
def test_notice_is_hours_that_pass_whatever_the_clocks_do(zone, now):
    clinic = round_the_clock(zone, min_notice_hours=24)
    days = {
        "first_day": localtime.local_date(now, zone),
        "last_day": localtime.local_date(now, zone) + 3 * DAY,
    }
    allowed = now + 24 * HOUR
    first = next(
        slot for slot in localtime.walk(allowed.replace(minute=0), allowed + HOUR + HOUR) if slot >= allowed
    )
    assert starts(clinic, now=now, **days)[0] == first
    exactly = first - 24 * HOUR
    assert starts(clinic, now=exactly, **days)[0] == first
    assert starts(clinic, now=exactly + SECOND, **days)[0] == first + QUARTER


@pytest.mark.parametrize(("zone", "now"), ACROSS)
def test_the_furthest_day_is_offered_to_its_last_instant_and_the_next_not_at_all(zone, now):
    clinic = round_the_clock(zone, max_advance_days=1)
    today = localtime.local_date(now, zone)
    found = starts(clinic, now=now, first_day=today, last_day=today + 5 * DAY)
    assert bookable_days(clinic.program, now) == (today, today + DAY)
    assert found[-1] == localtime.day_slots(today + DAY, zone)[-1]
    assert starts(clinic, now=now, first_day=today + 2 * DAY) == []


def test_the_day_turns_at_the_facilitys_midnight():
    clinic = round_the_clock("Pacific/Apia", max_advance_days=0)
    before_midnight = datetime(2026, 11, 23, 10, 59, 59, tzinfo=UTC)  # UTC+13
    assert bookable_days(clinic.program, before_midnight) == (date(2026, 11, 23), date(2026, 11, 23))
    assert bookable_days(clinic.program, before_midnight + SECOND) == (date(2026, 11, 24), date(2026, 11, 24))


def test_a_notice_beyond_the_furthest_day_leaves_nothing():
    clinic = round_the_clock("America/New_York", min_notice_hours=72, max_advance_days=2)
    assert starts(clinic, last_day=TODAY + 9 * DAY) == []


# --------------------------------------------------------------------------------- what is offered can be booked


def can_be_booked(clinic, starts_at, *, customer, now, moving=None, minutes=30):
    place = Placement(
        customer, clinic.staff, clinic.program, starts_at, minutes, by=None, now=now, moving=moving
    )
    try:
        rules.check_shape(place)
        rules.check(place)
    except BookingRefused:
        return False
    return True


@pytest.mark.parametrize(("zone", "now"), ACROSS)
def test_what_is_offered_is_exactly_what_a_customer_can_book(zone, now):
    """Every quarter hour of three days on which clocks change is tried: shifts, absences, buffer, notice, furthest day, the
    customer's own appointments and the cool-down."""
    today = localtime.local_date(now, zone)
    program = {"buffer_minutes": 15, "min_notice_hours": 5, "max_advance_days": 2, "default_minutes": 45}
    clinic = Clinic.open(time_zone=zone, program=program)
    clinic.staff.shifts.update(starts=time(22), ends=time(10))
    make.time_off(staff=clinic.staff, first_day=today + DAY, starts=time(4, 20), ends=time(5, 10))
    customer = make.customer(at=clinic.facility)
    elsewhere = Clinic.open(time_zone=zone)
    elsewhere.staff.shifts.update(starts=time(0), ends=time(0))
    make.appointment(
        starts_at=localtime.day_slots(today + DAY, zone)[33],
        staff=elsewhere.staff,
        program=elsewhere.program,
        customer=customer,
        now=now - 30 * DAY,
    )
    make.appointment(
        starts_at=localtime.day_slots(today + DAY, zone)[2],
        staff=clinic.staff,
        program=clinic.program,
        now=now - 30 * DAY,
    )
    tried = [slot for step in range(-1, 4) for slot in localtime.day_slots(today + step * DAY, zone)]
    bookable = [at for at in tried if can_be_booked(clinic, at, customer=customer, now=now, minutes=45)]
    span = {"first_day": today - DAY, "last_day": today + 3 * DAY}
    assert starts(clinic, now=now, customer=customer, **span) == bookable
    assert 20 < len(bookable) < len(starts(clinic, now=now, **span)) < len(tried)


def test_cool_down_days_are_left_out_for_the_customer_alone():
    clinic = Clinic.open(program={"cool_down_days": 2, "max_advance_days": 10})
    customer = make.customer(at=clinic.facility)
    make.appointment(
        starts_at=at(TODAY + 4 * DAY, 16, 30), staff=clinic.staff, program=clinic.program, customer=customer
    )
    span = {"last_day": TODAY + 10 * DAY}
    days = {
        localtime.local_date(found, "America/New_York") for found in starts(clinic, customer=customer, **span)
    }
    assert days == {TODAY + step * DAY for step in (0, 1, 2, 6, 7, 8, 9, 10)}
    assert len({localtime.local_date(found, "America/New_York") for found in starts(clinic, **span)}) == 11


def test_an_appointment_that_moves_does_not_stand_in_its_own_way():
    clinic = Clinic.open(program={"cool_down_days": 7, "buffer_minutes": 30})
    customer = make.customer(at=clinic.facility)
    moving = make.appointment(
        starts_at=at(TODAY, 13), staff=clinic.staff, program=clinic.program, customer=customer, minutes=60
    )
    other = clinic.colleague()
    mine = starts(clinic, customer=customer, moving=moving, staff=clinic.staff)
    assert at(TODAY, 13) not in mine
    assert {at(TODAY, 12, 15), at(TODAY, 12, 45), at(TODAY, 13, 15), at(TODAY, 14)} <= set(mine)
    assert mine[-1] == at(TODAY, 16)  # as long as it is, not as long as the program's are
    assert at(TODAY, 13) in starts(clinic, customer=customer, moving=moving, staff=other)


# ------------------------------------------------------------------------------------------------- staff's hours


def test_times_keep_the_buffer_on_both_sides_to_the_minute():
    clinic = Clinic.open(program={"buffer_minutes": 30})
    make.appointment(starts_at=at(TODAY, 12), staff=clinic.staff, program=clinic.program)
    found = starts(clinic)
    assert [found_at for found_at in found if at(TODAY, 10, 45) < found_at < at(TODAY, 13, 15)] == [
        at(TODAY, 11),
        at(TODAY, 13),
    ]


def test_a_shift_is_offered_to_its_end_and_no_further():
    clinic = Clinic.open(program={"default_minutes": 45})
    found = starts(clinic)
    assert (found[0], found[-1]) == (NOW, at(TODAY, 16, 15))


def test_approved_time_off_removes_its_times_at_once():
    clinic = Clinic.open()
    manager = make.user()
    away = time_off.Away(TODAY, TODAY, time(10), time(16))
    asked = time_off.ask_time_off(staff=clinic.staff, away=away, reason="", by=manager, now=NOW)
    assert at(TODAY, 12) in starts(clinic)
    time_off.approve(time_off=asked, by=manager, now=NOW)
    assert starts(clinic) == [
        at(TODAY, 9),
        at(TODAY, 9, 15),
        at(TODAY, 9, 30),
        at(TODAY, 16),
        at(TODAY, 16, 15),
        at(TODAY, 16, 30),
    ]


def test_a_closed_day_has_no_times():
    clinic = Clinic.open()
    make.closure(at=clinic.facility)
    assert starts(clinic) == []
    assert starts(clinic, first_day=TODAY + DAY) != []


def test_other_staffs_times_are_offered_until_one_is_chosen():
    clinic = Clinic.open()
    clinic.staff.shifts.update(ends=time(12))
    other = clinic.colleague()
    other.shifts.update(starts=time(12))
    make.week(staff=make.staff(at=clinic.facility), at=clinic.facility, starts=time(17), ends=time(20))
    assert {found.hour for found in starts(clinic)} == set(range(14, 22))
    assert starts(clinic, staff=other)[0] == at(TODAY, 12)
    assert starts(clinic, staff=clinic.staff)[-1] == at(TODAY, 11, 30)


def test_offered_at_names_who_can_be_booked_at_this_very_time():
    clinic = Clinic.open()
    other = clinic.colleague()
    make.appointment(starts_at=at(TODAY, 10), staff=clinic.staff, program=clinic.program)
    search = Search(clinic.program)
    assert [found.staff for found in offered_at(search, at(TODAY, 10), now=NOW)] == [other]
    assert [found.staff for found in offered_at(search, at(TODAY, 11), now=NOW)] == [clinic.staff, other]
    assert offered_at(search, at(TODAY, 10, 7), now=NOW) == []


def test_offers_take_the_same_queries_for_many_staff_and_days():
    clinic = Clinic.open()
    customer = make.customer(at=clinic.facility)

    def queries(search, days):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            offered(search, first_day=TODAY, last_day=TODAY + days * DAY, now=NOW)
        return len(asked)

    known = Search(clinic.program, customer=Customer.objects.get(pk=customer.pk))
    assert (queries(Search(clinic.program), 0), queries(known, 0)) == (3, 4)
    for _ in range(19):
        clinic.colleague()
    assert (queries(Search(clinic.program), 40), queries(known, 40)) == (3, 4)


def test_a_hold_hides_one_colleague_and_leaves_the_other():
    clinic = Clinic.open()
    other = clinic.colleague()
    found = offered_at(Search(clinic.program), at(TODAY, 10), now=NOW)
    holds.hold(found[0], facility=clinic.facility.pk, visitor="ann", now=NOW)
    left = offered_at(Search(clinic.program, visitor="ben"), at(TODAY, 10), now=NOW)
    assert [time.staff for time in left] == [other]
