"""The pick-list of time zones by country, which the standard library lacks. pytz only names them: rules come from tzdata."""

import unicodedata
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytz
from babel import Locale
from babel.dates import get_timezone_location
from django.utils.translation import get_language, gettext

FIRST = "US"
ENGLISH = "en"

Choices = list[tuple[str, list[tuple[str, str]]]]


def by_country() -> Choices:
    """Groups for a select, in the active language: the country, then (key, words) of its zones in common use; our own country
    first."""
    language = (get_language() or ENGLISH).partition("-")[0]
    return [*_countries(language), (gettext("No country"), [("UTC", "UTC")])]


def with_current(key: str) -> Choices:
    """The pick-list, with a key that stands in the database but not in it on top."""
    listed = {zone for _, zones in by_country() for zone, _ in zones}
    if not key or key in listed:
        return by_country()
    return [(gettext("Chosen before"), [(key, key)]), *by_country()]


@cache
def _countries(language: str) -> Choices:
    known = available_timezones().intersection(pytz.common_timezones)
    names = pytz.country_names if language == ENGLISH else Locale.parse(language).territories
    groups = []
    for code in sorted(pytz.country_timezones, key=lambda code: (code != FIRST, _sorted_as(names[code]))):
        zones = [(key, _words(key, language)) for key in pytz.country_timezones[code] if key in known]
        if zones:
            groups.append((names[code], zones))
    return groups


def _sorted_as(name: str) -> str:
    """Without its accents: Perú before Polonia, África before Albania."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _words(key: str, language: str) -> str:
    """`America/Indiana/Knox` as people read it: Knox, Indiana. In other languages than English, cities as CLDR names them."""
    *_, place = parts = key.replace("_", " ").split("/")
    plain = f"{place}, {parts[1]}" if len(parts) == 3 else place
    if language == ENGLISH:
        return plain
    city = get_timezone_location(ZoneInfo(key), locale=language, return_city=True)
    return plain if "/" in city else city
