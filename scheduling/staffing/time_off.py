"""Time off: a staff member asks and a manager decides, or a manager enters it. It holds wherever the person works."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from appointments.models import StaffMember
from scheduling import words
from scheduling.models import TimeOff
from scheduling.reassignment import Review
from scheduling.staffing.changing import HoursRefused, changing, check_not_past, check_quarter
from securecare import localtime

State = TimeOff.State
STANDING = (State.REQUESTED, State.APPROVED)
LONGEST = timedelta(days=731)


class Away(NamedTuple):
    """From `starts` on the first day to `ends` on the last one; without times, whole days."""

    first_day: date
    last_day: date
    starts: time | None = None
    ends: time | None = None

    @property
    def wall(self) -> tuple[datetime, datetime]:
        """As a clock on the wall shows it: to compare one person's absences, which have no zone."""
        start = datetime.combine(self.first_day, self.starts or localtime.MIDNIGHT)
        if self.ends is None:
            return start, datetime.combine(self.last_day + timedelta(days=1), localtime.MIDNIGHT)
        return start, datetime.combine(self.last_day, self.ends)


def ask_time_off(*, staff: StaffMember, away: Away, reason: str, by: User, now: datetime) -> TimeOff:
    """Ask for time off. Hours stay as they are until somebody approves. Raises HoursRefused."""
    _check(away, staff, now)
    with transaction.atomic():
        StaffMember.objects.select_for_update(no_key=True).get(pk=staff.pk)
        _check_unclaimed(staff, away)
        return TimeOff.objects.create(
            staff=staff,
            reason=reason,
            state=State.REQUESTED,
            requested_by=by,
            requested_at=now,
            **away._asdict(),
        )


def enter_time_off(
    *,
    staff: StaffMember,
    away: Away,
    reason: str,
    by: User,
    now: datetime,
    preview: bool = False,
    agreed: str | None = None,
) -> Review:
    """Give time off at once. Raises HoursRefused, WouldStrand."""
    _check(away, staff, now)
    with changing(staff=[staff], by=by, now=now, preview=preview, agreed=agreed) as review:
        _check_unclaimed(staff, away)
        TimeOff.objects.create(
            staff=staff,
            reason=reason,
            state=State.APPROVED,
            decided_by=by,
            decided_at=now,
            **away._asdict(),
        )
    return review


def approve(
    *, time_off: TimeOff, by: User, now: datetime, preview: bool = False, agreed: str | None = None
) -> Review:
    """Give what was asked for. Raises HoursRefused when it is no longer asked for, WouldStrand."""
    with changing(staff=[time_off.staff_id], by=by, now=now, preview=preview, agreed=agreed) as review:
        current = _locked(time_off, State.REQUESTED)
        current.state, current.decided_by, current.decided_at = State.APPROVED, by, now
        current.save()
    return review


def decline(*, time_off: TimeOff, answer: str, by: User, now: datetime) -> None:
    """Say no, and why. Raises HoursRefused without a reason, or when it is no longer asked for."""
    if not answer.strip():
        raise HoursRefused("Say why, so that the person can plan.", field="answer")
    with transaction.atomic():
        current = _locked(time_off, State.REQUESTED)
        current.state, current.decided_by, current.decided_at = State.DECLINED, by, now
        current.answer = answer.strip()
        current.save()


def withdraw(
    *, time_off: TimeOff, by: User, now: datetime, preview: bool = False, agreed: str | None = None
) -> Review:
    """Take back a request, or approved time off that is not over: the hours come back.

    Raises HoursRefused. Strands nothing; `agreed` is there because every change of hours has it.
    """
    check_not_past(time_off.last_day, earliest_today(time_off.staff, now), "")
    with changing(staff=[time_off.staff_id], by=by, now=now, preview=preview, agreed=agreed) as review:
        current = _locked(time_off, *STANDING)
        current.state = State.WITHDRAWN
        current.save()
    return review


def earliest_today(staff: StaffMember, now: datetime) -> date:
    """Today where the person works; of several facilities, where the day began last."""
    zones = [facility.time_zone for facility in staff.facilities.all()]
    return min((localtime.local_date(now, zone) for zone in zones), default=localtime.local_date(now, "UTC"))


def _locked(time_off: TimeOff, *states: str) -> TimeOff:
    current = TimeOff.objects.select_for_update().get(pk=time_off.pk)
    if current.state not in states:
        raise HoursRefused(f"This time off is already {current.get_state_display().lower()}.")
    return current


def _check(away: Away, staff: StaffMember, now: datetime) -> None:
    if away.last_day < away.first_day:
        raise HoursRefused("The last day is before the first.", field="last_day")
    if away.last_day - away.first_day > LONGEST:
        raise HoursRefused("Enter at most two years at a time.", field="last_day")
    check_not_past(away.last_day, earliest_today(staff, now), "last_day")
    check_quarter(away.starts, "starts")
    check_quarter(away.ends, "ends")
    start, end = away.wall
    if end <= start:
        raise HoursRefused("Time off must end after it begins.", field="ends")


def _check_unclaimed(staff: StaffMember, away: Away) -> None:
    start, end = away.wall
    others = TimeOff.objects.filter(staff=staff, state__in=STANDING)
    for other in others.filter(first_day__lte=away.last_day, last_day__gte=away.first_day):
        other_start, other_end = Away(other.first_day, other.last_day, other.starts, other.ends).wall
        if other_start < end and other_end > start:
            raise HoursRefused(
                f"There is time off already, {other.get_state_display().lower()}: "
                f"{words.away(other.first_day, other.last_day, other.starts, other.ends)}. Withdraw it first.",
                field="first_day",
            )
