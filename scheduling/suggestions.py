"""Who else, or when else, for appointments that lost their working hours.

Everything is read in a fixed number of queries for any number of appointments, then worked out in memory. What is suggested is
free as things stand; the booking rules decide when it is taken.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db.models import Q

from appointments.models import Appointment, Program, StaffMember
from scheduling import booking
from scheduling import hours as working_hours
from scheduling.availability import QUARTER, QUARTER_SECONDS, OpenTime
from scheduling.hours import Fit, Hours, Period, merge, subtract
from scheduling.rules import COOL_DOWN, BookingRefused
from securecare import localtime

DAY = timedelta(days=1)
# Days before and after the appointment's own on which the same person's other times are looked for, and how many are told.
DAYS_BEFORE, DAYS_AFTER = 2, 7
TIMES_TOLD = 3


class Taken(NamedTuple):
    """A live appointment's period. `appointment` is its key."""

    start: datetime
    end: datetime
    appointment: int


@dataclass(frozen=True)
class Options:
    """`colleagues` are free at the same time, the least booked that day first; `times` are the same person's nearest."""

    appointment: Appointment
    why: str
    colleagues: list[StaffMember]
    times: list[OpenTime]

    @property
    def best(self) -> StaffMember | None:
        return self.colleagues[0] if self.colleagues else None

    @property
    def others(self) -> list[StaffMember]:
        return self.colleagues[1:]


@dataclass(frozen=True)
class Outcome:
    """What became of one appointment: given to `staff`, or left as it was because of `problem`."""

    appointment: Appointment
    staff: StaffMember | None = None
    problem: str = ""


def suggest(*, appointments: Sequence[Appointment], now: datetime) -> list[Options]:
    """Options for each of these, in their order. Those that have begun get none."""
    outlook = Outlook.over(appointments, now=now)
    return [outlook.options(appointment) for appointment in appointments]


def reassign_to_best(*, chosen: Sequence[tuple[Appointment, int]], by: User, now: datetime) -> list[Outcome]:
    """Give each appointment, at the version the user saw, to the best colleague free at its time. Each stands for itself: one
    that cannot be given away stays as it is and says why.
    """
    outlook = Outlook.over([appointment for appointment, _ in chosen], now=now)
    return [_give_to_best(outlook, appointment, version, by) for appointment, version in chosen]


def _give_to_best(outlook: "Outlook", appointment: Appointment, version: int, by: User) -> Outcome:
    problem = "Nobody else of the program is free at this time. Choose another time."
    if appointment.starts_at <= outlook.now:
        return Outcome(appointment, problem="It has already begun. Open it and record what happened.")
    for colleague in outlook.colleagues(appointment):
        outcome = give(appointment=appointment, staff=colleague, version=version, by=by, now=outlook.now)
        if outcome.staff is not None:
            outlook.note(appointment, colleague)
            return outcome
        problem = outcome.problem
        if appointment.version != version:
            break
    return Outcome(appointment, problem=problem)


def give(*, appointment: Appointment, staff: StaffMember, version: int, by: User, now: datetime) -> Outcome:
    """Reassign at the same time. The date stays, so a cool-down that was set aside once stays set aside."""
    try:
        booking.reassign(
            appointment=appointment, staff=staff, by=by, now=now, overrides={COOL_DOWN}, version=version
        )
    except booking.StaleAppointment as stale:
        appointment.version = stale.appointment.version
        return Outcome(appointment, problem="Someone changed it in the meantime. Look at it again.")
    except (BookingRefused, booking.ChangeRefused) as refused:
        return Outcome(appointment, problem=str(refused))
    return Outcome(appointment, staff)


@dataclass
class Outlook:
    """All that decides who and when else: programs' people, hours, and what is taken."""

    now: datetime
    people: dict[int, list[StaffMember]] = field(default_factory=dict)
    rules: Hours = field(default_factory=Hours)
    staff_taken: dict[int, list[Taken]] = field(default_factory=lambda: defaultdict(list))
    customer_taken: dict[int, list[Taken]] = field(default_factory=lambda: defaultdict(list))
    program_dates: dict[tuple[int, int], list[tuple[date, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    @classmethod
    def over(cls, appointments: Sequence[Appointment], *, now: datetime) -> "Outlook":
        """Six queries, whatever the number of appointments; none without any ahead."""
        outlook = cls(now)
        ahead = [appointment for appointment in appointments if appointment.starts_at > now]
        if not ahead:
            return outlook
        outlook.people = _people_of({appointment.program_id: appointment.program for appointment in ahead})
        staff = {member.pk for members in outlook.people.values() for member in members}
        staff |= {appointment.staff_id for appointment in ahead}
        days = [appointment.local_date for appointment in ahead]
        outlook.rules = working_hours.load(
            staff=staff, first_day=min(days) - DAYS_BEFORE * DAY, last_day=max(days) + DAYS_AFTER * DAY
        )
        outlook._read_staff(staff, ahead)
        outlook._read_customers(ahead)
        return outlook

    def _read_staff(self, staff: Collection[int], ahead: Iterable[Appointment]) -> None:
        near = [Q(starts_at__gt=start, starts_at__lt=end) for start, end in _windows(ahead)]
        lines = Appointment.objects.live().of(staff).filter(reduce(or_, near)).order_by()
        for member, start, end, pk in lines.values_list("staff_id", "starts_at", "ends_at", "pk"):
            self.staff_taken[member].append(Taken(start, end, pk))

    def _read_customers(self, ahead: Sequence[Appointment]) -> None:
        """What the customers have around these dates: they cannot be twice anywhere, and programs ask for distance."""
        reach = (max(a.program.cool_down_days for a in ahead) + DAYS_AFTER + 2) * DAY
        starts = [appointment.starts_at for appointment in ahead]
        theirs = Appointment.objects.live().filter(customer__in={a.customer_id for a in ahead}).order_by()
        lines = theirs.overlapping(min(starts) - reach, max(starts) + reach).select_related("facility")
        for other in lines:
            self.customer_taken[other.customer_id].append(Taken(other.starts_at, other.ends_at, other.pk))
            self.program_dates[other.customer_id, other.program_id].append((other.local_date, other.pk))

    def options(self, appointment: Appointment) -> Options:
        if appointment.starts_at <= self.now:
            return Options(appointment, "", [], [])
        times = list(self.times(appointment))[:TIMES_TOLD]
        return Options(appointment, self.why(appointment), self.colleagues(appointment), times)

    def colleagues(self, appointment: Appointment) -> list[StaffMember]:
        """Who serves the program and is free and at work then, the least booked that day first."""
        a = appointment
        free = [
            member
            for member in self.people.get(a.program_id, ())
            if member.pk != a.staff_id
            and self.rules.fit(member.pk, a.facility, a.starts_at, a.ends_at) is Fit.INSIDE
            and not self._is_taken(member, a)
        ]
        return sorted(free, key=lambda member: (self._booked(member, a), member.display_name, member.pk))

    def _is_taken(self, member: StaffMember, appointment: Appointment) -> bool:
        buffer = timedelta(minutes=appointment.program.buffer_minutes)
        start, end = appointment.starts_at - buffer, appointment.ends_at + buffer
        return any(taken.start < end and taken.end > start for taken in self.staff_taken.get(member.pk, ()))

    def _booked(self, member: StaffMember, appointment: Appointment) -> timedelta:
        """How much of the appointment's date is booked."""
        opens, closes = localtime.day_bounds(appointment.local_date, appointment.facility.zone)
        spans = (
            min(taken.end, closes) - max(taken.start, opens) for taken in self.staff_taken.get(member.pk, ())
        )
        return sum((span for span in spans if span > timedelta()), timedelta())

    def note(self, appointment: Appointment, staff: StaffMember) -> None:
        """The appointment is this person's now."""
        for theirs in self.staff_taken.values():
            theirs[:] = [taken for taken in theirs if taken.appointment != appointment.pk]
        taken = Taken(appointment.starts_at, appointment.ends_at, appointment.pk)
        self.staff_taken[staff.pk].append(taken)

    def times(self, appointment: Appointment) -> Iterator[OpenTime]:
        """One start a day of the same person's, nearest to the appointment's time of day; the nearest days first."""
        a = appointment
        if a.staff_id not in {member.pk for member in self.people.get(a.program_id, ())}:
            return
        free = self._free(a)
        shown = localtime.local(a.starts_at, a.facility.zone)
        for day in self._days_around(a):
            wanted = localtime.resolve(day, shown.time(), a.facility.zone, fold=shown.fold)
            starts = _nearest_start(free, wanted, a.ends_at - a.starts_at, self._bounds(day, a))
            if starts is not None:
                yield OpenTime(a.staff, starts, starts + (a.ends_at - a.starts_at))

    def _days_around(self, appointment: Appointment) -> list[date]:
        own = appointment.local_date
        barred = {
            other + step * DAY
            for other, pk in self.program_dates.get((appointment.customer_id, appointment.program_id), ())
            if pk != appointment.pk
            for step in range(1 - appointment.program.cool_down_days, appointment.program.cool_down_days)
        }
        days = (own + offset * DAY for offset in range(-DAYS_BEFORE, DAYS_AFTER + 1))
        return sorted(set(days) - barred, key=lambda day: (abs(day - own), day < own))

    def _free(self, appointment: Appointment) -> list[Period]:
        """When the person works and neither they nor the customer have anything else."""
        a = appointment
        first, last = a.local_date - DAYS_BEFORE * DAY, a.local_date + DAYS_AFTER * DAY
        buffer = timedelta(minutes=a.program.buffer_minutes)
        theirs = self.staff_taken.get(a.staff_id, ())
        busy = [(t.start - buffer, t.end + buffer) for t in theirs if t.appointment != a.pk]
        customers = self.customer_taken.get(a.customer_id, ())
        busy += [(t.start, t.end) for t in customers if t.appointment != a.pk]
        return subtract(self.rules.working(a.staff_id, a.facility, first, last), merge(busy))

    def _bounds(self, day: date, appointment: Appointment) -> Period:
        opens, closes = localtime.day_bounds(day, appointment.facility.zone)
        return max(opens, self.now), closes

    def why(self, appointment: Appointment) -> str:
        """What took the hours away, in words."""
        a = appointment
        if not a.staff.is_active:
            return f"{a.staff} has left"
        fit = self.rules.fit(a.staff_id, a.facility, a.starts_at, a.ends_at)
        if fit is Fit.CLOSED:
            return _with_reason(f"{a.facility} is closed", self.rules.closures[a.facility_id, a.local_date])
        for absence in self.rules.absences.get(a.staff_id, ()):
            start, end = absence.period(a.facility.zone)
            if start < a.ends_at and end > a.starts_at:
                return _with_reason(f"{a.staff} is off", absence.reason)
        if fit is Fit.NOT_WORKING:
            return f"{a.staff} does not work that day"
        return f"Outside {a.staff}'s hours"


def _with_reason(text: str, reason: str) -> str:
    return f"{text}: {reason}" if reason else text


def _people_of(programs: dict[int, Program]) -> dict[int, list[StaffMember]]:
    """Who may take appointments of each program at its facility, as `availability.serving` has it. Three queries."""
    pairs = set(
        Program.staff.through.objects.filter(program__in=programs).values_list("program_id", "staffmember_id")
    )
    pairs |= {(pk, program.lead_staff_id) for pk, program in programs.items() if program.lead_staff_id}
    members = StaffMember.objects.in_bulk({staff for _, staff in pairs})
    places = set(
        StaffMember.facilities.through.objects.filter(staffmember__in=members).values_list(
            "staffmember_id", "facility_id"
        )
    )
    found: dict[int, list[StaffMember]] = {pk: [] for pk in programs}
    for program_id, staff_id in pairs:
        member = members[staff_id]
        belongs = (staff_id, programs[program_id].facility_id) in places
        if member.is_active and member.takes_appointments and belongs:
            found[program_id].append(member)
    return found


def _windows(appointments: Iterable[Appointment]) -> list[Period]:
    """The days looked at, and two around them: an appointment may last a day, and zones differ by more than one."""
    before, after = (DAYS_BEFORE + 2) * DAY, (DAYS_AFTER + 2) * DAY
    return merge((a.starts_at - before, a.starts_at + after) for a in appointments)


def _nearest_start(
    free: Iterable[Period], wanted: datetime, length: timedelta, bounds: Period
) -> datetime | None:
    """The quarter hour nearest to `wanted` that starts inside the bounds and has `length` free."""
    found = []
    for start, end in free:
        first = _quarter_at_or_after(max(start, bounds[0]))
        last = min(_quarter_at_or_after(end - length + timedelta(microseconds=1)), bounds[1]) - QUARTER
        if first <= last:
            found.append(min(max(wanted, first), last))
    return min(found, key=lambda at: (abs(at - wanted), at), default=None)


def _quarter_at_or_after(instant: datetime) -> datetime:
    seconds = -(-instant.timestamp() // QUARTER_SECONDS) * QUARTER_SECONDS
    return datetime.fromtimestamp(seconds, UTC)
