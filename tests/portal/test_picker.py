"""What the page to pick a time shows, against the times one by one."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from portal import holds
from portal.picker import pick, read_at, write_at
from portal.times import Search, bookable_days
from scheduling.availability import OpenTime, open_times
from securecare import localtime
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ZONE = "America/New_York"


def shown(clinic, *, now=NOW, own=None, search=None, **asked):
    return pick(
        search or Search(clinic.program), asked=asked, now=now, visitor_zone=ZoneInfo(own) if own else None
    )


def clocks(picker):
    return {part.name: [time.clock for time in part.times] for part in picker.parts}


def opened(query):
    """What a relative link asks for."""
    return dict(parse_qsl(query.removeprefix("?")))


# ---------------------------------------------------------------------------------------------------- the month


@pytest.mark.parametrize(
    ("zone", "now"),
    [
        (ZONE, datetime(2026, 10, 20, 14, 7, tzinfo=UTC)),
        (ZONE, datetime(2027, 3, 1, 23, 0, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 9, 20, 1, 0, tzinfo=UTC)),
        ("America/Santiago", datetime(2026, 9, 1, 3, 59, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2026, 11, 23, 9, 59, tzinfo=UTC)),
    ],
)
def test_the_month_counts_the_times_that_are_offered_each_once(zone, now):
    clinic = Clinic.open(time_zone=zone, program={"buffer_minutes": 15, "min_notice_hours": 3})
    clinic.staff.shifts.update(starts=time(20), ends=time(4))
    other = clinic.colleague()
    other.shifts.filter(weekday__gte=3).delete()
    first = bookable_days(clinic.program, now)[0]
    for step in (1, 5, 9):
        make.appointment(
            starts_at=localtime.resolve(first + step * DAY, time(22), zone),
            staff=clinic.staff,
            program=clinic.program,
            now=now,
        )
    make.time_off(staff=clinic.staff, first_day=first + 2 * DAY, last_day=first + 3 * DAY)
    make.closure(at=clinic.facility, date=first + 6 * DAY)
    found = open_times(
        program=clinic.program, first_day=first, last_day=first + 29 * DAY, now=now + timedelta(hours=3)
    )
    slow = Counter(localtime.local_date(at, zone) for at in {time.starts_at for time in found})
    picker = shown(clinic, now=now)
    assert {day.date: day.times for day in picker.days if day.times} == slow
    assert [day.date for day in picker.days] == [first + step * DAY for step in range(30)]
    assert min(slow.values()) < max(slow.values())


def test_days_without_times_lead_nowhere_and_the_others_to_themselves():
    clinic = Clinic.open()
    clinic.staff.shifts.filter(weekday=1).delete()
    tuesday, wednesday = shown(clinic).days[1:3]
    assert (tuesday.times, tuesday.query) == (0, "")
    assert (wednesday.times, opened(wednesday.query)) == (31, {"day": "2026-11-25"})


def test_the_first_day_with_times_is_shown_and_next_available_is_its_first():
    clinic = Clinic.open(program={"min_notice_hours": 30})
    picker = shown(clinic)
    assert picker.day == TODAY + DAY
    assert [day.date for day in picker.days if day.is_chosen] == [TODAY + DAY]
    assert (picker.next_time.date, picker.next_time.clock) == (TODAY + DAY, "3:00 PM")
    assert picker.next_time.staff == clinic.staff.display_name


def test_next_available_names_nobody_while_there_is_a_choice():
    clinic = Clinic.open()
    clinic.colleague()
    assert shown(clinic).next_time.staff == ""
    assert shown(clinic, staff=str(clinic.staff.pk)).next_time.staff == clinic.staff.display_name


def test_a_chosen_day_is_shown_and_one_without_times_gives_way_to_the_next():
    clinic = Clinic.open()
    clinic.staff.shifts.filter(weekday=1).delete()
    assert shown(clinic, day="2026-11-27").day == date(2026, 11, 27)
    assert shown(clinic, day="2026-11-24").day == date(2026, 11, 25)


def test_months_are_paged_by_links_to_the_furthest_day():
    clinic = Clinic.open(program={"max_advance_days": 70})
    first = shown(clinic)
    assert (first.earlier, opened(first.later)) == ("", {"day": "2026-12-23"})
    second = shown(clinic, **opened(first.later))
    assert (second.day, second.days[0].date, second.next_time) == (
        date(2026, 12, 23),
        date(2026, 12, 23),
        None,
    )
    third = shown(clinic, **opened(second.later))
    assert (third.days[-1].date, third.later) == (TODAY + 70 * DAY, "")
    assert opened(third.earlier) == {"day": "2026-12-23"}
    assert opened(second.earlier) == {"day": "2026-11-23"}


def test_empty_months_are_passed_over_in_both_directions():
    clinic = Clinic.open(program={"max_advance_days": 300})
    clinic.staff.shifts.update(valid_from=date(2027, 6, 1), valid_until=date(2027, 6, 3))
    assert shown(clinic).day == date(2027, 6, 1)
    assert shown(clinic, day="2027-07-20").day == date(2027, 6, 1)
    assert shown(clinic).next_time is None
    assert shown(clinic, day="2027-06-02").day == date(2027, 6, 2)


def test_without_any_time_there_is_no_day_and_it_says_how_far_it_looked():
    clinic = Clinic.open(program={"max_advance_days": 45})
    clinic.staff.shifts.all().delete()
    picker = shown(clinic)
    assert (picker.day, picker.days, picker.parts, picker.next_time) == (None, [], [], None)
    assert picker.looked_until == TODAY + 45 * DAY
    assert picker.facility.phone == "(212) 555-0100"


def test_an_appointment_whose_program_nobody_serves_any_more_has_nowhere_to_move():
    clinic = Clinic.open(program={"min_notice_hours": 48, "max_advance_days": 1})
    moving = make.appointment(
        starts_at=at(TODAY, 13), staff=clinic.staff, program=clinic.program, customer=make.customer()
    )
    search = Search(clinic.program, customer=moving.customer, moving=moving)
    assert shown(clinic, search=search).day is None
    clinic.program.staff.clear()
    assert shown(clinic, search=search).day is None


def test_a_program_of_years_ahead_is_looked_through_for_one():
    clinic = Clinic.open(program={"max_advance_days": 32_000})
    clinic.staff.shifts.all().delete()
    assert shown(clinic).looked_until == TODAY + 29 * DAY + 366 * DAY


# ---------------------------------------------------------------------------------------------- staff and times


def test_times_stand_under_their_part_of_the_day():
    clinic = Clinic.open(program={"default_minutes": 60})
    clinic.staff.shifts.update(starts=time(11, 30), ends=time(18, 15))
    found = clocks(shown(clinic, day="2026-11-25"))
    assert list(found) == ["Morning", "Afternoon", "Evening"]
    assert found["Morning"] == ["11:30 AM", "11:45 AM"]
    assert (found["Afternoon"][0], found["Afternoon"][-1]) == ("12:00 PM", "4:45 PM")
    assert found["Evening"] == ["5:00 PM", "5:15 PM"]


def test_several_staff_at_one_time_are_one_time():
    clinic = Clinic.open()
    clinic.colleague()
    picker = shown(clinic, day="2026-11-25")
    times = [time.value for part in picker.parts for time in part.times]
    assert len(times) == len(set(times)) == 31 == picker.days[2].times


def test_whom_it_is_with_can_be_chosen_and_links_keep_it():
    clinic = Clinic.open()
    clinic.staff.shifts.update(ends=time(12))
    other = clinic.colleague()
    anyone = shown(clinic, day="2026-11-25")
    assert [(choice.name, choice.is_chosen) for choice in anyone.staff] == [
        ("", True),
        (clinic.staff.display_name, False),
        (other.display_name, False),
    ]
    assert opened(anyone.staff[1].query) == {"day": "2026-11-25", "staff": str(clinic.staff.pk)}
    chosen = shown(clinic, **opened(anyone.staff[1].query))
    assert (chosen.staff_id, chosen.chosen_staff) == (str(clinic.staff.pk), clinic.staff.display_name)
    assert list(clocks(chosen)) == ["Morning"]
    assert opened(chosen.days[3].query) == {"day": "2026-11-26", "staff": str(clinic.staff.pk)}
    assert opened(chosen.later)["staff"] == str(clinic.staff.pk)
    assert opened(chosen.anyone) == {"day": "2026-11-25"}


def test_the_staff_member_of_the_search_stays_until_another_is_asked_for():
    clinic = Clinic.open()
    clinic.colleague()
    search = Search(clinic.program, staff=clinic.staff)
    assert shown(clinic, search=search).staff_id == str(clinic.staff.pk)
    assert shown(clinic, search=search, staff="").staff_id == ""


def test_a_chosen_time_is_chosen_on_its_day():
    clinic = Clinic.open()
    picker = shown(clinic, at="2026-11-25T15:45:00Z")
    assert picker.day == date(2026, 11, 25)
    assert [time.clock for part in picker.parts for time in part.times if time.is_chosen] == ["10:45 AM"]


def test_links_of_times_lead_back_to_them():
    clinic = Clinic.open()
    first = shown(clinic, day="2026-11-25").parts[0].times[0]
    assert opened(first.query) == {"day": "2026-11-25", "at": "2026-11-25T14:00:00Z"}
    assert first.value == "2026-11-25T14:00:00Z"


NONSENSE = [
    {"day": "abc"},
    {"day": "2026-02-30"},
    {"day": "0000-00-00"},
    {"day": "0001-01-01"},
    {"day": "9999-12-31"},
    {"day": "2026-11-20"},
    {"day": "2031-11-20"},
    {"day": "\0"},
    {"staff": "999999999999999999999999"},
    {"staff": "-1"},
    {"staff": "' OR 1=1"},
    {"at": "garbage"},
    {"at": "0001-01-01T00:00:00Z"},
    {"at": "9999-12-31T23:59:59Z"},
    {"at": "2026-11-25T15:45:00+05:00"},
    {"at": "2026-11-25T15:45"},
]


@pytest.mark.parametrize("asked", NONSENSE)
def test_nonsense_in_the_address_shows_the_first_day_of_anyone(asked):
    assert shown(clinic := Clinic.open(), **asked) == shown(clinic)


def test_an_instant_is_read_as_it_was_written_and_in_no_other_way():
    instant = datetime(2026, 11, 25, 15, 45, tzinfo=UTC)
    assert write_at(instant.astimezone(ZoneInfo(ZONE))) == "2026-11-25T15:45:00Z"
    assert read_at("2026-11-25T15:45:00Z") == instant
    assert [read_at(text) for text in ("", "2026-11-25", "2026-11-25T15:45:00", "1970-01-01T00:00:00Z")] == [
        None
    ] * 4


# -------------------------------------------------------------------------------------------------------- clocks


def test_a_time_that_comes_twice_says_which_it_is():
    clinic = Clinic.open()
    clinic.staff.shifts.update(starts=time(0, 30), ends=time(3))
    before = datetime(2026, 10, 25, 12, 0, tzinfo=UTC)
    morning = clocks(shown(clinic, now=before, day="2026-11-01"))["Morning"]
    assert morning == [
        "12:30 AM", "12:45 AM",
        "1:00 AM EDT", "1:15 AM EDT", "1:30 AM EDT", "1:45 AM EDT",
        "1:00 AM EST", "1:15 AM EST", "1:30 AM EST", "1:45 AM EST",
        "2:00 AM", "2:15 AM", "2:30 AM",
    ]  # fmt: skip


def test_a_skipped_hour_is_not_offered():
    clinic = Clinic.open()
    clinic.staff.shifts.update(starts=time(1, 30), ends=time(4))
    before = datetime(2027, 3, 10, 12, 0, tzinfo=UTC)
    morning = clocks(shown(clinic, now=before, day="2027-03-14"))["Morning"]
    assert morning == ["1:30 AM", "1:45 AM", "3:00 AM", "3:15 AM", "3:30 AM"]


def test_a_visitor_elsewhere_reads_their_own_clock_beside_each_time():
    clinic = Clinic.open()
    picker = shown(clinic, day="2026-11-25", own="Asia/Tokyo")
    assert picker.own_zone == ZoneInfo("Asia/Tokyo")
    first, *_, last = [time for part in picker.parts for time in part.times]
    assert (first.clock, first.own_clock) == ("9:00 AM", "11:00 PM")
    assert (last.clock, last.own_clock) == ("4:30 PM", "Thu 6:30 AM")
    assert picker.next_time.own_clock == "11:00 PM"


def test_a_visitor_whose_clock_shows_the_same_reads_it_once():
    picker = shown(Clinic.open(), own="America/Toronto")
    assert (picker.own_zone, picker.parts[0].times[0].own_clock) == (None, "")


def test_zones_that_differ_for_some_weeks_show_it_in_those():
    """Phoenix has no summer time: as in Denver in winter, an hour behind in summer."""
    clinic = Clinic.open(time_zone="America/Denver")
    winter = shown(clinic, own="America/Phoenix", day="2026-11-25")
    assert winter.own_zone is None
    summer = shown(clinic, own="America/Phoenix", now=datetime(2026, 7, 1, 12, 0, tzinfo=UTC))
    assert (summer.parts[0].times[0].clock, summer.parts[0].times[0].own_clock) == ("9:00 AM", "8:00 AM")


def test_parts_and_clocks_follow_the_language():
    clinic = Clinic.open()
    with translation.override("es"):
        picker = shown(clinic, day="2026-11-25", own="Asia/Tokyo")
    assert picker.parts[-1].times[-1].own_clock.startswith("jue")


# ----------------------------------------------------------------------------------------- customers and visitors


def test_a_cool_down_says_from_when_the_next_one_is_allowed():
    clinic = Clinic.open(program={"cool_down_days": 7})
    customer = make.customer(at=clinic.facility)
    make.appointment(
        starts_at=at(TODAY - 2 * DAY, 10),
        staff=clinic.staff,
        program=clinic.program,
        customer=customer,
        now=NOW - 5 * DAY,
    )
    mine = shown(clinic, search=Search(clinic.program, customer=customer))
    assert (mine.allowed_from, mine.cool_down_days, mine.day) == (TODAY + 5 * DAY, 7, TODAY + 5 * DAY)
    assert shown(clinic).allowed_from is None


def test_a_cool_down_ahead_leaves_the_days_before_it():
    clinic = Clinic.open(program={"cool_down_days": 3})
    customer = make.customer(at=clinic.facility)
    make.appointment(
        starts_at=at(TODAY + 4 * DAY, 10), staff=clinic.staff, program=clinic.program, customer=customer
    )
    mine = shown(clinic, search=Search(clinic.program, customer=customer))
    assert mine.allowed_from is None
    assert [day.times > 0 for day in mine.days[:9]] == [True] * 2 + [False] * 5 + [True] * 2


def test_what_others_hold_is_not_counted_and_what_the_visitor_holds_is():
    clinic = Clinic.open()
    ten = OpenTime(clinic.staff, at(TODAY + DAY, 10), at(TODAY + DAY, 10, 30))
    holds.hold(ten, facility=clinic.facility.pk, visitor="ann", now=NOW)
    assert shown(clinic, search=Search(clinic.program, visitor="ben")).days[1].times == 28
    assert shown(clinic, search=Search(clinic.program, visitor="ann")).days[1].times == 31


def test_picking_takes_three_queries_for_one_and_for_twenty_staff():
    clinic = Clinic.open(program={"max_advance_days": 90})
    for more in (0, 19):
        for _ in range(more):
            clinic.colleague()
        with CaptureQueriesContext(connection) as asked:
            assert len(shown(clinic, day="2026-12-24").days) == 30
        assert len(asked) == 3
