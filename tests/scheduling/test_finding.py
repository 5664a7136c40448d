from datetime import date, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scheduling.finding import Wish, find, next_times
from scheduling.rules import BookingRefused, Placement, objections
from securecare import localtime
from tests import factories as make
from tests.factories import NOW, TODAY, at

pytestmark = pytest.mark.django_db
TUESDAY = date(2026, 11, 24)
DAY = timedelta(days=1)


@pytest.fixture
def place():
    facility = make.facility()
    staff = make.staff(at=facility, display_name="Dana Reyes")
    make.week(staff=staff, at=facility)
    return facility, staff, make.program(at=facility, staff=staff)


def colleague(place, name="Marcus Bell", **hours):
    facility, _, program = place
    other = make.staff(at=facility, display_name=name)
    make.week(staff=other, at=facility, **hours)
    program.staff.add(other)
    return other


def instead(place, wanted, **fields):
    _, staff, program = place
    given = {"staff": staff, "program": program, "starts_at": wanted, "minutes": 30, "now": NOW, **fields}
    return [(t.staff.display_name, told(t)) for t in next_times(**given)]


def told(offer):
    return f"{localtime.local(offer.starts_at, 'America/New_York'):%a %H:%M}"


def test_next_times_come_nearest_first_same_person_then_colleagues_then_later(place):
    _, staff, program = place
    other = colleague(place)
    make.appointment(staff=staff, program=program, starts_at=at(TUESDAY, 10))
    assert instead(place, at(TUESDAY, 10)) == [
        ("Dana Reyes", "Tue 09:30"),
        ("Dana Reyes", "Tue 10:30"),
        ("Dana Reyes", "Tue 09:15"),
        (str(other), "Tue 10:00"),
        ("Dana Reyes", "Wed 10:00"),
        ("Dana Reyes", "Wed 09:45"),
    ]


def test_next_times_never_lie_before_now(place):
    assert instead(place, NOW - DAY)[0] == ("Dana Reyes", "Mon 09:00")
    late = at(TODAY, 16)
    assert {day for _, day in instead(place, at(TODAY, 9), now=late)} >= {"Mon 16:00", "Mon 16:15"}


def test_next_times_leave_out_when_the_customer_is_busy(place):
    facility, staff, program = place
    other = colleague(place)
    customer = make.customer(at=facility)
    make.appointment(staff=other, program=program, customer=customer, starts_at=at(TUESDAY, 10))
    offered = [day for _, day in instead(place, at(TUESDAY, 10), customer=customer)]
    assert offered[:3] == ["Tue 09:30", "Tue 10:30", "Tue 09:15"]
    assert "Tue 10:00" in [day for _, day in instead(place, at(TUESDAY, 10, 15))]


def test_next_times_leave_out_what_the_cool_down_forbids(place):
    facility, staff, program = place
    program.cool_down_days = 3
    program.save()
    customer = make.customer(at=facility)
    make.appointment(staff=staff, program=program, customer=customer, starts_at=at(TUESDAY, 10))
    offered = instead(place, at(TUESDAY + DAY, 10), customer=customer)
    assert offered[:3] == [
        ("Dana Reyes", "Fri 10:00"),
        ("Dana Reyes", "Fri 09:45"),
        ("Dana Reyes", "Sat 10:00"),
    ]


def test_next_times_leave_out_the_days_before_a_later_appointment_too(place):
    facility, staff, program = place
    program.cool_down_days = 3
    program.save()
    customer = make.customer(at=facility)
    friday = date(2026, 11, 27)
    make.appointment(staff=staff, program=program, customer=customer, starts_at=at(friday, 10))
    offered = instead(place, at(TUESDAY + DAY, 10), customer=customer)
    assert offered[0] == ("Dana Reyes", "Mon 10:00")


def test_next_times_ignore_the_appointment_that_moves(place):
    facility, staff, program = place
    moving = make.appointment(staff=staff, program=program, starts_at=at(TUESDAY, 10))
    offered = instead(place, at(TUESDAY, 10, 15), moving=moving, customer=moving.customer)
    assert offered[0] == ("Dana Reyes", "Tue 10:00")


def test_next_times_look_weeks_ahead_before_they_give_up(place):
    _, staff, _ = place
    make.time_off(staff=staff, first_day=TODAY, last_day=TODAY + 14 * DAY)
    assert instead(place, at(TUESDAY, 10))[0] == ("Dana Reyes", "Tue 10:00")
    make.time_off(staff=staff, first_day=TODAY, last_day=TODAY + 60 * DAY)
    assert instead(place, at(TUESDAY, 10)) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quarter=st.integers(36, 67), minutes=st.sampled_from([15, 30, 60, 120]))
def test_next_times_would_all_be_accepted(place, quarter, minutes):
    facility, staff, program = place
    program.cool_down_days = 2
    customer = make.customer(at=facility)
    hour, part = divmod(quarter, 4)
    wanted = at(TUESDAY, hour, 15 * part)
    for offer in next_times(
        program=program, staff=staff, starts_at=wanted, minutes=minutes, now=NOW, customer=customer
    ):
        asked = Placement(customer, offer.staff, program, offer.starts_at, minutes, staff.user, NOW)
        assert objections(asked) == []


def search(place, **fields):
    _, staff, program = place
    wish = Wish(**{"program": program, "staff": [staff], "first_day": TUESDAY, "minutes": 60, **fields})
    return find(wish, now=NOW)


def times(day):
    return {str(staff): [told(t)[4:] for t in offers] for staff, offers in day.staff_times}


def test_find_groups_by_day_and_staff_member(place):
    other = colleague(place, starts=time(13), ends=time(14, 15))
    _, staff, _ = place
    found = search(place, staff=[staff, other], earliest=time(12), latest=time(14, 15))
    assert [day.date for day in found.days] == [TUESDAY + n * DAY for n in range(5)]
    assert times(found.days[0]) == {
        "Dana Reyes": ["12:00", "12:15", "12:30", "12:45", "13:00", "13:15"],
        "Marcus Bell": ["13:00", "13:15"],
    }


def test_find_keeps_to_the_weekdays_and_names_where_to_look_on(place):
    found = search(place, weekdays={3})
    thursdays = [date(2026, 11, 26) + 7 * n * DAY for n in range(6)]
    assert [day.date for day in found.days] == thursdays[:5]
    assert found.next_day == thursdays[5]


def test_find_ends_after_sixteen_weeks(place):
    _, staff, _ = place
    make.time_off(staff=staff, first_day=TODAY, last_day=TODAY + 200 * DAY)
    found = search(place)
    assert (found.days, found.next_day) == ([], None)


def test_find_takes_no_time_that_ends_the_next_day_for_one_that_ends_in_time(place):
    facility, staff, program = place
    night = make.staff(at=facility)
    make.week(staff=night, at=facility, starts=time(22), ends=time(6))
    program.staff.add(night)
    found = search(place, staff=[night], earliest=time(22), latest=time(23, 30))
    assert times(found.days[0]) == {str(night): ["22:00", "22:15", "22:30"]}


def test_find_is_bounded_in_queries(place, django_assert_num_queries):
    people = [place[1], *(colleague(place, f"Colleague {n}") for n in range(29))]
    with django_assert_num_queries(2):
        search(place)
    with django_assert_num_queries(2):
        search(place, staff=people)


def test_objections_name_everything_at_once(place):
    facility, staff, program = place
    program.cool_down_days = 5
    program.save()
    customer = make.customer(at=facility)
    make.appointment(staff=staff, program=program, customer=customer, starts_at=at(TUESDAY, 10))
    asked = Placement(customer, staff, program, at(TUESDAY + DAY, 18), 30, staff.user, NOW)
    assert [refusal.code for refusal in objections(asked)] == ["outside_hours", "cool_down"]
    assert all(isinstance(refusal, BookingRefused) for refusal in objections(asked))
