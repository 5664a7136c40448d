"""Picking a time: with whom, a month of days, and the times of one of them. All that the page shows and nothing more."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, ngettext

from appointments.models import StaffMember
from portal.month import DAYS_SHOWN, Month, Months
from portal.showing import ShownFacility
from portal.times import DAY, Search, engaged
from scheduling.availability import serving
from securecare import localtime, wording

AT = "%Y-%m-%dT%H:%M:%SZ"
AFTERNOON, EVENING = 12, 17


@dataclass(frozen=True)
class StaffChoice:
    """`name` is empty for any staff member."""

    name: str
    query: str
    is_chosen: bool


@dataclass(frozen=True)
class ShownDay:
    date: date
    times: int
    query: str
    is_chosen: bool

    @property
    def label(self) -> str:
        """For those who do not see the strip."""
        day = wording.day(self.date)
        if not self.times:
            return gettext("%(day)s: no times") % {"day": day}
        text = ngettext("%(day)s: %(times)d time", "%(day)s: %(times)d times", self.times)
        return text % {"day": day, "times": self.times}


@dataclass(frozen=True)
class ShownTime:
    """`clock` as the facility's shows it, `own_clock` as the visitor's does where that differs. `staff` is known of the
    next time alone: who it would be with, if there is no choice."""

    value: str
    query: str
    date: date
    clock: str
    own_clock: str
    staff: str
    is_chosen: bool


@dataclass(frozen=True)
class PartOfDay:
    name: str
    times: list[ShownTime]


@dataclass(frozen=True)
class Picker:
    """`query` fields, `earlier` and `later` are relative links that keep what else is chosen; an empty one leads nowhere.

    `own_zone` is the visitor's where its times differ from the facility's. Without `day` there is no time at all up to `looked_until`. `allowed_from` is when a cool-down ends that bars the customer
    from the first days. `next_time` is shown with the first month only.
    """

    facility: ShownFacility
    visitor_zone: ZoneInfo | None
    own_zone: ZoneInfo | None
    staff_id: str
    staff: list[StaffChoice]
    days: list[ShownDay]
    day: date | None
    earlier: str
    later: str
    next_time: ShownTime | None
    parts: list[PartOfDay]
    cool_down_days: int
    allowed_from: date | None
    looked_until: date

    @property
    def chosen_staff(self) -> str:
        return next((choice.name for choice in self.staff if choice.is_chosen), "")

    @property
    def anyone(self) -> str:
        """The link to everybody's times."""
        return self.staff[0].query if self.staff else ""

    @property
    def months(self) -> str:
        return wording.months(self.days[0].date, self.days[-1].date) if self.days else ""


def read_at(text: str) -> datetime | None:
    """The instant that a page wrote as 2026-11-25T15:45:00Z; None for anything else."""
    try:
        read = datetime.strptime(text, AT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return read if 2000 <= read.year < 2200 else None


def write_at(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime(AT)


def with_staff(search: Search, asked: str | None, people: Sequence[StaffMember]) -> Search:
    """The search for whom was asked for: an id, "" for anyone, None for no change. Somebody unknown is anyone."""
    if asked is None:
        return search
    return replace(search, staff=next((member for member in people if str(member.pk) == asked), None))


def pick(search: Search, *, asked: Mapping[str, str], now: datetime, visitor_zone: ZoneInfo | None) -> Picker:
    """What to show for `asked`: `day`, `staff` and `at` as they stand in the address or were posted, all of them optional."""
    people = serving(search.program)
    search = with_staff(search, asked.get("staff"), people)
    chosen = read_at(asked.get("at", ""))
    wanted = _read_day(asked.get("day", ""))
    if wanted is None and chosen is not None:
        wanted = localtime.local_date(chosen, search.program.facility.zone)
    months = Months(search, people, now)
    month = months.to_show(wanted)
    day = month.first_open_day(wanted or month.first) or month.first_open_day(month.first)
    return _Drawing(months, month, day, chosen, visitor_zone).picker()


def _read_day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a local date has no zone
    except ValueError:
        return None


@dataclass(frozen=True)
class _Drawing:
    """Turns what was found into what is shown."""

    months: Months
    month: Month
    day: date | None
    chosen: datetime | None
    visitor_zone: ZoneInfo | None

    @property
    def search(self) -> Search:
        return self.months.search

    def picker(self) -> Picker:
        parts = list(self._parts()) if self.day else []
        differs = any(time.own_clock for part in parts for time in part.times)
        earlier, later = self._pages()
        return Picker(
            facility=ShownFacility.of(self.search.program.facility),
            visitor_zone=self.visitor_zone,
            own_zone=self.visitor_zone if differs else None,
            staff_id=str(self.search.staff.pk) if self.search.staff else "",
            staff=list(self._staff()),
            days=[self._shown_day(day) for day in self.month.days] if self.day else [],
            day=self.day,
            earlier=earlier,
            later=later,
            next_time=self._next_time(),
            parts=parts,
            cool_down_days=self.search.program.cool_down_days,
            allowed_from=self._allowed_from(),
            looked_until=self.months.looked_until(self.month),
        )

    def _staff(self) -> Iterator[StaffChoice]:
        chosen = self.search.staff
        yield StaffChoice("", self._query(self.day, staff=""), is_chosen=chosen is None)
        for member in self.months.people:
            query = self._query(self.day, staff=str(member.pk))
            yield StaffChoice(member.display_name, query, is_chosen=member == chosen)

    def _shown_day(self, day: date) -> ShownDay:
        times = self.month.starts_on(day).bit_count()
        return ShownDay(day, times, self._query(day) if times else "", is_chosen=day == self.day)

    def _pages(self) -> tuple[str, str]:
        first, last = self.months.bounds
        before = max(first, self.month.first - DAYS_SHOWN * DAY)
        earlier = self._query(before) if self.month.first > first else ""
        return earlier, self._query(self.month.last + DAY) if self.month.last < last else ""

    def _next_time(self) -> ShownTime | None:
        if not self.month.mask or self.month.first > self.months.bounds[0]:
            return None
        time = self.month.first_time()
        free = self.month.free_at(time)
        return self._shown_time(time, staff=free[0].display_name if len(free) == 1 else "")

    def _parts(self) -> Iterator[PartOfDay]:
        times = self.month.times_on(self.day) if self.day else []
        for name, those in groupby(times, key=self._part_of_day):
            yield PartOfDay(name, [self._shown_time(time) for time in those])

    def _part_of_day(self, time: datetime) -> str:
        hour = localtime.local(time, self.month.zone).hour
        if hour < AFTERNOON:
            return gettext("Morning")
        return gettext("Afternoon") if hour < EVENING else gettext("Evening")

    def _shown_time(self, time: datetime, *, staff: str = "") -> ShownTime:
        day = localtime.local_date(time, self.month.zone)
        return ShownTime(
            value=write_at(time),
            query=self._query(day, at=write_at(time)),
            date=day,
            clock=clock(time, self.month.zone),
            own_clock=self._own_clock(time, day),
            staff=staff,
            is_chosen=time == self.chosen,
        )

    def _own_clock(self, time: datetime, day: date) -> str:
        own = self.visitor_zone
        if (
            own is None
            or localtime.local(time, own).utcoffset() == localtime.local(time, self.month.zone).utcoffset()
        ):
            return ""
        own_day = localtime.local_date(time, own)
        return clock(time, own) if own_day == day else f"{wording.weekday(own_day)} {clock(time, own)}"

    def _allowed_from(self) -> date | None:
        """The first day after a cool-down that bars the customer from the first bookable day."""
        first, last = self.months.bounds
        barred = engaged(self.search, first, last).barred if self.search.program.cool_down_days else set()
        day = first
        while day in barred:
            day += DAY
        return day if day > first else None

    def _query(self, day: date | None, *, staff: str | None = None, at: str = "") -> str:
        if staff is None:
            staff = str(self.search.staff.pk) if self.search.staff else ""
        asked = {"day": day.isoformat() if day else "", "staff": staff, "at": at}
        return "?" + "&".join(f"{name}={value}" for name, value in asked.items() if value)


def clock(instant: datetime, zone: ZoneInfo) -> str:
    """10:45 AM; a time that the clock shows twice that day tells which one: 1:30 AM EDT."""
    shown = localtime.local(instant, zone)
    if len(localtime.readings(shown.date(), shown.time(), zone)) > 1:
        return wording.clock_with_zone(instant, zone)
    return wording.clock(instant, zone)
