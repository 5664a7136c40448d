"""Filters that say an instant as a facility's clock and calendar show it: `{{ appointment.starts_at|clock:zone }}`."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django import template

from scheduling import words
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


@register.simple_tag
def span(start: datetime, end: datetime, zone: str | ZoneInfo) -> str:
    return words.span(start, end, zone)
