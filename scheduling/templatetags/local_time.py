"""Filters that say an instant as a facility's clock and calendar show it: `{{ appointment.starts_at|clock:zone }}`."""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django import template

from scheduling import words
from scheduling.models import TimeOff
from securecare import localtime

register = template.Library()

register.filter("clock", words.clock)
register.filter("clock_with_zone", words.clock_with_zone)
register.filter("day_of", words.day_of)
register.filter("moment", words.moment)
register.filter("short_moment", words.short_moment)
register.filter("full_day", words.day)
register.filter("short_day", words.short_day)
register.filter("lasting", words.length)
register.filter("phone", words.phone)
register.filter("instant", words.instant_text)
register.filter("colleague", words.colleague)
register.filter("abbreviation", localtime.abbreviation)
register.filter("wall_clock", words.wall_clock)


@register.simple_tag
def wall_span(starts: time, ends: time) -> str:
    return words.wall_span(starts, ends)


@register.simple_tag
def away(time_off: TimeOff) -> str:
    return words.away(time_off.first_day, time_off.last_day, time_off.starts, time_off.ends)


@register.simple_tag
def span(start: datetime, end: datetime, zone: str | ZoneInfo) -> str:
    return words.span(start, end, zone)
