"""The pick-list of time zones by country, which the standard library lacks. pytz only names them: rules come from tzdata."""

from functools import cache
from zoneinfo import available_timezones

import pytz

FIRST = "US"

Choices = list[tuple[str, list[tuple[str, str]]]]


@cache
def by_country() -> Choices:
    """Groups for a select: the country, then (key, words) of its zones in common use; our own country first."""
    known = available_timezones().intersection(pytz.common_timezones)
    groups = []
    for code in sorted(pytz.country_timezones, key=lambda code: (code != FIRST, pytz.country_names[code])):
        zones = [(key, _words(key)) for key in pytz.country_timezones[code] if key in known]
        if zones:
            groups.append((pytz.country_names[code], zones))
    return [*groups, ("No country", [("UTC", "UTC")])]


def with_current(key: str) -> Choices:
    """The pick-list, with a key that stands in the database but not in it on top."""
    listed = {zone for _, zones in by_country() for zone, _ in zones}
    return by_country() if not key or key in listed else [("Chosen before", [(key, key)]), *by_country()]


def _words(key: str) -> str:
    """`America/Indiana/Knox` as people read it: Knox, Indiana."""
    *_, place = parts = key.replace("_", " ").split("/")
    return f"{place}, {parts[1]}" if len(parts) == 3 else place
