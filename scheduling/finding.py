"""Finding a time: the next open ones that suit a wish, and those nearest to a time that was refused."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from appointments.models import Appointment, Customer, Program, StaffMember
from scheduling.availability import OpenTime, open_times_of, serving
from scheduling.hours import Period
from securecare import localtime

EVERY_DAY = frozenset(range(7))
DAY = timedelta(days=1)
# How far each look reaches, and when looking ends.
LOOKS = (7, 28)
WINDOW = 14
FURTHEST = 112
DAYS_SHOWN = 5


@dataclass(frozen=True)
class Wish:
    """What is looked for. Times of day and weekdays are those of the program's facility; `latest` is when it ends at the latest."""

    program: Program
    staff: Sequence[StaffMember]
    first_day: date
    minutes: int
    weekdays: Collection[int] = EVERY_DAY
    earliest: time | None = None
    latest: time | None = None
    customer: Customer | None = None

    def suits(self, offer: OpenTime) -> bool:
        zone = self.program.facility.zone
        start, end = localtime.local(offer.starts_at, zone), localtime.local(offer.ends_at, zone)
        if start.weekday() not in self.weekdays or (self.earliest and start.time() < self.earliest):
            return False
        return not self.latest or (end.date() == start.date() and end.time() <= self.latest)


@dataclass
class FoundDay:
    """The open times of one local date, by staff member."""

    date: date
    by_staff: dict[StaffMember, list[OpenTime]] = field(default_factory=dict)

    @property
    def staff_times(self) -> list[tuple[StaffMember, list[OpenTime]]]:
        return sorted(self.by_staff.items(), key=lambda pair: pair[0].display_name)


@dataclass
class Found:
    """`next_day` is where to look on, None if nothing lies beyond."""

    days: list[FoundDay]
    next_day: date | None


def find(wish: Wish, *, now: datetime, days_shown: int = DAYS_SHOWN) -> Found:
    """The first days that have open times for the wish, within sixteen weeks."""
    days: list[FoundDay] = []
    first, end = wish.first_day, wish.first_day + FURTHEST * DAY
    while first < end:
        last = first + (WINDOW - 1) * DAY
        days.extend(_by_day(wish, first, last, now))
        if len(days) > days_shown:
            return Found(days[:days_shown], days[days_shown].date)
        first = last + DAY
    return Found(days, None)


def _by_day(wish: Wish, first: date, last: date, now: datetime) -> list[FoundDay]:
    zone = wish.program.facility.zone
    offers = open_times_of(
        staff=wish.staff,
        program=wish.program,
        first_day=first,
        last_day=last,
        now=now,
        minutes=wish.minutes,
    )
    days: dict[date, FoundDay] = {}
    for offer in possible(offers, wish.program, wish.customer, None):
        if wish.suits(offer):
            day = localtime.local_date(offer.starts_at, zone)
            found = days.setdefault(day, FoundDay(day))
            found.by_staff.setdefault(offer.staff, []).append(offer)
    return list(days.values())


def next_times(
    *,
    program: Program,
    staff: StaffMember,
    starts_at: datetime,
    minutes: int,
    now: datetime,
    customer: Customer | None = None,
    moving: Appointment | None = None,
    limit: int = 6,
) -> list[OpenTime]:
    """Open times to take instead of the one wanted, nearest first: the same person's on that day, colleagues' on that day, then
    later days. None at which the customer is busy or that the program's cool-down forbids them.
    """
    zone = program.facility.zone
    first = max(localtime.local_date(starts_at, zone), localtime.local_date(now, zone))
    people = serving(program)
    for days in LOOKS:
        offers = open_times_of(
            staff=people,
            program=program,
            first_day=first,
            last_day=first + days * DAY,
            now=now,
            minutes=minutes,
            ignoring=moving,
        )
        open_to_them = possible(offers, program, customer, moving)
        if nearest := _nearest(open_to_them, staff, starts_at, zone, limit):
            return nearest
    return []


def _nearest(
    offers: Iterable[OpenTime], staff: StaffMember, wanted: datetime, zone: ZoneInfo, limit: int
) -> list[OpenTime]:
    """Half of the places to the same person on that day, the rest to colleagues then (one time each) and to later days."""
    day = localtime.local_date(wanted, zone)
    own: list[OpenTime] = []
    colleagues: dict[int, OpenTime] = {}
    later: list[OpenTime] = []
    for offer in sorted(offers, key=lambda offer: (abs(offer.starts_at - wanted), offer.staff.display_name)):
        if offer.starts_at == wanted and offer.staff.pk == staff.pk:
            continue
        if localtime.local_date(offer.starts_at, zone) != day:
            later.append(offer)
        elif offer.staff.pk == staff.pk:
            own.append(offer)
        else:
            colleagues.setdefault(offer.staff.pk, offer)
    others = list(colleagues.values())
    chosen = own[: limit // 2] + others[: limit // 3]
    chosen += _spread(later, staff, wanted, zone)[: limit - len(chosen)]
    spare = [*own[limit // 2 :], *others[limit // 3 :]]
    return [*chosen, *spare[: limit - len(chosen)]]


def _spread(
    offers: Iterable[OpenTime], staff: StaffMember, wanted: datetime, zone: ZoneInfo
) -> list[OpenTime]:
    """By day, the same person first, at most two times each: those nearest to the wanted time of day."""
    found: dict[tuple[bool, date, int], list[OpenTime]] = defaultdict(list)
    for offer in offers:
        day = localtime.local_date(offer.starts_at, zone)
        found[offer.staff.pk != staff.pk, day, offer.staff.pk].append(offer)
    time_of_day = localtime.local(wanted, zone).time()
    return [
        offer
        for _, there in sorted(found.items(), key=lambda item: item[0])
        for offer in sorted(there, key=lambda offer: _apart(offer, time_of_day, zone))[:2]
    ]


def _apart(offer: OpenTime, time_of_day: time, zone: ZoneInfo) -> tuple[int, datetime]:
    """How many minutes of the clock lie between an offer and a time of day."""
    shown = localtime.local(offer.starts_at, zone)
    minutes = abs(60 * (shown.hour - time_of_day.hour) + shown.minute - time_of_day.minute)
    return minutes, offer.starts_at


def possible(
    offers: Sequence[OpenTime], program: Program, customer: Customer | None, moving: Appointment | None
) -> list[OpenTime]:
    """Without those at which the customer is busy, or that the program's cool-down forbids them. One query."""
    if customer is None or not offers:
        return list(offers)
    theirs = engagements(customer, program, offers[0].starts_at, offers[-1].ends_at, besides=moving)
    zone = program.facility.zone
    return [
        offer
        for offer in offers
        if not _meets(offer, theirs.busy) and localtime.local_date(offer.starts_at, zone) not in theirs.barred
    ]


class Engagements(NamedTuple):
    """When a customer is busy, and the local dates that a program's cool-down bars them from."""

    busy: list[Period]
    barred: set[date]


def engagements(
    customer: Customer, program: Program, start: datetime, end: datetime, *, besides: Appointment | None
) -> Engagements:
    """What matters for times in `[start, end)`, `besides` an appointment about to move. One query."""
    margin = (program.cool_down_days + 2) * DAY
    theirs = Appointment.objects.live().filter(customer=customer).order_by()
    theirs = theirs.overlapping(start - margin, end + margin)
    if besides is not None:
        theirs = theirs.exclude(pk=besides.pk)
    rows = list(theirs.values_list("program_id", "starts_at", "ends_at"))
    same_program = [start for program_id, start, _ in rows if program_id == program.pk]
    return Engagements([(start, end) for _, start, end in rows], _barred_days(same_program, program))


def _barred_days(starts: Iterable[datetime], program: Program) -> set[date]:
    reach = range(1 - program.cool_down_days, program.cool_down_days)
    zone = program.facility.zone
    return {localtime.local_date(start, zone) + step * DAY for start in starts for step in reach}


def _meets(offer: OpenTime, periods: Iterable[Period]) -> bool:
    return any(start < offer.ends_at and end > offer.starts_at for start, end in periods)
