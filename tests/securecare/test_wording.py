"""Dates, times, lengths and zones as readers of each language expect them, by the pinned zone rules."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from django.template import Context, Template
from django.utils import translation

from securecare import wording

NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 15, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "english", "spanish"),
    [
        (wording.day, "Wednesday, November 25", "miércoles, 25 de noviembre"),
        (wording.day_with_year, "Wednesday, November 25, 2026", "miércoles, 25 de noviembre de 2026"),
        (wording.short_day, "Wed, Nov 25", "mié, 25 de nov"),
        (wording.weekday, "Wed", "mié"),
    ],
)
def test_dates_are_said_in_the_readers_language(said, english, spanish):
    with translation.override("en"):
        assert said(DAY) == english
    with translation.override("es"):
        assert said(DAY) == spanish


@pytest.mark.parametrize(
    ("last", "english", "spanish"),
    [
        (date(2026, 11, 30), "November 2026", "noviembre de 2026"),
        (date(2026, 12, 1), "November – December 2026", "noviembre–diciembre de 2026"),
        (date(2027, 1, 2), "November 2026 – January 2027", "noviembre de 2026 – enero de 2027"),
    ],
)
def test_months_are_said_from_the_first_to_the_last(last, english, spanish):
    with translation.override("en"):
        assert wording.months(DAY, last) == english
    with translation.override("es"):
        assert wording.months(DAY, last) == spanish


def test_every_date_of_a_year_names_its_weekday_day_and_month():
    for offset in range(366):
        on = date(2028, 1, 1) + timedelta(days=offset)
        with translation.override("en"):
            assert wording.day(on) == f"{on:%A, %B} {on.day}"
            assert wording.day_with_year(on) == f"{on:%A, %B} {on.day}, {on.year}"
        with translation.override("es"):
            assert f", {on.day} de " in wording.day(on)


@pytest.mark.parametrize(
    ("language", "clock", "moment"),
    [
        ("en", "10:45 AM", "Wednesday, November 25, 10:45 AM EST"),
        ("en-us", "10:45 AM", "Wednesday, November 25, 10:45 AM EST"),
        ("es", "10:45 a.m.", "miércoles, 25 de noviembre, 10:45 a.m. EST"),
    ],
)
def test_instants_are_said_by_the_facilitys_clock(language, clock, moment):
    with translation.override(language):
        assert wording.clock(AT, NEW_YORK) == clock
        assert wording.moment(AT, ZoneInfo(NEW_YORK)) == moment


def test_day_of_an_instant_is_the_facilitys_not_utcs():
    late = datetime(2026, 11, 26, 4, 30, tzinfo=UTC)
    with translation.override("en"):
        assert wording.day_of(late, NEW_YORK) == "Wednesday, November 25"
        assert wording.day_of(late, "UTC") == "Thursday, November 26"


@pytest.mark.parametrize(
    ("instant", "zone", "said"),
    [
        # New York falls back: 1:30 comes twice, and only the zone tells which.
        (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), NEW_YORK, "1:30 AM EDT"),
        (datetime(2026, 11, 1, 6, 30, tzinfo=UTC), NEW_YORK, "1:30 AM EST"),
        # It springs forward: 1:59 is followed by 3:00.
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), NEW_YORK, "1:59 AM EST"),
        (datetime(2026, 3, 8, 7, 0, tzinfo=UTC), NEW_YORK, "3:00 AM EDT"),
        # British Columbia keeps summer time from 2026 on: the pinned tzdata says so, CLDR's tables do not.
        (datetime(2026, 12, 1, 18, 0, tzinfo=UTC), "America/Vancouver", "11:00 AM MST"),
        (datetime(2026, 12, 1, 0, 15, tzinfo=UTC), "Asia/Kathmandu", "6:00 AM UTC+0545"),
    ],
)
def test_clock_follows_the_pinned_zone_rules(instant, zone, said):
    with translation.override("en"):
        assert wording.clock_with_zone(instant, zone) == said


@pytest.mark.parametrize(
    ("zone", "english", "spanish"),
    [
        (NEW_YORK, "Eastern Time", "hora oriental"),
        (CHICAGO, "Central Time", "hora central"),
        ("America/Denver", "Mountain Time", "hora de las Montañas Rocosas"),
        ("America/Phoenix", "Mountain Standard Time", "hora estándar de las Montañas Rocosas"),
        ("America/Los_Angeles", "Pacific Time", "hora del Pacífico"),
        ("Pacific/Honolulu", "Hawaii-Aleutian Standard Time", "hora estándar de Hawái-Aleutianas"),
        ("Europe/London", "London", "Londres"),
        ("UTC", "Coordinated Universal Time", "hora universal coordinada"),
        ("Asia/Kathmandu", "Nepal Time", "hora de Nepal"),
        ("America/Argentina/Buenos_Aires", "Argentina Standard Time", "hora estándar de Argentina"),
        ("Antarctica/Troll", "Troll", "Troll"),
    ],
)
def test_zones_are_said_by_the_name_in_use(zone, english, spanish):
    with translation.override("en"):
        assert wording.zone_name(zone) == english
    with translation.override("es"):
        assert wording.zone_name(zone) == spanish


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_every_zone_has_a_name(language):
    """One that speaks of summer would be wrong half of the year."""
    with translation.override(language):
        names = {zone: wording.zone_name(zone) for zone in available_timezones()}
    assert [zone for zone, name in names.items() if not name or "%" in name] == []
    assert [name for name in names.values() if "verano" in name or "Daylight" in name] == []


@pytest.mark.parametrize(
    ("minutes", "english", "spanish"),
    [
        (15, "15 minutes", "15 minutos"),
        (60, "1 hour", "1 hora"),
        (75, "1 hour 15 minutes", "1 hora 15 minutos"),
        (121, "2 hours 1 minute", "2 horas 1 minuto"),
        (1440, "24 hours", "24 horas"),
        (0, "0 minutes", "0 minutos"),
    ],
)
def test_lengths_are_said_in_hours_and_minutes(minutes, english, spanish):
    with translation.override("en"):
        assert wording.lasting(minutes) == english
    with translation.override("es"):
        assert wording.lasting(minutes) == spanish


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "mercredi 25 novembre"),
        ("pt-br", "quarta-feira, 25 de novembro"),
        ("zh-hans", "11月25日星期三"),
    ],
)
def test_language_that_the_country_does_not_speak_is_said_as_elsewhere(language, said):
    """A further language is a line in settings and a catalogue: its dates come by themselves."""
    with translation.override(language):
        assert wording.day(DAY) == said


@pytest.mark.parametrize(
    ("language", "order", "full"),
    [
        ("en", ("month", "day", "year"), "November 25, 2026"),
        ("es", ("day", "month", "year"), "25 de noviembre de 2026"),
        ("zh-hans", ("year", "month", "day"), "2026年11月25日"),
    ],
)
def test_figures_of_a_date_stand_in_the_order_of_the_language(language, order, full):
    with translation.override(language):
        assert (wording.order_of_date(), wording.date_in_full(DAY)) == (order, full)


def test_nothing_active_speaks_the_sites_language():
    with translation.override(None):
        assert wording.day(DAY) == "Wednesday, November 25"


def test_templates_say_them_by_filters():
    page = (
        "{% load wording %}{{ at|clock:zone }}, {{ at|day_of:zone }}, {{ zone|zone_name }}, {{ 90|lasting }}"
    )
    with translation.override("en"):
        said = Template(page).render(Context({"at": AT, "zone": ZoneInfo(NEW_YORK)}))
    assert said == "10:45 AM, Wednesday, November 25, Eastern Time, 1 hour 30 minutes"
