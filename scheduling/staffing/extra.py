"""Extra shifts: hours on one date besides the weekly ones."""

from datetime import date, datetime, time, timedelta

from django.contrib.auth.models import User

from appointments.models import Facility, StaffMember
from scheduling import hours as working_hours
from scheduling import words
from scheduling.models import Closure, ExtraShift
from scheduling.reassignment import Review
from scheduling.staffing.changing import (
    HoursRefused,
    changing,
    check_belongs,
    check_not_past,
    check_order,
    check_quarter,
    today_at,
)
from scheduling.staffing.clashes import check_elsewhere, occurrences
from securecare import localtime

DAY = timedelta(days=1)


def add_extra_shift(
    *,
    staff: StaffMember,
    facility: Facility,
    day: date,
    starts: time,
    ends: time,
    by: User,
    now: datetime,
    preview: bool = False,
    agreed: str | None = None,
) -> Review:
    """Let the person work on this local date too; over midnight when `ends` is not after `starts`.

    Raises HoursRefused.
    """
    check_not_past(day, today_at(facility, now), "date")
    check_quarter(starts, "starts")
    check_quarter(ends, "ends")
    check_order(starts, ends, "ends")
    check_belongs(staff, facility)
    with changing(staff=[staff], by=by, now=now, preview=preview, agreed=agreed) as review:
        _check_open(facility, day)
        _check_not_working(staff, facility, day, starts, ends)
        ExtraShift.objects.create(staff=staff, facility=facility, date=day, starts=starts, ends=ends)
        check_elsewhere(staff=staff, facility=facility, first_day=day, last_day=day, field="starts")
    return review


def remove_extra_shift(
    *, shift: ExtraShift, by: User, now: datetime, preview: bool = False, agreed: str | None = None
) -> Review:
    """Take an extra shift back. Raises HoursRefused for one that is past or already gone, and WouldStrand."""
    check_not_past(shift.date, today_at(shift.facility, now), "")
    with changing(staff=[shift.staff_id], by=by, now=now, preview=preview, agreed=agreed) as review:
        if not ExtraShift.objects.filter(pk=shift.pk).delete()[0]:
            raise HoursRefused("Someone already removed this shift.")
    return review


def _check_open(facility: Facility, day: date) -> None:
    if Closure.objects.filter(facility=facility, date=day).exists():
        raise HoursRefused(f"{facility} is closed on {words.short_day(day)}. Reopen it first.", field="date")


def _check_not_working(staff: StaffMember, facility: Facility, day: date, starts: time, ends: time) -> None:
    rules = working_hours.load(staff=[staff.pk], first_day=day, last_day=day)
    for start, end in localtime.periods(day, starts, ends, facility.zone):
        for other in occurrences(rules, staff, facility, day - DAY, day + DAY):
            if other.period[0] < end and other.period[1] > start:
                already = words.span(*other.period, facility.zone)
                raise HoursRefused(
                    f"{staff} already works {words.short_day(other.day)}, {already}. Enter only what comes on top.",
                    field="starts",
                )
