"""Wall time against brute force: every zone of the pinned tzdata, around every clock change from 2024 to 2030."""

import os
import subprocess
import sys
import zoneinfo
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from securecare import localtime
from securecare.localtime import day_bounds, day_slots, periods, readings, resolve
from tests.wallclock import (
    DAY,
    MINUTE,
    QUARTER,
    Clock,
    changes,
    clock,
    offset,
    shifts_near,
    skipped_or_repeated,
    steps_of,
    utc,
    zones,
)

# ------------------------------------------------------------------------------------------------- every zone


def test_every_zone_is_looked_at_and_changes_on_quarter_hours():
    """The walk by quarter hours is exact only because of this."""
    assert sum(len(keys) for keys in zones()) == len(zoneinfo.available_timezones()) > 590
    assert len(changes()) > 1000
    assert {change for change in changes() if change.at.timestamp() % 900} == set()
    offsets = {offset(change.at + side, change.zone) for change in changes() for side in (-DAY, DAY)}
    assert {found for found in offsets if found % QUARTER} == set()


def test_days_begin_and_end_where_the_wall_says_around_every_change():
    wrong = [
        (change, day)
        for change in changes()
        for day in change.days
        if day_bounds(day, change.zone) != (clock(change).begin(day), clock(change).begin(day + DAY))
    ]
    assert wrong == []


def test_slots_are_every_quarter_hour_of_the_day_around_every_change():
    wrong = [
        (change, day)
        for change in changes()
        for day in change.days
        if day_slots(day, change.zone) != clock(change).slots(day)
    ]
    assert wrong == []


def test_resolve_finds_the_first_reading_the_last_one_or_the_end_of_the_gap_around_every_change():
    """For every quarter hour from two hours before what is skipped or repeated to two hours after it."""
    wrong = []
    for change in changes():
        seen = clock(change)
        low, high = skipped_or_repeated(change)
        for wall in localtime.walk(low - 8 * QUARTER, high + 8 * QUARTER):
            first = seen.first_at.get(wall) or seen.at_or_after(wall)
            last = seen.last_at.get(wall) or first
            asked = wall.date(), wall.time(), change.zone
            if (resolve(*asked), resolve(*asked, fold=1)) != (first, last):
                wrong.append((change, wall))
    assert wrong == []


def test_a_shift_is_worked_whenever_the_wall_reads_inside_it_around_every_change():
    wrong = []
    for change in changes():
        for day in change.days[:2]:
            for starts, ends in shifts_near(change):
                last_day = day + DAY if ends <= starts else day
                inside = datetime.combine(day, starts), datetime.combine(last_day, ends)
                if steps_of(periods(day, starts, ends, change.zone)) != clock(change).reading_inside(*inside):
                    wrong.append((change, day, starts, ends))
    assert wrong == []


def test_every_slot_reads_back_to_itself():
    """Each slot has its own wall time and offset: nothing is lost or merged in a repeated hour."""
    for change in changes():
        for day in change.days[1:]:
            slots = day_slots(day, change.zone)
            assert len({localtime.local(slot, change.zone).isoformat() for slot in slots}) == len(slots)
            for slot in slots:
                shown = localtime.local(slot, change.zone)
                assert slot in readings(shown.date(), shown.time(), change.zone)


# ------------------------------------------------------------------------------------ any zone, any day, any time

any_zone = st.sampled_from(sorted(zoneinfo.available_timezones()))
any_day = st.dates(date(1950, 1, 1), date(2037, 12, 30))
any_time = st.times().map(lambda at: at.replace(microsecond=0))


@given(zone=any_zone, day=any_day)
@example(zone="Pacific/Apia", day=date(2011, 12, 30))
@example(zone="Pacific/Kwajalein", day=date(1993, 8, 21))
@example(zone="Africa/Monrovia", day=date(1972, 1, 7))
@example(zone="America/St_Johns", day=date(2006, 10, 28))
def test_days_follow_one_another_without_gap_or_overlap(zone, day):
    assert day_bounds(day, zone)[1] == day_bounds(day + DAY, zone)[0]
    start, end = day_bounds(day, zone)
    assert start <= end
    slots = day_slots(day, zone)
    assert slots == sorted(set(slots))
    assert all(start <= slot < end for slot in slots)


@given(zone=any_zone, day=any_day, at=any_time)
def test_resolve_reads_what_was_asked_or_what_follows_the_gap(zone, day, at):
    asked = datetime.combine(day, at)
    instant = resolve(day, at, zone)
    shown = localtime.local(instant, zone).replace(tzinfo=None, fold=0)
    if readings(day, at, zone):
        assert shown == asked
    else:
        just_before = localtime.local(instant - timedelta(seconds=1), zone).replace(tzinfo=None, fold=0)
        assert just_before < asked < shown


@given(st.data())
def test_shifts_to_the_minute_around_any_change(data):
    change = data.draw(st.sampled_from(changes()))
    day = data.draw(st.sampled_from(change.days))
    minutes = st.integers(0, 1439).map(lambda m: time(m // 60, m % 60))
    starts, ends = data.draw(minutes), data.draw(minutes)
    last_day = day + DAY if ends <= starts else day
    seen = Clock(change.zone, change.at, days=3, step=MINUTE)
    inside = seen.reading_inside(datetime.combine(day, starts), datetime.combine(last_day, ends))
    assert steps_of(periods(day, starts, ends, change.zone), MINUTE) == inside


# ------------------------------------------------------------------------------------------------ named cases


def walls(day, zone):
    return [f"{localtime.local(slot, zone):%H:%M}" for slot in day_slots(day, zone)]


def test_los_angeles_loses_an_hour_in_march_and_repeats_one_in_november():
    zone = "America/Los_Angeles"
    spring, autumn = date(2026, 3, 8), date(2026, 11, 1)
    assert (len(day_slots(spring, zone)), len(day_slots(autumn, zone))) == (92, 100)
    assert "02:00" not in walls(spring, zone)
    assert resolve(spring, time(2, 30), zone) == utc(2026, 3, 8, 10)
    assert walls(autumn, zone)[4:12] == ["01:00", "01:15", "01:30", "01:45"] * 2
    assert readings(autumn, time(1, 30), zone) == [utc(2026, 11, 1, 8, 30), utc(2026, 11, 1, 9, 30)]
    assert periods(autumn, time(0), time(1, 30), zone) == (
        (utc(2026, 11, 1, 7), utc(2026, 11, 1, 8, 30)),
        (utc(2026, 11, 1, 9), utc(2026, 11, 1, 9, 30)),
    )
    assert periods(spring, time(2), time(3), zone) == ()
    assert periods(spring, time(2, 30), time(4), zone) == ((utc(2026, 3, 8, 10), utc(2026, 3, 8, 11)),)


def test_lord_howe_moves_its_clocks_by_half_an_hour():
    zone = "Australia/Lord_Howe"
    assert len(day_slots(date(2026, 10, 4), zone)) == 94
    assert len(day_slots(date(2026, 4, 5), zone)) == 98
    assert resolve(date(2026, 10, 4), time(2, 15), zone) == utc(2026, 10, 3, 15, 30)
    assert walls(date(2026, 4, 5), zone)[6:10] == ["01:30", "01:45", "01:30", "01:45"]


def test_santiago_has_a_day_without_midnight_and_an_evening_with_two_eleven_o_clocks():
    zone = "America/Santiago"
    assert day_bounds(date(2026, 9, 6), zone)[0] == utc(2026, 9, 6, 4)
    assert walls(date(2026, 9, 6), zone)[0] == "01:00"
    assert len(day_slots(date(2026, 9, 6), zone)) == 92
    assert len(day_slots(date(2026, 4, 4), zone)) == 100
    assert walls(date(2026, 4, 4), zone)[92:] == ["23:00", "23:15", "23:30", "23:45"] * 2
    assert periods(date(2026, 9, 5), time(22), time(0, 30), zone) == (
        (utc(2026, 9, 6, 2), utc(2026, 9, 6, 4)),
    )


def test_beirut_put_its_clocks_forward_in_march_2023_after_all():
    zone = "Asia/Beirut"
    assert day_bounds(date(2023, 3, 26), zone)[0] == utc(2023, 3, 25, 22)
    assert walls(date(2023, 3, 26), zone)[0] == "01:00"
    assert len(day_slots(date(2023, 3, 26), zone)) == 92


def test_cairo_skips_midnight_on_a_friday_and_has_a_long_thursday():
    zone = "Africa/Cairo"
    assert day_bounds(date(2026, 4, 24), zone)[0] == utc(2026, 4, 23, 22)
    assert (len(day_slots(date(2026, 4, 24), zone)), walls(date(2026, 4, 24), zone)[0]) == (92, "01:00")
    assert len(day_slots(date(2026, 10, 29), zone)) == 100


def test_havana_skips_midnight_in_march_and_had_half_past_midnight_twice_in_2025():
    zone = "America/Havana"
    assert day_bounds(date(2026, 3, 8), zone)[0] == utc(2026, 3, 8, 5)
    assert walls(date(2026, 3, 8), zone)[0] == "01:00"
    twice = date(2025, 11, 2)
    assert readings(twice, time(0, 30), zone) == [utc(2025, 11, 2, 4, 30), utc(2025, 11, 2, 5, 30)]
    assert day_bounds(twice, zone) == (utc(2025, 11, 2, 4), utc(2025, 11, 3, 5))
    assert len(day_slots(date(2026, 11, 1), zone)) == 96


def test_azores_changes_at_its_own_midnight_hour():
    zone = "Atlantic/Azores"
    assert day_bounds(date(2026, 3, 29), zone)[0] == utc(2026, 3, 29, 1)
    assert walls(date(2026, 3, 29), zone)[0] == "01:00"
    assert walls(date(2026, 10, 25), zone)[:8] == ["00:00", "00:15", "00:30", "00:45"] * 2


def test_casablanca_changes_around_ramadan_and_then_for_good():
    zone = "Africa/Casablanca"
    counts = [len(day_slots(day, zone)) for day in (date(2026, 2, 15), date(2026, 3, 22), date(2026, 9, 20))]
    assert counts == [100, 92, 100]
    assert {localtime.local(utc(2027, month, 1), zone).utcoffset() for month in range(1, 13)} == {
        timedelta(0)
    }


def test_apia_never_had_the_thirtieth_of_december_2011():
    zone = "Pacific/Apia"
    gone = date(2011, 12, 30)
    assert day_slots(gone, zone) == []
    assert day_bounds(gone, zone) == (utc(2011, 12, 30, 10), utc(2011, 12, 30, 10))
    assert resolve(gone, time(15), zone) == utc(2011, 12, 30, 10)
    assert periods(gone, time(9), time(17), zone) == ()
    overnight = ((utc(2011, 12, 30, 8), utc(2011, 12, 30, 10)),)
    assert periods(gone - DAY, time(22), time(6), zone) == overnight


def test_troll_moves_by_two_hours():
    zone = "Antarctica/Troll"
    assert len(day_slots(date(2026, 3, 29), zone)) == 88
    assert len(day_slots(date(2026, 10, 25), zone)) == 104


def test_st_johns_ran_back_into_the_day_before():
    """At 00:01 on the 29th clocks went back to 23:01 on the 28th: the 29th begins at its first midnight."""
    zone = "America/St_Johns"
    first_midnight, second_midnight = utc(2006, 10, 29, 2, 30), utc(2006, 10, 29, 3, 30)
    assert readings(date(2006, 10, 29), time(0), zone) == [first_midnight, second_midnight]
    assert day_bounds(date(2006, 10, 28), zone) == (utc(2006, 10, 28, 2, 30), first_midnight)
    assert day_bounds(date(2006, 10, 29), zone) == (first_midnight, utc(2006, 10, 30, 3, 30))
    assert periods(date(2006, 10, 28), time(22), time(0), zone) == (
        (utc(2006, 10, 29, 0, 30), first_midnight),
        (utc(2006, 10, 29, 2, 31), second_midnight),
    )


def test_kathmandu_stepped_a_quarter_hour_into_1986():
    zone = "Asia/Kathmandu"
    assert day_bounds(date(1985, 12, 31), zone) == (utc(1985, 12, 30, 18, 30), utc(1985, 12, 31, 18, 30))
    assert walls(date(1986, 1, 1), zone)[:2] == ["00:15", "00:30"]
    assert len(day_slots(date(1986, 1, 1), zone)) == 95


def test_vancouver_stayed_on_summer_time_in_november_2026():
    zone = "America/Vancouver"
    assert len(day_slots(date(2026, 11, 1), zone)) == 96
    assert localtime.local(utc(2026, 12, 1), zone).utcoffset() == timedelta(hours=-7)


# ------------------------------------------------------------------------------------------ where rules come from


def test_zone_rules_come_from_the_package_whatever_the_system_offers():
    """A system copy may be a year behind; even one named by PYTHONTZPATH is not asked."""
    code = (
        "import zoneinfo, securecare; from datetime import datetime, timezone; "
        "at = datetime(2026, 12, 1, tzinfo=timezone.utc); "
        "print(zoneinfo.TZPATH, at.astimezone(zoneinfo.ZoneInfo('America/Vancouver')).utcoffset())"
    )
    environment = {**os.environ, "PYTHONTZPATH": "/usr/share/zoneinfo"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "() -1 day, 17:00:00"


def test_the_package_is_the_pinned_one():
    import tzdata

    assert (tzdata.IANA_VERSION, zoneinfo.TZPATH) == ("2026f", ())


# ---------------------------------------------------------------------------------------------- small readings


def test_quarter_hours_are_the_facility_clocks_own():
    assert localtime.is_on_quarter_hour(utc(2026, 1, 1, 12, 15), "Asia/Kathmandu")
    assert not localtime.is_on_quarter_hour(utc(2026, 1, 1, 12, 10), "Asia/Kathmandu")
    assert not localtime.is_on_quarter_hour(utc(2026, 1, 1, 12, 15, 0, 1), "UTC")
    assert localtime.is_on_quarter_hour(utc(1883, 1, 1, 12, 11, 2), "America/New_York")


def test_abbreviations_read_like_words_or_offsets():
    assert localtime.abbreviation(utc(2026, 1, 1), "America/New_York") == "EST"
    assert localtime.abbreviation(utc(2026, 7, 1), "America/New_York") == "EDT"
    assert localtime.abbreviation(utc(2026, 1, 1), "America/Sao_Paulo") == "UTC-03"


def test_an_unknown_zone_is_refused():
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        localtime.zone_of("Mars/Olympus_Mons")


def test_slots_of_a_day_cannot_be_changed_for_others():
    day_slots(date(2026, 1, 1), "UTC").clear()
    assert len(day_slots(date(2026, 1, 1), "UTC")) == 96
