"""Loading the sample organisation. Every appointment goes through the domain's own verbs, at the time it was made.

A date is loaded once: the record of bookings tells which dates are there, whatever became of the appointments since.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

from django.contrib.auth.models import User
from django.db import transaction

from appointments.models import Appointment, AppointmentEvent, Case, Customer, Facility, Program, StaffMember
from scheduling import booking, reassignment
from scheduling.booking import BookingRefused
from scheduling.demo import days, people, programs, roster
from scheduling.demo.days import CANCELLED, NO_SHOW, Visit
from scheduling.models import TimeOff
from securecare import localtime

DAYS_AROUND = timedelta(days=10)
SUDDEN_AHEAD = timedelta(days=5)
NO_SHOW_AFTER = timedelta(minutes=20)
Status = Appointment.Status


@dataclass
class Loaded:
    """What one run did."""

    days: list[date] = field(default_factory=list)
    appointments: int = 0
    stranded: int = 0


class NameTaken(Exception):
    """The database holds other people's records under the sample organisation's names."""


def seed(*, now: datetime) -> Loaded:
    """Create the sample organisation, or bring its three weeks up to today. On a day that is loaded nothing changes.

    Appointments that anyone has changed since stay as they are. All of it or nothing. Raises NameTaken.
    """
    with transaction.atomic():
        is_new = not _is_there()
        if is_new:
            _create(now)
        return _Seeding(now).run(is_new=is_new)


def _is_there() -> bool:
    staff = set(StaffMember.objects.values_list("user__username", flat=True))
    return {colleague.username for colleague in people.STAFF} <= staff


def _create(now: datetime) -> None:
    usernames = [colleague.username for colleague in people.STAFF]
    taken = [
        *User.objects.filter(username__in=usernames).values_list("username", flat=True),
        *Facility.objects.filter(name__in=roster.ZONES).values_list("name", flat=True),
    ]
    if taken:
        raise NameTaken(f"Already in use: {', '.join(sorted(taken))}.")
    people.create_organisation()
    places = _places()
    people.create_staff(places)
    staff = _staff()
    programs.create_programs(places, staff)
    manager = _user(staff[people.MANAGER])
    people.create_cases(people.create_customers(places), by=manager, now=now)
    roster.create_week(places, staff, valid_from=now.date() - timedelta(weeks=26))
    wish = roster.next_weekday(now.date() + timedelta(days=4), 2)
    away = roster.Away("marcus", wish, wish, "Moving house")
    roster.create_time_off(away, staff["marcus"], requested_at=now - timedelta(hours=20), by=None, now=None)


def _places() -> dict[str, Facility]:
    return {facility.name: facility for facility in Facility.objects.filter(name__in=roster.ZONES)}


def _staff() -> dict[str, StaffMember]:
    members = StaffMember.objects.filter(user__isnull=False).select_related("user")
    return {_user(member).username: member for member in members}


def _user(member: StaffMember) -> User:
    if member.user is None:
        raise ValueError(f"{member} has no sign-in.")
    return member.user


class _Seeding:
    """One run. What users renamed or removed since is simply no longer part of the plan."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.today = localtime.local_date(now, roster.ZONES[people.NORTHSIDE])
        self.until = self.today + DAYS_AROUND
        self.staff = _staff()
        self.loaded = Loaded()

    def run(self, *, is_new: bool) -> Loaded:
        before = None if is_new else self._loaded_until()
        first = before + roster.DAY if before else self.today - DAYS_AROUND
        plans = {day: days.plan(day) for day in _days(first, self.until)}
        if not any(plans.values()):
            return self.loaded
        roster.add_dates(plans, self.places, self.staff, by=self.manager, now=self.now)
        for day, visits in plans.items():
            self._book_day(day, visits)
        self._catch_up()
        known = before - DAYS_AROUND + SUDDEN_AHEAD if before else self.today
        self._surprise(_days(max(known, self.today) + roster.DAY, self.today + SUDDEN_AHEAD))
        return self.loaded

    @cached_property
    def places(self) -> dict[str, Facility]:
        return _places()

    @cached_property
    def manager(self) -> User:
        return _user(self.staff[people.MANAGER])

    @cached_property
    def programs(self) -> dict[tuple[str, str], Program]:
        found = Program.objects.select_related("facility")
        return {(program.facility.name, program.name): program for program in found}

    @cached_property
    def customers(self) -> dict[int, Customer]:
        by_name = {
            (customer.full_name, customer.date_of_birth): customer for customer in Customer.objects.all()
        }
        numbers = {served.number: by_name.get((served.name, served.born)) for served in people.CUSTOMERS}
        return {number: customer for number, customer in numbers.items() if customer}

    @cached_property
    def cases(self) -> dict[int, Case]:
        return {case.customer_id: case for case in Case.objects.filter(closed_at__isnull=True)}

    def _loaded_until(self) -> date | None:
        """The last date whose plan stands in the record."""
        for day in reversed(_days(self.today - DAYS_AROUND, self.until)):
            visits = days.plan(day)
            if visits and self._recorded(visits) * 2 > len(visits):
                return day
        return None

    def _recorded(self, visits: list[Visit]) -> int:
        booked = AppointmentEvent.objects.filter(
            kind=AppointmentEvent.Kind.BOOKED,
            after__starts_at__in=[visit.starts_at.isoformat() for visit in visits],
        )
        found = set(booked.values_list("after__starts_at", "after__staff"))
        return sum((v.starts_at.isoformat(), self.staff[v.staff].pk) in found for v in visits)

    def _book_day(self, day: date, visits: list[Visit]) -> None:
        """Cancelled visits first: their slots were free again when others were booked into them."""
        self.loaded.days.append(day)
        for visit in sorted(visits, key=lambda visit: visit.ending != CANCELLED):
            try:
                self._book(visit)
            except (BookingRefused, KeyError):
                continue
            self.loaded.appointments += 1

    def _book(self, visit: Visit) -> None:
        customer = self.customers[visit.customer]
        program = self.programs[visit.offer.facility, visit.offer.name]
        by = self._booker(visit)
        booked_at = min(visit.starts_at - visit.booked_before, self.now - visit.booked_before / 60)
        later = roster.QUARTER if visit.moved else timedelta()
        made = booking.book(
            customer=customer,
            staff=self.staff[visit.staff],
            program=program,
            starts_at=visit.starts_at + later,
            minutes=visit.minutes - int(later / timedelta(minutes=1)),
            by=by,
            now=booked_at,
            case=self.cases.get(customer.pk) if visit.on_case else None,
            public_note=visit.public_note,
            private_note=visit.private_note,
        )
        changed_at = booked_at + (min(visit.starts_at, self.now) - booked_at) * 0.6
        if visit.moved and by:
            booking.reschedule(
                appointment=made, starts_at=visit.starts_at, minutes=visit.minutes, by=by, now=changed_at
            )
        if visit.ending == CANCELLED:
            notice = timedelta(hours=program.min_notice_hours)
            by = None if visit.booked_online and visit.starts_at - changed_at > notice else self._desk(visit)
            booking.cancel(appointment=made, reason=visit.cancel_reason, by=by, now=changed_at)

    def _desk(self, visit: Visit) -> User:
        return _user(self.staff[people.DESK[visit.offer.facility]])

    def _booker(self, visit: Visit) -> User | None:
        if visit.booked_online:
            return None
        return _user(self.staff[visit.staff]) if visit.private_note else self._desk(visit)

    def _catch_up(self) -> None:
        """What happened since to visits that nobody else has touched: confirmed, arrived, completed or not come."""
        pairs = self._untouched()
        confirmed = [appointment for appointment, visit in pairs if self._confirm(appointment, visit)]
        Appointment.objects.bulk_update(
            confirmed, ["email_confirmed_at", "phone_confirmed_at"], batch_size=500
        )
        for appointment, visit in pairs:
            for status, at, by in self._marks(visit):
                booking.mark(appointment=appointment, status=status, by=by, now=at)

    def _untouched(self) -> list[tuple[Appointment, Visit]]:
        first = self.today - 2 * DAYS_AROUND
        visits = {
            (self.staff[visit.staff].pk, visit.starts_at): visit
            for day in _days(first, self.today + timedelta(days=3))
            for visit in days.plan(day)
            if visit.ending != CANCELLED
        }
        waiting = Appointment.objects.filter(
            status=Status.SCHEDULED,
            starts_at__gte=self.now - 2 * DAYS_AROUND,
            starts_at__lt=self.now + timedelta(days=4),
        ).select_related("customer", "staff", "facility", "program")
        found = (
            (appointment, visits.get((appointment.staff_id, appointment.starts_at)))
            for appointment in waiting
        )
        return [
            (appointment, visit)
            for appointment, visit in found
            if visit and self._is_planned(appointment, visit)
        ]

    def _is_planned(self, appointment: Appointment, visit: Visit) -> bool:
        customer = self.customers.get(visit.customer)
        return (
            appointment.version == int(visit.moved)
            and customer is not None
            and appointment.customer_id == customer.pk
        )

    def _confirm(self, appointment: Appointment, visit: Visit) -> bool:
        """Stamp the channels by which the customer has answered, within the window that opens three days before."""
        opens = localtime.day_bounds(appointment.local_date - timedelta(days=3), appointment.facility.zone)[0]
        asked = max(opens + timedelta(hours=9), appointment.placed_at)
        answer = asked + visit.booked_before / 12
        if answer > min(self.now, appointment.starts_at):
            return False
        if visit.confirms_by_email and appointment.customer.email:
            appointment.email_confirmed_at = appointment.email_confirmed_at or answer
        if visit.confirms_by_phone and appointment.customer.phone:
            appointment.phone_confirmed_at = appointment.phone_confirmed_at or answer + visit.early
        return bool(appointment.email_confirmed_at or appointment.phone_confirmed_at)

    def _marks(self, visit: Visit) -> list[tuple[str, datetime, User]]:
        """The statuses the visit has gone through by now."""
        desk, provider = self._desk(visit), _user(self.staff[visit.staff])
        if visit.ending == NO_SHOW:
            missed = visit.starts_at + NO_SHOW_AFTER
            return [(Status.NO_SHOW, missed, desk)] if missed <= self.now else []
        arrived, done = visit.starts_at - visit.early, visit.ends_at - visit.early / 2
        marks: list[tuple[str, datetime, User]] = []
        if arrived <= self.now and (visit.arrival_noted or done > self.now):
            marks.append((Status.ARRIVED, arrived, desk))
        if done <= self.now:
            marks.append((Status.COMPLETED, done, provider))
        return marks

    def _surprise(self, ahead: Iterable[date]) -> None:
        """Time off decided today, while people are booked: their appointments are left without their staff member."""
        for away in filter(None, map(roster.sudden_absence, ahead)):
            member = self.staff[away.who]
            if TimeOff.objects.filter(staff=member, first_day=away.first_day).exists():
                continue
            with reassignment.changing_hours(staff=[member], by=self.manager, now=self.now) as review:
                asked = self.now - timedelta(minutes=90)
                roster.create_time_off(away, member, requested_at=asked, by=self.manager, now=self.now)
            self.loaded.stranded += len(review.stranded)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
