"""How dates, times and zones are said in a reader's language. Rules of zones come from the pinned tzdata, words from CLDR.

Only wall times without a zone are handed to the formatter, so that no other table of zones has a say.
"""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_interval, format_skeleton, format_time, match_skeleton
from babel.units import format_unit
from django.conf import settings
from django.utils.translation import get_language, to_locale

from securecare import localtime

NARROW_SPACE = "\u202f"
THIN_SPACE = "\u2009"
# Whether a zone changes its clocks is asked of the pinned tzdata's year.
TZDATA_YEAR = 2026


def day(on: date) -> str:
    """Wednesday, November 25"""
    return _on_a_weekday("MMMMEd", on, _locale())


def day_with_year(on: date) -> str:
    """Wednesday, November 25, 2026"""
    return _on_a_weekday("yMMMMEEEEd", on, _locale())


def short_day(on: date) -> str:
    """Wed, Nov 25"""
    return _by_skeleton("MMMEd", on, _locale())


def date_in_full(on: date) -> str:
    """April 12, 1991"""
    return format_date(on, "long", locale=_locale())


def months(first: date, last: date) -> str:
    """November – December 2026, or one month alone"""
    return _months(first.replace(day=1), last.replace(day=1), _locale())


@lru_cache(maxsize=256)
def _months(first: date, last: date, locale: Locale) -> str:
    return format_interval(first, last, "yMMMM", locale=locale).replace(THIN_SPACE, " ")


def weekday(on: date) -> str:
    """Wed"""
    return _by_skeleton("E", on, _locale())


def clock(instant: datetime, zone: str | ZoneInfo) -> str:
    """10:45 AM"""
    shown = localtime.local(instant, zone)
    return _clock(shown.hour, shown.minute, _locale())


def clock_with_zone(instant: datetime, zone: str | ZoneInfo) -> str:
    """10:45 AM EST"""
    return f"{clock(instant, zone)} {localtime.abbreviation(instant, zone)}"


def day_of(instant: datetime, zone: str | ZoneInfo) -> str:
    return day(localtime.local_date(instant, zone))


def moment(instant: datetime, zone: str | ZoneInfo) -> str:
    """Wednesday, November 25, 10:45 AM EST"""
    return f"{day_of(instant, zone)}, {clock_with_zone(instant, zone)}"


def zone_name(zone: str | ZoneInfo) -> str:
    """Eastern Time; Mountain Standard Time where clocks never change; the city where no name is in use: Troll"""
    return _zone_name(str(zone), _locale())


@lru_cache(maxsize=1024)
def _zone_name(zone: str, locale: Locale) -> str:
    keys = _cldr_keys(zone)
    meta_zone = next(filter(None, map(get_global("meta_zones").get, keys)), "")
    known = [locale.meta_zones.get(meta_zone, {}), *(locale.time_zones.get(key, {}) for key in keys)]
    names: dict[str, str] = {}
    for found in known:
        names |= found.get("long", {})
    cities = (found["city"] for found in known if "city" in found)
    city = next(cities, zone.rpartition("/")[2].replace("_", " "))
    return names.get("generic" if _changes_clocks(zone) else "standard", city)


def _cldr_keys(zone: str) -> list[str]:
    """CLDR keeps the first name a zone ever had: Asia/Katmandu."""
    aliases = get_global("zone_aliases")
    now = aliases.get(zone, zone)
    return [zone, now, *(old for old, new in aliases.items() if new == now and old != zone)]


def _changes_clocks(zone: str) -> bool:
    winter, summer = (
        localtime.local(datetime(TZDATA_YEAR, month, 1, tzinfo=UTC), zone).utcoffset() for month in (1, 7)
    )
    return winter != summer


def order_of_date() -> tuple[str, ...]:
    """How a date is written in figures: ("month", "day", "year")."""
    letters = {"y": "year", "M": "month", "d": "day"}
    pattern = _locale().date_formats["short"].pattern
    return tuple(letters[letter] for letter in dict.fromkeys(pattern) if letter in letters)


def lasting(minutes: int) -> str:
    """1 hour 15 minutes"""
    return _lasting(minutes, _locale())


@lru_cache(maxsize=256)
def _lasting(minutes: int, locale: Locale) -> str:
    hours, rest = divmod(minutes, 60)
    parts = [(hours, "hour")] if hours else []
    if rest or not hours:
        parts.append((rest, "minute"))
    return " ".join(format_unit(count, unit, "long", locale=locale) for count, unit in parts)


@lru_cache(maxsize=8192)
def _by_skeleton(skeleton: str, on: date, locale: Locale) -> str:
    return format_skeleton(skeleton, on, locale=locale)


@lru_cache(maxsize=8192)
def _on_a_weekday(skeleton: str, on: date, locale: Locale) -> str:
    """CLDR's pattern for the skeleton, with the weekday written out."""
    found = match_skeleton(skeleton, locale.datetime_skeletons) or "yMMMEd"
    pattern = re.sub(r"E+", "EEEE", locale.datetime_skeletons[found].pattern)
    return format_date(
        on, pattern.replace("MMM", "MMMM") if "MMMM" not in pattern else pattern, locale=locale
    )


@lru_cache(maxsize=8192)
def _clock(hour: int, minute: int, locale: Locale) -> str:
    shown = datetime(2000, 1, 1, hour, minute)  # noqa: DTZ001 - a time of day, in nobody's zone
    return format_time(shown.time(), "short", locale=locale).replace(NARROW_SPACE, " ")


@lru_cache(maxsize=64)
def _parsed(language: str) -> Locale:
    """As it is written in the organization's country, or else anywhere."""
    try:
        return Locale.parse(f"{language.partition('-')[0]}_{settings.PHONE_REGION}")
    except UnknownLocaleError:
        return Locale.parse(to_locale(language))


def _locale() -> Locale:
    return _parsed(get_language() or settings.LANGUAGE_CODE)
