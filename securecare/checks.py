"""Django system checks: a site that would compute wrong times does not start."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any

import tzdata
from django.core.checks import CheckMessage, Error, register

# British Columbia stays on UTC-7 from November 2026 on; zone data older than 2026 puts this instant an hour off.
RECENT_RULE = ("America/Vancouver", datetime(2026, 12, 1, 12, tzinfo=UTC), timedelta(hours=-7))


def zone_data_problem() -> str | None:
    """What is wrong with the zone data in use, or None when it is the pinned package's."""
    if zoneinfo.TZPATH:
        return f"Zone data may come from {', '.join(zoneinfo.TZPATH)} instead of the pinned tzdata package."
    zone, at, expected = RECENT_RULE
    if (offset := at.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()) != expected:
        return f"Zone data {tzdata.IANA_VERSION} is out of date: {zone} on {at:%Y-%m-%d} is {offset}, not {expected}."
    return None


@register
def check_zone_data(**_options: Any) -> list[CheckMessage]:
    problem = zone_data_problem()
    if problem is None:
        return []
    return [
        Error(problem, hint="Install the versions of requirements.lock: make install", id="securecare.E001")
    ]
