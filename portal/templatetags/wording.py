"""Dates and times in the reader's language: `{{ time.starts_at|clock:zone }}`."""

from django import template

from securecare import wording

register = template.Library()

register.filter("day", wording.day)
register.filter("day_with_year", wording.day_with_year)
register.filter("short_day", wording.short_day)
register.filter("date_in_full", wording.date_in_full)
register.filter("weekday", wording.weekday)
register.filter("day_of", wording.day_of)
register.filter("clock", wording.clock)
register.filter("clock_with_zone", wording.clock_with_zone)
register.filter("moment", wording.moment)
register.filter("zone_name", wording.zone_name)
register.filter("lasting", wording.lasting)
