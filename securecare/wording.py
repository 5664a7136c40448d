"""How dates, times and zones are said in a reader's language. Rules of zones come from the pinned tzdata, words from CLDR.

Only wall times without a zone are handed to the formatter, so that no other table of zones has a say.
"""

import re
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_name, match_skeleton
from babel.units import format_unit
from django.conf import settings
from django.utils.translation import get_language

from securecare import localtime

NARROW_SPACE = "\u202f"


def day(on: date) -> str:
    """Wednesday, November 25"""
    return _on_a_weekday("MMMMEd", on, _locale())


def day_with_year(on: date) -> str:
    """Wednesday, November 25, 2026"""
    return _on_a_weekday("yMMMMEEEEd", on, _locale())


def short_day(on: date) -> str:
    """Wed, Nov 25"""
    return _by_skeleton("MMMEd", on, _locale())


def month(on: date) -> str:
    """November 2026"""
    return _by_skeleton("yMMMM", on, _locale())


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


@lru_cache(maxsize=1024)
def _zone_name(zone: str, locale: Locale) -> str:
    return get_timezone_name(zone, locale=locale, zone_variant="generic")


def zone_name(zone: str | ZoneInfo) -> str:
    """Eastern Time"""
    return _zone_name(str(zone), _locale())


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
    return Locale.parse(f"{language.partition('-')[0]}_{settings.PHONE_REGION}")


def _locale() -> Locale:
    return _parsed(get_language() or settings.LANGUAGE_CODE)
