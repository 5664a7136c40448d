"""Closures: local dates on which nobody works at a facility."""

from datetime import date, datetime, timedelta

from django.contrib.auth.models import User

from appointments.models import Facility
from scheduling.models import Closure
from scheduling.reassignment import Review, staff_at
from scheduling.staffing.changing import HoursRefused, changing, check_not_past, today_at

MOST_DAYS = 62


def close_facility(
    *,
    facility: Facility,
    first_day: date,
    last_day: date,
    reason: str,
    by: User,
    now: datetime,
    preview: bool = False,
    agreed: str | None = None,
) -> Review:
    """Close on these local dates, the last one included; dates already closed stay as they are.

    Raises HoursRefused, WouldStrand.
    """
    check_not_past(first_day, today_at(facility, now), "first_day")
    days = _days(first_day, last_day)
    with changing(staff=staff_at(facility.pk), by=by, now=now, preview=preview, agreed=agreed) as review:
        closed = set(Closure.objects.filter(facility=facility, date__in=days).values_list("date", flat=True))
        if closed.issuperset(days):
            raise HoursRefused(f"{facility} is already closed then.", field="first_day")
        Closure.objects.bulk_create(
            [Closure(facility=facility, date=day, reason=reason) for day in days if day not in closed],
            ignore_conflicts=True,
        )
    return review


def reopen(
    *, closure: Closure, by: User, now: datetime, preview: bool = False, agreed: str | None = None
) -> Review:
    """Open on the date after all. Raises HoursRefused for a date that is past or already open."""
    facility = closure.facility
    check_not_past(closure.date, today_at(facility, now), "")
    with changing(staff=staff_at(facility.pk), by=by, now=now, preview=preview, agreed=agreed) as review:
        if not Closure.objects.filter(pk=closure.pk).delete()[0]:
            raise HoursRefused("Someone already reopened it.")
    return review


def _days(first_day: date, last_day: date) -> list[date]:
    count = (last_day - first_day).days + 1
    if count < 1:
        raise HoursRefused("The last day is before the first.", field="last_day")
    if count > MOST_DAYS:
        raise HoursRefused(f"Close at most {MOST_DAYS} days at a time.", field="last_day")
    return [first_day + timedelta(days=offset) for offset in range(count)]
