"""The month of days that a page to pick a time shows, worked out from bits before a single time is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from appointments.models import StaffMember
from portal.times import DAY, Search, bookable_days, openings
from scheduling.availability import Openings

DAYS_SHOWN = 30
# How far it looks for the first day that has times, when those asked for have none.
LOOKED_AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class Month:
    """Consecutive bookable days and their open starts; `mask` has those at which anybody asked for is free."""

    first: date
    last: date
    openings: Openings
    mask: int
    zone: ZoneInfo

    @property
    def days(self) -> list[date]:
        return [self.first + step * DAY for step in range((self.last - self.first).days + 1)]

    def starts_on(self, day: date) -> int:
        return self.mask & self.openings.lattice.on([day], self.zone) if self.mask else 0

    def first_open_day(self, since: date) -> date | None:
        return next((day for day in self.days if day >= since and self.starts_on(day)), None)

    def times_on(self, day: date) -> list[datetime]:
        """Each open start once, however many are free at it."""
        return self._instants(self.starts_on(day))

    def first_time(self) -> datetime:
        return self._instants(self.mask & -self.mask)[0]

    def free_at(self, starts_at: datetime) -> list[StaffMember]:
        there = self.openings.lattice.touching([(starts_at, starts_at + timedelta(minutes=1))])
        return [member for member, mask in self.openings.starts if mask & there]

    def _instants(self, mask: int) -> list[datetime]:
        lattice = self.openings.lattice
        return [lattice.instants[index] for index in lattice.indices(mask)]


@dataclass(frozen=True)
class Months:
    """Where to find the months of a search; a month begins where the bookable days do, not on the first of one."""

    search: Search
    people: Sequence[StaffMember]
    now: datetime

    @property
    def bounds(self) -> tuple[date, date]:
        return bookable_days(self.search.program, self.now)

    def to_show(self, wanted: date | None) -> Month:
        """The month with the wanted day; if it has no time at all, the next one that has, else an earlier one."""
        first, last = self.bounds
        month = self._with(wanted if wanted and first <= wanted <= last else first)
        if month.mask:
            return month
        for since, until in ((month.last + DAY, self.looked_until(month)), (first, month.first - DAY)):
            day = self._first_open_day(since, until)
            if day is not None:
                return self._with(day)
        return month

    def looked_until(self, month: Month) -> date:
        return min(self.bounds[1], month.last + LOOKED_AHEAD)

    def _with(self, day: date) -> Month:
        first, last = self.bounds
        begins = first + (day - first).days // DAYS_SHOWN * DAYS_SHOWN * DAY
        return self._load(begins, min(last, begins + (DAYS_SHOWN - 1) * DAY))

    def _first_open_day(self, since: date, until: date) -> date | None:
        """Looks on in growing steps: most often the first one finds it."""
        step = DAYS_SHOWN
        while since <= until:
            part = self._load(since, min(until, since + (step - 1) * DAY))
            if part.mask:
                return part.first_open_day(since)
            since, step = part.last + DAY, 2 * step
        return None

    def _load(self, first: date, last: date) -> Month:
        staff = [self.search.staff] if self.search.staff else self.people
        found = openings(self.search, staff, first_day=first, last_day=last, now=self.now)
        return Month(first, last, found, found.anyones(), self.search.program.facility.zone)
