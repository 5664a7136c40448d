"""Open times: working hours minus appointments, at quarter hours. Staff hours are the only source of a time on offer.

Every quarter hour of the days asked for is one bit of an integer, a staff member's free time one such integer; a start is
open when as many bits in a row are free as the appointment needs.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial, reduce
from itertools import compress, repeat
from operator import or_
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from appointments.models import Appointment, Program, StaffMember
from appointments.models.appointment import LONGEST
from scheduling import hours as working_hours
from scheduling.hours import Period
from securecare import localtime

QUARTER = localtime.QUARTER_HOUR
QUARTER_SECONDS = 900
# Periods by staff id.
Held = Mapping[int, Sequence[Period]]
_BITS = bytes.maketrans(b"01", b"\x00\x01")


class OpenTime(NamedTuple):
    """A bookable period in UTC."""

    staff: StaffMember
    starts_at: datetime
    ends_at: datetime


# A month of fifty people has thousands of open times: made from rows without a Python call for each.
_open_time = partial(tuple.__new__, OpenTime)


def open_times(
    *,
    program: Program,
    first_day: date,
    last_day: date,
    staff: StaffMember | None = None,
    now: datetime,
    minutes: int | None = None,
    ignoring: Appointment | None = None,
    held: Held | None = None,
) -> list[OpenTime]:
    """Every open start on these local dates of the program's facility, the last one included; by time, then by name.

    Inside working hours, clear of live appointments wherever they are, the program's buffer kept free on both sides, and not
    before `now`. Minimum notice and furthest day bind customers, not staff, and are the portal's to apply. `minutes` is the
    length, else the program's; `ignoring` is an appointment about to move; `held` are further periods to keep clear of.
    Three queries or fewer.
    """
    return open_times_of(
        staff=[staff] if staff else serving(program),
        program=program,
        first_day=first_day,
        last_day=last_day,
        now=now,
        minutes=minutes,
        ignoring=ignoring,
        held=held,
    )


_SERVING = """
SELECT staff.*
  FROM appointments_staffmember staff
 WHERE is_active AND takes_appointments
   AND EXISTS (SELECT FROM appointments_staffmember_facilities
                WHERE staffmember_id = staff.id AND facility_id = %(facility)s)
   AND (staff.id = %(lead)s OR EXISTS (SELECT FROM appointments_program_staff
                                        WHERE staffmember_id = staff.id AND program_id = %(program)s))
 ORDER BY display_name, id
"""


def serving(program: Program) -> list[StaffMember]:
    """The active staff members who take appointments of this program at its facility, by name."""
    asked = {"facility": program.facility_id, "program": program.pk, "lead": program.lead_staff_id}
    return list(StaffMember.objects.raw(_SERVING, asked))


def open_times_of(
    *,
    staff: Sequence[StaffMember],
    program: Program,
    first_day: date,
    last_day: date,
    now: datetime,
    minutes: int | None = None,
    ignoring: Appointment | None = None,
    held: Held | None = None,
) -> list[OpenTime]:
    """`open_times` for these staff members."""
    openings = openings_of(
        staff=staff,
        program=program,
        first_day=first_day,
        last_day=last_day,
        now=now,
        minutes=minutes,
        ignoring=ignoring,
        held=held,
    )
    return openings.times()


def openings_of(
    *,
    staff: Sequence[StaffMember],
    program: Program,
    first_day: date,
    last_day: date,
    now: datetime,
    minutes: int | None = None,
    ignoring: Appointment | None = None,
    held: Held | None = None,
) -> "Openings":
    """What `open_times` is made from: to count times, or to take away more of them, before any is made. Two queries."""
    staff = [member for member in staff if member.is_active and member.takes_appointments]
    quarters = (minutes or program.default_minutes) // 15
    lattice = Lattice.over(first_day, max(first_day, last_day), program.facility.time_zone)
    if last_day < first_day or not staff:
        return Openings(lattice, quarters, [])
    rules = working_hours.load(staff=[s.pk for s in staff], first_day=first_day, last_day=last_day)
    busy = _busy(lattice, staff, timedelta(minutes=program.buffer_minutes), ignoring)
    starts_allowed = lattice.starts_from(now)
    day_after = last_day + timedelta(days=1)  # an appointment may run on into its hours
    starts: list[tuple[StaffMember, int]] = []
    for member in staff:
        free = lattice.inside(rules.working(member.pk, program.facility, first_day, day_after))
        free &= ~busy.get(member.pk, 0)
        if held and member.pk in held:
            free &= ~lattice.touching(held[member.pk])
        starts.append((member, runs(free, quarters) & starts_allowed))
    return Openings(lattice, quarters, starts)


class Openings(NamedTuple):
    """By staff member the quarter hours of `lattice` at which an appointment of `quarters` can start, as bits."""

    lattice: "Lattice"
    quarters: int
    starts: list[tuple[StaffMember, int]]

    def times(self) -> list[OpenTime]:
        """By time, then in the order of the staff members."""
        buckets: list[list[StaffMember]] = [[] for _ in self.lattice.instants]
        for member, mask in self.starts:
            for index in self.lattice.indices(mask):
                buckets[index].append(member)
        return list(_flatten(buckets, self.lattice.instants, self.quarters * QUARTER))

    def anyones(self) -> int:
        """The starts at which at least one of them is free."""
        return reduce(or_, (mask for _, mask in self.starts), 0)

    def clear_of(self, periods: Iterable[Period]) -> "Openings":
        """Without the starts of appointments that would meet one of these periods."""
        return self._keeping(runs(self.lattice.whole() & ~self.lattice.touching(periods), self.quarters))

    def on(self, days: Iterable[date], zone: str | ZoneInfo) -> "Openings":
        """Those on these local dates."""
        return self._keeping(self.lattice.on(days, zone))

    def besides(self, staff_id: int, starts_at: datetime) -> "Openings":
        """Without this start of this staff member."""
        there = self.lattice.touching([(starts_at, starts_at + QUARTER)])
        kept = [(member, mask & ~there if member.pk == staff_id else mask) for member, mask in self.starts]
        return self._replace(starts=kept)

    def _keeping(self, kept: int) -> "Openings":
        return self._replace(starts=[(member, mask & kept) for member, mask in self.starts])


def _flatten(
    buckets: list[list[StaffMember]], instants: list[datetime], length: timedelta
) -> Iterator[OpenTime]:
    for starts_at, members in zip(instants, buckets, strict=True):
        if members:
            yield from map(_open_time, zip(members, repeat(starts_at), repeat(starts_at + length)))


class Lattice(NamedTuple):
    """The quarter hours from the first local day's beginning to a day after the last one's end; bit 0 is the first."""

    instants: list[datetime]
    size_of_days: int

    @classmethod
    def over(cls, first_day: date, last_day: date, zone: str) -> "Lattice":
        opens = localtime.day_bounds(first_day, zone)[0]
        closes = localtime.day_bounds(last_day, zone)[1]
        origin = datetime.fromtimestamp(opens.timestamp() // QUARTER_SECONDS * QUARTER_SECONDS, UTC)
        until = closes + timedelta(hours=26)
        return cls(list(localtime.walk(origin, until)), -int((origin - closes) // QUARTER))

    def inside(self, periods: Iterable[Period]) -> int:
        """Bits of the quarter hours that lie wholly inside a period."""
        mask = 0
        for start, end in periods:
            mask |= self._span(-((self.instants[0] - start) // QUARTER), (end - self.instants[0]) // QUARTER)
        return mask

    def touching(self, periods: Iterable[Period]) -> int:
        """Bits of the quarter hours that a period meets."""
        mask = 0
        for start, end in periods:
            mask |= self._span((start - self.instants[0]) // QUARTER, -((self.instants[0] - end) // QUARTER))
        return mask

    def starts_from(self, now: datetime) -> int:
        """Bits of the starts on the days asked for that are not past."""
        first = max(0, -((self.instants[0] - now) // QUARTER))
        return self._span(first, self.size_of_days)

    def on(self, days: Iterable[date], zone: str | ZoneInfo) -> int:
        """Bits of the quarter hours that begin on these local dates."""
        mask = 0
        for day in days:
            first, after = localtime.day_bounds(day, zone)
            mask |= self._span(*(-((self.instants[0] - bound) // QUARTER) for bound in (first, after)))
        return mask

    def whole(self) -> int:
        return (1 << len(self.instants)) - 1

    def indices(self, mask: int) -> Iterator[int]:
        """Positions of the set bits, in order."""
        bits = format(mask, "b")[::-1].encode().translate(_BITS)
        return compress(range(len(bits)), bits)

    def _span(self, first: int, end: int) -> int:
        first, end = max(first, 0), min(end, len(self.instants))
        return ((1 << (end - first)) - 1) << first if end > first else 0


def runs(free: int, length: int) -> int:
    """Bits at which `length` set bits in a row begin."""
    have = 1
    while have < length:
        step = min(have, length - have)
        free &= free >> step
        have += step
    return free


# Seconds since 1970 and no objects: a month of fifty people is ten thousand rows. No appointment is longer than a day.
_TAKEN = """
SELECT staff_id, date_part('epoch', starts_at)::bigint, date_part('epoch', ends_at)::bigint
  FROM appointments_appointment
 WHERE staff_id = ANY(%(staff)s) AND status <> 'cancelled'
   AND starts_at > %(longest)s AND starts_at < %(closes)s AND ends_at > %(opens)s
   AND id IS DISTINCT FROM %(ignoring)s
"""


def _busy(
    lattice: Lattice, staff: Collection[StaffMember], buffer: timedelta, ignoring: Appointment | None
) -> dict[int, int]:
    """Taken quarter hours by staff id, buffers included; one query."""
    masks = dict.fromkeys((member.pk for member in staff), 0)
    margin, origin = int(buffer.total_seconds()), int(lattice.instants[0].timestamp())
    opens, closes = lattice.instants[0] - buffer, lattice.instants[-1] + buffer
    limits: dict[str, Any] = {"staff": list(masks), "opens": opens, "closes": closes}
    limits |= {"longest": opens - LONGEST, "ignoring": ignoring.pk if ignoring else None}
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN, limits)
        for staff_id, start, end in cursor.fetchall():
            first = (start - margin - origin) // QUARTER_SECONDS
            after = -((origin - end - margin) // QUARTER_SECONDS)
            if first < 0:
                first = 0
            masks[staff_id] |= ((1 << (after - first)) - 1) << first
    return masks
