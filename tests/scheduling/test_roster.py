"""Who works when on one day, and how it is said."""

from datetime import date, time

import pytest

from scheduling import hours
from scheduling.axis import Axis
from scheduling.roster import Person, columns, wall_span
from tests import factories as make
from tests.factories import TODAY


@pytest.fixture
def place(db):
    return make.facility(name="Northside")


def column_of(staff, *facilities, day=TODAY, zone="America/New_York"):
    rules = hours.load(staff=[staff.pk], first_day=day, last_day=day)
    person = Person(staff.pk, staff.display_name, [each.pk for each in facilities])
    [made] = columns(people=[person], facilities=facilities, rules=rules, axis=Axis.of(day, zone))
    return made


@pytest.mark.parametrize(
    ("starts", "ends", "said"),
    [
        (time(9), time(17), "9 AM–5 PM"),
        (time(13), time(17, 30), "1–5:30 PM"),
        (time(8, 30), time(11), "8:30–11 AM"),
        (time(22), time(6), "10 PM–6 AM"),
        (time(23), time(22), "11 PM–10 PM"),
        (time(0), time(0), "12 AM–12 AM"),
    ],
)
def test_wall_span_says_hours_shortly(starts, ends, said):
    assert wall_span(starts, ends) == said


def test_line_names_each_facility_with_its_turns(place):
    harbor = make.facility(name="Harbor House", time_zone="America/Chicago")
    staff = make.staff(at=[place, harbor])
    make.shift(staff=staff, at=place, starts=time(9), ends=time(12))
    make.shift(staff=staff, at=place, starts=time(13), ends=time(14))
    make.shift(staff=staff, at=harbor, starts=time(14), ends=time(16))

    made = column_of(staff, place, harbor)

    assert made.line == "Northside · 9 AM–12 PM, 1–2 PM; Harbor House · 2–4 PM CST"
    assert made.work == [(36, 48), (52, 56), (60, 68)]


def test_night_shift_shows_on_both_of_its_dates(place):
    staff = make.staff(at=place)
    make.shift(staff=staff, at=place, weekday=0, starts=time(22), ends=time(6))

    assert column_of(staff, place).work == [(88, 96)]
    assert column_of(staff, place, day=date(2026, 11, 24)).work == [(0, 24)]
    assert column_of(staff, place, day=date(2026, 11, 25)).line == "Not working"


def test_repeated_hour_is_worked_twice(place):
    staff = make.staff(at=place)
    make.shift(staff=staff, at=place, weekday=6, starts=time(0), ends=time(4))

    assert column_of(staff, place, day=date(2026, 11, 1)).work == [(0, 20)]


def test_time_off_takes_only_what_would_be_worked(place):
    staff = make.staff(at=place)
    make.week(staff=staff, at=place)
    make.time_off(staff=staff, starts=time(15), ends=time(19))

    made = column_of(staff, place)

    assert (made.work, [tuple(each) for each in made.away]) == ([(36, 60)], [(60, 68, "Time off")])


def test_whole_day_off_says_so_in_the_line(place):
    staff = make.staff(at=place)
    make.week(staff=staff, at=place)
    make.time_off(staff=staff, reason="Vacation")

    made = column_of(staff, place)

    assert (made.line, made.work) == ("Time off: Vacation", [])
    assert [tuple(each) for each in made.away] == [(36, 68, "Time off: Vacation")]


def test_closure_takes_only_the_closed_facilitys_hours(place):
    harbor = make.facility(name="Harbor House")
    staff = make.staff(at=[place, harbor])
    make.shift(staff=staff, at=place, starts=time(9), ends=time(12))
    make.shift(staff=staff, at=harbor, starts=time(12), ends=time(15))
    make.closure(at=place, reason="Flooding")

    made = column_of(staff, place, harbor)

    assert made.work == [(48, 60)]
    assert [tuple(each) for each in made.away] == [(36, 48, "Closed: Flooding")]


def test_axis_of_another_zone_cuts_the_local_day(place):
    """Midnight in Tokyo is 10 AM in New York, so one day there has parts of two shifts here."""
    staff = make.staff(at=place)
    make.week(staff=staff, at=place)

    assert column_of(staff, place, zone="Asia/Tokyo").work == [(0, 28), (92, 96)]
