"""How times and dates are said to staff. Everything is given the zone whose clock is meant."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import phonenumbers
from django.contrib.auth.models import User

from appointments.models import StaffMember
from securecare import localtime


def clock(instant: datetime, zone: str | ZoneInfo) -> str:
    """10:15 AM"""
    return f"{localtime.local(instant, zone):%-I:%M %p}"


def span(start: datetime, end: datetime, zone: str | ZoneInfo) -> str:
    """10:15–10:45 AM; both halves of the day are named when they differ, and zones when a clock change lies between."""
    first, last = localtime.local(start, zone), localtime.local(end, zone)
    if first.utcoffset() != last.utcoffset():
        return f"{clock_with_zone(start, zone)}–{clock_with_zone(end, zone)}"
    opening = f"{first:%-I:%M}" if f"{first:%p}" == f"{last:%p}" else f"{first:%-I:%M %p}"
    ending = f"{last:%-I:%M %p}"
    return f"{opening}–{ending}" + (
        " the next day" if last.date() > first.date() and ending != "12:00 AM" else ""
    )


def clock_with_zone(instant: datetime, zone: str | ZoneInfo) -> str:
    """1:30 AM EDT"""
    return f"{clock(instant, zone)} {localtime.abbreviation(instant, zone)}"


def day(on: date) -> str:
    """Tuesday, November 24, 2026"""
    return f"{on:%A, %B %-d, %Y}"


def short_day(on: date) -> str:
    """Tue, Nov 24"""
    return f"{on:%a, %b %-d}"


def day_of(instant: datetime, zone: str | ZoneInfo) -> str:
    return day(localtime.local_date(instant, zone))


def moment(instant: datetime, zone: str | ZoneInfo) -> str:
    """Nov 24, 2026, 10:15 AM EST"""
    return f"{localtime.local(instant, zone):%b %-d, %Y}, {clock_with_zone(instant, zone)}"


def short_moment(instant: datetime, zone: str | ZoneInfo) -> str:
    """Tue, Nov 24, 10:15 AM"""
    return f"{short_day(localtime.local_date(instant, zone))}, {clock(instant, zone)}"


def wall_clock(at: time) -> str:
    """10:15 AM, of a time of day without a date."""
    return f"{at:%-I:%M %p}"


def wall_span(starts: time, ends: time) -> str:
    """9:00 AM–5:00 PM, of a shift; one that runs over midnight says so."""
    over_midnight = ends <= starts and ends != time(0)
    return f"{wall_clock(starts)}–{wall_clock(ends)}" + (" the next day" if over_midnight else "")


def away(first_day: date, last_day: date, starts: time | None, ends: time | None) -> str:
    """Tue, Nov 24 – Fri, Nov 27, of time off; with times where it does not cover whole days."""
    first = short_day(first_day) + (f", {wall_clock(starts)}" if starts else "")
    if first_day == last_day and starts and ends:
        return f"{first}–{wall_clock(ends)}"
    if first_day == last_day:
        return (
            f"{first} to {wall_clock(ends)}" if ends else first + (" to the end of the day" if starts else "")
        )
    return f"{first} – {short_day(last_day)}" + (f", {wall_clock(ends)}" if ends else "")


def length(minutes: int) -> str:
    """1 hour 15 minutes"""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' if hours != 1 else ''}"] if hours else []
    if rest or not hours:
        parts.append(f"{rest} minutes")
    return " ".join(parts)


def phone(e164: str) -> str:
    """(212) 555-0143 for a North American number, +44 20 … for others, as it is where it cannot be read."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(
        parsed, style.NATIONAL if parsed.country_code == 1 else style.INTERNATIONAL
    )


ZONE_NAMES = {
    "America/Halifax": "Atlantic Time",
    "America/New_York": "Eastern Time",
    "America/Chicago": "Central Time",
    "America/Denver": "Mountain Time",
    "America/Phoenix": "Arizona Time",
    "America/Los_Angeles": "Pacific Time",
    "America/Anchorage": "Alaska Time",
    "Pacific/Honolulu": "Hawaii Time",
}


def zone_name(zone: str) -> str:
    """Eastern Time; elsewhere by the zone's city: Lisbon time."""
    return ZONE_NAMES.get(zone) or f"{zone.rpartition('/')[2].replace('_', ' ')} time"


def colleague(user: User) -> str:
    """The name colleagues know somebody by, the sign-in name of who is not on staff."""
    staff: StaffMember | None = getattr(user, "staff_member", None)
    return staff.display_name if staff else user.get_username()


def instant_text(instant: datetime) -> str:
    """2026-11-24T15:15:00Z, for addresses and form values."""
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
