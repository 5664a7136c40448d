"""Appointments are made, moved, given to others, called off, taken back, stranded and marked, by the verbs that do it in production."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from datetime import time as wall_time

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from appointments.models import Appointment, StaffMember
from bench.chaos.calendars.owners import Owners
from scheduling import booking, staffing
from scheduling.booking import BookingRefused, ChangeRefused, StaleAppointment
from scheduling.models import TimeOff
from scheduling.staffing import HoursRefused
from scheduling.staffing.time_off import Away
from securecare import localtime

Status = Appointment.Status
# Days from today: what is booked ahead, and what is entered after it took place. Within what a comparison looks at.
AHEAD, BEHIND = range(2, 30), range(1, 10)
SLOTS_A_DAY = 14
HALF_HOUR = timedelta(minutes=30)
OPENS = wall_time(9)
LONGEST_ABSENCE = 4
# Seconds until somebody tries anything again.
PATIENCE = 0.5
NOTES = ("", "Bring the letter.", "Ring twice; the bell is slow.", "Überweisung mitbringen\nund die Karte")
SHARES = {
    "book": 28,
    "move": 20,
    "reassign": 12,
    "cancel": 10,
    "undo": 8,
    "note": 8,
    "book the past": 4,
    "mark": 5,
    "strand": 3,
    "restore": 2,
}
REFUSED = (BookingRefused, ChangeRefused, StaleAppointment, HoursRefused)
AWAY = (DatabaseError, InterfaceError, OSError)


class NothingThere(ChangeRefused):
    """There is none to do this to."""


@dataclass
class Changes:
    """One deed at a time. A database that is away refuses it; what came of it is read from the record at the end."""

    owners: Owners
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    appointments: list[Appointment] = field(default_factory=list)

    def act(self) -> None:
        deed = self.rng.choices(list(SHARES), list(SHARES.values()))[0]
        try:
            VERBS[deed](self, timezone.now())
            self.done[deed] += 1
        except REFUSED:
            self.done[f"{deed}, refused"] += 1
        except AWAY:
            self.done[f"{deed}, the database was away"] += 1
            connection.close()
            time.sleep(PATIENCE)

    def _book(self, now: datetime) -> None:
        self._book_on(self._day(self.rng.choice(AHEAD), now), now)

    def _book_the_past(self, now: datetime) -> None:
        self._book_on(self._day(-self.rng.choice(BEHIND), now), now)

    def _book_on(self, day: date, now: datetime) -> None:
        made = booking.book(
            customer=self.rng.choice(self.owners.place.customers),
            staff=self._somebody(),
            program=self.owners.place.program,
            starts_at=self._slot(day),
            minutes=30,
            by=self.owners.place.user,
            now=now,
            public_note=self.rng.choice(NOTES),
        )
        self.appointments.append(made)

    def _move(self, now: datetime) -> None:
        """Of some also the staff member changes with the time."""
        staff = self._somebody() if self.rng.random() < 0.3 else None
        starts_at = self._slot(self._day(self.rng.choice(AHEAD), now))
        booking.reschedule(
            appointment=self._any(), starts_at=starts_at, staff=staff, by=self.owners.place.user, now=now
        )

    def _reassign(self, now: datetime) -> None:
        booking.reassign(appointment=self._any(), staff=self._somebody(), by=self.owners.place.user, now=now)

    def _cancel(self, now: datetime) -> None:
        booking.cancel(appointment=self._any(), reason="Chaos", by=self.owners.place.user, now=now)

    def _undo(self, now: datetime) -> None:
        """A cancellation, or a mark."""
        self._mark_as(Status.SCHEDULED, self._any(is_open=False), now)

    def _mark(self, now: datetime) -> None:
        """Also in the past: a day later somebody enters who came."""
        status = self.rng.choice([Status.ARRIVED, Status.COMPLETED, Status.NO_SHOW])
        self._mark_as(status, self._any(), now)

    def _mark_as(self, status: str, appointment: Appointment, now: datetime) -> None:
        booking.mark(appointment=appointment, status=status, by=self.owners.place.user, now=now)

    def _note(self, now: datetime) -> None:
        booking.edit_notes(
            appointment=self._any(),
            by=self.owners.place.user,
            now=now,
            public_note=f"{self.rng.choice(NOTES)} {self.rng.randrange(100)}",
        )

    def _strand(self, now: datetime) -> None:
        first = self._day(self.rng.choice(AHEAD), now)
        away = Away(first, first + timedelta(days=self.rng.randrange(LONGEST_ABSENCE)))
        staffing.enter_time_off(
            staff=self._somebody(), away=away, reason="Chaos", by=self.owners.place.user, now=now
        )

    def _restore(self, now: datetime) -> None:
        absences = TimeOff.objects.filter(staff__in=self.owners.staff, state=TimeOff.State.APPROVED)
        if not (standing := list(absences.order_by("pk"))):
            raise NothingThere("Everybody is there.")
        staffing.withdraw(time_off=self.rng.choice(standing), by=self.owners.place.user, now=now)

    def _any(self, *, is_open: bool = True) -> Appointment:
        """As it is now: who changes it has just looked at it."""
        ids = [appointment.pk for appointment in self.appointments]
        now = Appointment.objects.filter(pk__in=ids).select_related(
            "staff", "customer", "facility", "program"
        )
        open_ones = now.filter(status__in=[Status.SCHEDULED, Status.PENDING_REASSIGNMENT])
        found = (
            open_ones if is_open else now.exclude(status__in=[Status.SCHEDULED, Status.PENDING_REASSIGNMENT])
        )
        if not (keys := list(found.order_by("pk").values_list("pk", flat=True))):
            raise NothingThere("There is none.")
        return found.get(pk=self.rng.choice(keys))

    def _somebody(self) -> StaffMember:
        return self.rng.choice(self.owners.staff)

    def _day(self, days: int, now: datetime) -> date:
        return localtime.local_date(now, self.owners.place.facility.zone) + timedelta(days=days)

    def _slot(self, day: date) -> datetime:
        opens = localtime.resolve(day, OPENS, self.owners.place.facility.zone)
        return opens + self.rng.randrange(SLOTS_A_DAY) * HALF_HOUR


VERBS: dict[str, Callable[[Changes, datetime], None]] = {
    "book": Changes._book,
    "move": Changes._move,
    "reassign": Changes._reassign,
    "cancel": Changes._cancel,
    "undo": Changes._undo,
    "note": Changes._note,
    "book the past": Changes._book_the_past,
    "mark": Changes._mark,
    "strand": Changes._strand,
    "restore": Changes._restore,
}
