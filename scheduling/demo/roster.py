"""When the sample organisation's staff work. Everything on a date follows from the calendar alone, never from when it is loaded."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.contrib.auth.models import User

from appointments.models import Facility, StaffMember
from scheduling.demo.people import FACILITIES, HARBOR_HOUSE, NORTHSIDE, WESTGATE
from scheduling.hours import Period, merge, subtract
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from securecare import localtime

DAY = timedelta(days=1)
QUARTER = localtime.QUARTER_HOUR
WEEKDAYS = range(5)
ZONES = {name: zone for name, zone, *_ in FACILITIES}

# Who, where, weekdays, from, to. Mei and Andre have split days; Samuel works nights; Lena is at Harbor House on Wednesdays.
WEEK: tuple[tuple[str, str, Iterable[int], time, time], ...] = (
    ("dana", NORTHSIDE, WEEKDAYS, time(9), time(17)),
    ("marcus", NORTHSIDE, WEEKDAYS, time(8), time(16)),
    ("priya", NORTHSIDE, WEEKDAYS, time(9), time(17)),
    ("jonah", NORTHSIDE, (0, 1, 2, 4), time(9), time(17)),
    ("lena", NORTHSIDE, (0, 1, 3, 4), time(12), time(20)),
    ("lena", HARBOR_HOUSE, (2,), time(10), time(18)),
    ("tomas", HARBOR_HOUSE, WEEKDAYS, time(10), time(18)),
    ("tomas", HARBOR_HOUSE, (5,), time(10), time(14)),
    ("ruth", HARBOR_HOUSE, (0, 1, 2, 3), time(9), time(13)),
    ("samuel", HARBOR_HOUSE, (3, 4, 5, 6), time(22), time(6)),
    ("mei", WESTGATE, WEEKDAYS, time(9), time(12)),
    ("mei", WESTGATE, WEEKDAYS, time(13), time(17, 30)),
    ("andre", WESTGATE, (0, 2, 4), time(8, 30), time(16, 30)),
    ("andre", WESTGATE, (1, 3), time(8, 30), time(12, 30)),
    ("andre", WESTGATE, (1, 3), time(16), time(19)),
    ("andre", WESTGATE, (5,), time(9), time(13)),
)


@dataclass(frozen=True)
class Away:
    """Approved time off; whole days without times."""

    who: str
    first_day: date
    last_day: date
    reason: str
    starts: time | None = None
    ends: time | None = None

    def period(self, zone: str) -> Period:
        """As wall time in a zone. Times, where given, lie on one day."""
        start = localtime.resolve(self.first_day, self.starts or localtime.MIDNIGHT, zone)
        if self.ends is None:
            return start, localtime.day_bounds(self.last_day, zone)[1]
        return start, localtime.resolve(self.last_day, self.ends, zone, fold=1)


def known_absences(day: date) -> list[Away]:
    """Time off that begins on this date and was known long before: nobody was booked into it."""
    week, weekday = day.isocalendar().week, day.weekday()
    if weekday == 1 and week % 2 == 0:
        return [Away("jonah", day, day, "Training day", time(12), time(17))]
    if weekday == 2 and week % 3 == 2:
        return [Away("andre", day, day, "Jury duty")]
    if weekday == 2 and week % 3 == 1:
        return [Away("ruth", day, day + DAY, "Vacation")]
    return []


_SUDDEN: dict[int, tuple[tuple[str, str, time | None, time | None], ...]] = {
    1: (
        ("priya", "Family matter", time(14), time(17)),
        ("dana", "Court hearing", time(13), time(17)),
        ("tomas", "Landlord meeting", time(14), time(18)),
    ),
    3: (
        ("mei", "Away", None, None),
        ("marcus", "School visit", time(8), time(11, 30)),
    ),
    4: (
        ("jonah", "Jury duty", time(12), time(17)),
        ("lena", "Family matter", time(16), time(20)),
        ("priya", "Regional meeting", time(9), time(12)),
    ),
}


def sudden_absence(day: date) -> Away | None:
    """Time off on this date that is decided only when people are already booked into it."""
    turns = _SUDDEN.get(day.weekday())
    if turns is None or day in holidays(day.year):
        return None
    who, reason, starts, ends = turns[day.isocalendar().week % len(turns)]
    return Away(who, day, day, reason, starts, ends)


def extra_shifts(day: date) -> list[tuple[str, str, time, time]]:
    """Who, where, from, to: hours on this date besides the weekly ones."""
    if day.weekday() == 5 and day.isocalendar().week % 2 == 0:
        return [("priya", NORTHSIDE, time(10), time(14))]
    if day.weekday() == 3 and day.isocalendar().week % 2 == 1:
        return [("jonah", NORTHSIDE, time(13), time(17))]
    return []


def holidays(year: int) -> dict[date, str]:
    november = date(year, 11, 1)
    thanksgiving = november + timedelta(days=(3 - november.weekday()) % 7 + 21)
    return {
        date(year, 1, 1): "New Year’s Day",
        date(year, 7, 4): "Independence Day",
        thanksgiving: "Thanksgiving",
        date(year, 12, 25): "Christmas Day",
    }


def closures(day: date) -> dict[str, str]:
    """Why facilities are closed on this date, by facility."""
    if reason := holidays(day.year).get(day):
        return dict.fromkeys(ZONES, reason)
    if day.weekday() == 4 and day.isocalendar().week % 3 == 1:
        return {WESTGATE: "Stocktaking"}
    return {}


def next_weekday(day: date, weekday: int) -> date:
    """The first date on or after `day` with this weekday."""
    return day + timedelta(days=(weekday - day.weekday()) % 7)


def periods(day: date) -> list[tuple[str, str, Period]]:
    """Who works where and when, in shifts that begin on this date; absences known early and closures taken out."""
    begun = [(who, where, starts, ends) for who, where, days, starts, ends in WEEK if day.weekday() in days]
    found: list[tuple[str, str, Period]] = []
    for who, where, starts, ends in begun + extra_shifts(day):
        zone = ZONES[where]
        shift = list(localtime.periods(day, starts, ends, zone))
        found.extend((who, where, period) for period in subtract(shift, _holes(who, where, day)))
    return found


def _holes(who: str, where: str, day: date) -> list[Period]:
    zone = ZONES[where]
    near = [day + timedelta(days=offset) for offset in range(-2, 3)]
    absent = [away.period(zone) for other in near for away in known_absences(other) if away.who == who]
    closed = [localtime.day_bounds(other, zone) for other in near if where in closures(other)]
    return merge(absent + closed)


def create_week(places: dict[str, Facility], staff: dict[str, StaffMember], *, valid_from: date) -> None:
    Shift.objects.bulk_create(
        Shift(
            staff=staff[who],
            facility=places[where],
            weekday=weekday,
            starts=starts,
            ends=ends,
            valid_from=valid_from,
        )
        for who, where, weekdays, starts, ends in WEEK
        for weekday in weekdays
    )


def add_dates(
    days: Iterable[date],
    places: dict[str, Facility],
    staff: dict[str, StaffMember],
    *,
    by: User,
    now: datetime,
) -> None:
    """Extra shifts, known time off and closures of these dates. What is there already stays as it is."""
    for day in days:
        for where, reason in closures(day).items():
            if place := places.get(where):
                Closure.objects.get_or_create(facility=place, date=day, defaults={"reason": reason})
        for who, where, starts, ends in extra_shifts(day):
            if who in staff and where in places:
                key = {"staff": staff[who], "facility": places[where], "date": day, "starts": starts}
                ExtraShift.objects.get_or_create(**key, defaults={"ends": ends})
        for away in known_absences(day):
            if (
                away.who in staff
                and not TimeOff.objects.filter(staff=staff[away.who], first_day=day).exists()
            ):
                decided = now - timedelta(days=30)
                create_time_off(away, staff[away.who], requested_at=decided - DAY, by=by, now=decided)


def create_time_off(
    away: Away, member: StaffMember, *, requested_at: datetime, by: User | None, now: datetime | None
) -> TimeOff:
    """Approved by a manager at `now`; waiting for a decision without one."""
    return TimeOff.objects.create(
        staff=member,
        first_day=away.first_day,
        last_day=away.last_day,
        starts=away.starts,
        ends=away.ends,
        reason=away.reason,
        state=TimeOff.State.APPROVED if by else TimeOff.State.REQUESTED,
        requested_by=member.user,
        requested_at=requested_at,
        decided_by=by,
        decided_at=now,
    )
