"""Working hours: rules in, UTC periods out, against wall clocks read by brute force."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.models import Facility
from scheduling import hours as working_hours
from scheduling.hours import Absence, Fit, Hours, ShiftRule, covers, merge, subtract
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.wallclock import DAY, QUARTER, changes, clock, shifts_near, shown, steps_of, utc

SINCE = date(2020, 1, 1)
ME, COLLEAGUE = 1, 2


def facility(zone, pk=1):
    return Facility(pk=pk, name="Oak Street", time_zone=zone)


def rules_of(*, shifts=(), extra=(), absences=(), closures=(), place=1):
    """The rules of one person, as `load` would return them."""
    hours = Hours()
    hours.shifts[ME, place] = list(shifts)
    for day, starts, ends in extra:
        hours.extra[ME, place, day].append((starts, ends))
    hours.absences[ME] = list(absences)
    hours.closures.update({(place, day): "" for day in closures})
    return hours


def daily(starts, ends):
    return [ShiftRule(weekday, starts, ends, SINCE, None) for weekday in range(7)]


# -------------------------------------------------------------------------------------- against the wall clock


def worked(change, shifts, first_day, last_day):
    """Every quarter hour, from the beginning of the first day, at which the wall reads inside a shift that began by the last day."""
    seen = clock(change)
    found = set()
    day = first_day - DAY
    while day <= last_day:
        for starts, ends in shifts(day):
            last = day + DAY if ends <= starts else day
            found.update(seen.reading_inside(datetime.combine(day, starts), datetime.combine(last, ends)))
        day += DAY
    return sorted(instant for instant in found if instant >= seen.begin(first_day))


def test_shifts_are_worked_when_the_wall_says_so_around_every_change():
    """Every zone, every change from 2024 to 2030, shifts before, in and after it, those over midnight too."""
    wrong = []
    for change in changes():
        day = change.days[1]
        for starts, ends in shifts_near(change)[::2]:
            found = rules_of(shifts=daily(starts, ends)).working(ME, facility(change.zone), day, day)
            if steps_of(found) != worked(change, lambda _, s=starts, e=ends: [(s, e)], day, day):
                wrong.append((change, starts, ends))
    assert wrong == []


quarters = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))
shift = st.tuples(quarters, quarters)


@given(st.data())
def test_rules_together_are_worked_when_the_wall_says_so(data):
    """Shifts, extra shifts, time off and closures in any mixture, around any change."""
    change = data.draw(st.sampled_from(changes()))
    days, seen = change.days, clock(change)
    on_weekday = data.draw(st.dictionaries(st.integers(0, 6), st.lists(shift, max_size=2), max_size=4))
    extra = data.draw(st.lists(st.tuples(st.sampled_from(days), shift), max_size=2))
    closures = data.draw(st.sets(st.sampled_from([*days, days[-1] + DAY]), max_size=1))
    absences = data.draw(st.lists(absence_within(days), max_size=2))
    rules = rules_of(
        shifts=[ShiftRule(n, *one, SINCE, None) for n, many in on_weekday.items() for one in many],
        extra=[(day, *one) for day, one in extra],
        absences=absences,
        closures=closures,
    )
    first, last = days[0], data.draw(st.sampled_from(days))
    expected = [
        instant
        for instant in worked(
            change,
            lambda day: on_weekday.get(day.weekday(), []) + [one for on, one in extra if on == day],
            first,
            last,
        )
        if shown(instant, change.zone).date() not in closures
        and not any(away(seen, absence, instant) for absence in absences)
    ]
    found = rules.working(ME, facility(change.zone), first, last)
    assert steps_of(found) == expected
    assert found == merge(found)


@st.composite
def absence_within(draw, days):
    first = draw(st.sampled_from(days))
    last = draw(st.sampled_from([day for day in days if day >= first]))
    starts, ends = draw(st.none() | quarters), draw(st.none() | quarters)
    if first == last and starts and ends and ends <= starts:
        ends = None
    return Absence(first, last, starts, ends, "", None)


def away(seen, absence, instant):
    """From the first reading of its beginning to the last one of its end: nobody comes back for a repeated hour."""
    begins = seen.at_or_after(datetime.combine(absence.first_day, absence.starts or time(0)))
    if absence.ends is None:
        return begins <= instant < seen.begin(absence.last_day + DAY)
    wall = datetime.combine(absence.last_day, absence.ends)
    return begins <= instant < (seen.last_at.get(wall) or seen.at_or_after(wall))


def test_no_date_of_2024_to_2030_runs_backwards():
    """A closure closes one unbroken period only because of this; the last zone to break it was St. John's in 2010."""
    backwards = [
        change
        for change in changes()
        if shown(change.at, change.zone).date() < shown(change.at - timedelta(seconds=1), change.zone).date()
    ]
    assert backwards == []


# ------------------------------------------------------------------------------------------------ named cases


def test_a_night_shift_is_an_hour_longer_when_clocks_go_back():
    new_york = facility("America/New_York")
    rules = rules_of(shifts=daily(time(22), time(6)))
    saturday = date(2026, 10, 31)
    found = rules.working(ME, new_york, saturday, saturday)
    assert found[-1] == (utc(2026, 11, 1, 2), utc(2026, 11, 1, 11))
    assert found[-1][1] - found[-1][0] == timedelta(hours=9)


def test_a_night_shift_counts_on_both_of_its_days():
    rules = rules_of(extra=[(TODAY, time(22), time(6))])
    oak = facility("America/New_York")
    assert rules.working(ME, oak, TODAY, TODAY) == [(at(TODAY, 22), at(TODAY + DAY, 6))]
    assert rules.working(ME, oak, TODAY + DAY, TODAY + DAY) == [(at(TODAY + DAY, 0), at(TODAY + DAY, 6))]
    assert rules.working(ME, oak, TODAY + 2 * DAY, TODAY + 2 * DAY) == []


def test_a_shift_that_ends_when_it_begins_lasts_a_day():
    rules = rules_of(extra=[(TODAY, time(8), time(8))])
    assert rules.working(ME, facility("UTC"), TODAY, TODAY) == [
        (at(TODAY, 8, zone="UTC"), at(TODAY + DAY, 8, zone="UTC"))
    ]


def test_split_shifts_that_touch_or_overlap_become_one():
    rules = rules_of(
        shifts=[*daily(time(9), time(12)), *daily(time(12), time(14)), *daily(time(13), time(17))]
    )
    assert rules.working(ME, facility("UTC"), TODAY, TODAY) == [
        (at(TODAY, 9, zone="UTC"), at(TODAY, 17, zone="UTC"))
    ]


def test_a_shift_is_in_force_from_its_first_date_up_to_the_first_it_no_longer_runs():
    rule = ShiftRule(0, time(9), time(17), date(2026, 11, 16), date(2026, 11, 30))
    days = [date(2026, 11, 9) + n * DAY for n in range(28)]
    assert [day for day in days if rule.runs_on(day)] == [date(2026, 11, 16), date(2026, 11, 23)]


def test_a_shift_is_worked_on_its_weekday_from_its_first_date_up_to_the_first_it_no_longer_runs():
    """Mondays: one before, three in force, and the one on which it no longer runs."""
    first, end = date(2026, 11, 2), date(2026, 11, 23)
    rules = rules_of(shifts=[ShiftRule(0, time(9), time(17), first, end)])
    worked_on = [
        start.date() for start, _ in rules.working(ME, facility("UTC"), first - 7 * DAY, end + 7 * DAY)
    ]
    assert worked_on == [first, first + 7 * DAY, first + 14 * DAY]


def test_a_closure_ends_a_night_shift_at_midnight():
    rules = rules_of(extra=[(TODAY, time(22), time(6))], closures=[TODAY + DAY])
    oak = facility("America/New_York")
    assert rules.working(ME, oak, TODAY, TODAY) == [(at(TODAY, 22), at(TODAY + DAY, 0))]


def test_time_off_holds_wherever_the_person_works_at_that_wall_time():
    rules = Hours()
    rules.absences[ME] = [Absence(TODAY, TODAY, time(12), None, "", None)]
    for place, zone in ((1, "America/New_York"), (2, "America/Los_Angeles")):
        rules.shifts[ME, place] = daily(time(9), time(17))
        assert rules.working(ME, facility(zone, place), TODAY, TODAY) == [
            (at(TODAY, 9, zone=zone), at(TODAY, 12, zone=zone))
        ]


def test_time_off_lasts_from_the_first_reading_of_its_beginning_to_the_last_of_its_end():
    """Clocks go back from 2:00 to 1:00: who is off until 1:30 is back at the second one."""
    change_day = date(2026, 11, 1)
    rules = rules_of(
        shifts=daily(time(0), time(8)),
        absences=[Absence(change_day, change_day, time(1), time(1, 30), "", None)],
    )
    assert rules.working(ME, facility("America/New_York"), change_day, change_day) == [
        (utc(2026, 11, 1, 4), utc(2026, 11, 1, 5)),
        (utc(2026, 11, 1, 6, 30), utc(2026, 11, 1, 13)),
    ]


def test_rules_of_a_colleague_or_another_facility_do_not_count():
    rules = rules_of(shifts=daily(time(9), time(17)))
    assert rules.working(COLLEAGUE, facility("UTC"), TODAY, TODAY) == []
    assert rules.working(ME, facility("UTC", 2), TODAY, TODAY) == []
    assert rules.facilities_of(ME) == {1}
    assert rules.facilities_of(COLLEAGUE) == set()


# ------------------------------------------------------------------------------------------ how a period fits


def fit(rules, start, minutes=30, zone="America/New_York"):
    return rules.fit(ME, facility(zone), start, start + timedelta(minutes=minutes))


def test_fit_tells_inside_outside_not_working_and_closed_apart():
    rules = rules_of(shifts=[ShiftRule(0, time(9), time(17), SINCE, None)], closures=[TODAY + 7 * DAY])
    assert fit(rules, at(TODAY, 9)) is Fit.INSIDE
    assert fit(rules, at(TODAY, 16, 30)) is Fit.INSIDE
    assert fit(rules, at(TODAY, 16, 45)) is Fit.OUTSIDE
    assert fit(rules, at(TODAY, 8, 45)) is Fit.OUTSIDE
    assert fit(rules, at(TODAY + DAY, 9)) is Fit.NOT_WORKING
    assert fit(rules, at(TODAY + 7 * DAY, 9)) is Fit.CLOSED


def test_a_day_wholly_off_is_not_worked_and_one_partly_off_is():
    whole = rules_of(shifts=daily(time(9), time(17)), absences=[Absence(TODAY, TODAY, None, None, "", None)])
    part = rules_of(
        shifts=daily(time(9), time(17)), absences=[Absence(TODAY, TODAY, time(12), None, "", None)]
    )
    assert fit(whole, at(TODAY, 9)) is Fit.NOT_WORKING
    assert (fit(part, at(TODAY, 11, 30)), fit(part, at(TODAY, 11, 45))) == (Fit.INSIDE, Fit.OUTSIDE)


def test_an_appointment_may_run_over_midnight_with_its_shift():
    rules = rules_of(extra=[(TODAY, time(22), time(6))])
    assert fit(rules, at(TODAY, 23, 30), 120) is Fit.INSIDE
    assert fit(rules, at(TODAY + DAY, 5, 45)) is Fit.OUTSIDE


def test_a_break_in_the_middle_is_outside():
    rules = rules_of(shifts=[*daily(time(9), time(12)), *daily(time(13), time(17))])
    assert fit(rules, at(TODAY, 11, 30), 30) is Fit.INSIDE
    assert fit(rules, at(TODAY, 11, 30), 120) is Fit.OUTSIDE


# ---------------------------------------------------------------------------------------------- period algebra

START = datetime(2026, 1, 1, tzinfo=UTC)
periods = st.lists(
    st.tuples(st.integers(0, 40), st.integers(-2, 12)).map(
        lambda pair: (START + pair[0] * QUARTER, START + sum(pair) * QUARTER)
    )
)


@given(periods)
def test_merge_keeps_every_quarter_hour_once(found):
    merged = merge(found)
    assert steps_of(merged) == sorted(set(steps_of(found)))
    assert all(end < start for (_, end), (start, _) in pairwise(merged))


@given(periods, periods)
def test_subtract_leaves_what_is_in_no_hole(found, holes):
    left = subtract(merge(found), merge(holes))
    assert steps_of(left) == sorted(set(steps_of(found)) - set(steps_of(holes)))
    assert all(start < end for start, end in left)


@given(periods, st.integers(0, 40), st.integers(1, 12))
def test_covers_is_true_when_every_quarter_hour_is_there(found, first, length):
    start, end = START + first * QUARTER, START + (first + length) * QUARTER
    assert covers(merge(found), start, end) == (set(steps_of([(start, end)])) <= set(steps_of(found)))


# ------------------------------------------------------------------------------------------------- the database


@pytest.mark.django_db
def test_load_brings_what_decides_these_days_in_one_query(django_assert_num_queries):
    oak, elm = make.facility(), make.facility()
    me, colleague = make.staff(at=[oak, elm]), make.staff(at=oak)
    make.shift(staff=me, at=oak, weekday=0)
    make.shift(staff=me, at=oak, weekday=0, valid_until=date(2026, 11, 2))
    make.extra_shift(staff=me, at=elm, date=TODAY, starts=time(18), ends=time(20))
    make.extra_shift(staff=colleague, at=oak)
    make.time_off(staff=me, first_day=TODAY, starts=time(12), decided_at=NOW, decided_by=me.user)
    make.time_off(staff=me, first_day=TODAY, state="requested")
    make.time_off(staff=me, first_day=TODAY, state="declined")
    make.time_off(staff=me, first_day=TODAY, state="withdrawn")
    make.closure(at=elm, date=TODAY + DAY, reason="Stocktaking")
    with django_assert_num_queries(1):
        rules = working_hours.load(staff=[me.pk], first_day=TODAY, last_day=TODAY)
    assert dict(rules.shifts) == {(me.pk, oak.pk): [ShiftRule(0, time(9), time(17), date(2020, 1, 1), None)]}
    assert dict(rules.extra) == {(me.pk, elm.pk, TODAY): [(time(18), time(20))]}
    assert dict(rules.absences) == {me.pk: [Absence(TODAY, TODAY, time(12), None, "", NOW)]}
    assert rules.closures == {(elm.pk, TODAY + DAY): "Stocktaking"}


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 30])
def test_load_takes_one_query_for_any_number_of_people(django_assert_num_queries, count):
    oak = make.facility()
    team = [make.staff(at=oak) for _ in range(count)]
    for member in team:
        make.week(staff=member, at=oak)
    with django_assert_num_queries(1):
        rules = working_hours.load(staff=[one.pk for one in team], first_day=TODAY, last_day=TODAY + 6 * DAY)
    assert {len(rules.working(one.pk, oak, TODAY, TODAY + 6 * DAY)) for one in team} == {7}


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"])
def test_load_sees_enough_around_the_days_for_zones_and_nights(zone):
    place = make.facility(time_zone=zone)
    me = make.staff(at=place)
    make.extra_shift(staff=me, at=place, date=TODAY - DAY, starts=time(22), ends=time(6))
    make.time_off(staff=me, first_day=TODAY - DAY, starts=time(23), last_day=TODAY, ends=time(1))
    rules = working_hours.load(staff=[me.pk], first_day=TODAY, last_day=TODAY)
    assert rules.working(me.pk, place, TODAY, TODAY) == [(at(TODAY, 1, zone=zone), at(TODAY, 6, zone=zone))]
