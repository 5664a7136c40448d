"""Appointments are made, moved and called off, and consent is given and taken back, by the verbs that do it in production."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as wall_time

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from appointments.models import Appointment, Customer
from bench.chaos.crowd import Crowd
from reminders import consent
from reminders.models import ConsentLog
from reminders.notices import STAFF_EDIT_DELAY
from scheduling import booking
from scheduling.booking import BookingRefused, ChangeRefused, StaleAppointment
from securecare import localtime

FIRST_DAY = 10
SLOTS_A_DAY = 14
HALF_HOUR = timedelta(minutes=30)
OPENS = wall_time(9)
SHARES = {"book": 55, "move": 18, "cancel": 12, "withdraw": 8, "agree": 3, "call off": 4}
REFUSED = (BookingRefused, ChangeRefused, StaleAppointment)
AWAY = (DatabaseError, InterfaceError, OSError)


@dataclass
class Desk:
    """One deed at a time. A database that is away refuses it; what came of it is read from the record at the end."""

    crowd: Crowd
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    booked: list[Appointment] = field(default_factory=list)
    next_slot: int = 0
    next_customer: int = 0

    def act(self) -> None:
        deed = self.rng.choices(list(SHARES), list(SHARES.values()))[0]
        by, now = self._who_and_when()
        try:
            VERBS[deed](self, by, now)
            self.done[deed] += 1
        except REFUSED:
            self.done[f"{deed}, refused"] += 1
        except AWAY:
            self.done[f"{deed}, the database was away"] += 1
            connection.close()

    def _who_and_when(self) -> tuple[object, datetime]:
        """The customer now; or staff almost so long ago that their notice is due in a moment."""
        if self.rng.random() < 0.5:
            return None, timezone.now()
        return self.crowd.desk.user, self._a_while_ago()

    def _a_while_ago(self) -> datetime:
        return timezone.now() - STAFF_EDIT_DELAY + timedelta(seconds=self.rng.uniform(0, 3))

    def _book(self, by: object, now: datetime) -> None:
        place = self.crowd.desk
        customer = place.customers[self.next_customer % len(place.customers)]
        self.next_customer += 1
        starts_at, staff = self._slot()
        made = booking.book(
            customer=customer,
            staff=staff,
            program=place.program,
            starts_at=starts_at,
            minutes=30,
            by=by,
            now=now,
        )
        self.booked.append(made)

    def _move(self, by: object, now: datetime) -> None:
        starts_at, staff = self._slot()
        booking.reschedule(appointment=self._any(), starts_at=starts_at, staff=staff, by=by, now=now)

    def _cancel(self, by: object, now: datetime) -> None:
        booking.cancel(appointment=self._any(), reason="Chaos", by=by, now=now)

    def _call_off(self, _by: object, _now: datetime) -> None:
        """One of those whose reminders are due about now."""
        appointment = self.rng.choice(self.crowd.reminded)
        by = self.crowd.desk.user
        booking.cancel(appointment=appointment, reason="Chaos", by=by, now=self._a_while_ago())

    def _withdraw(self, _by: object, _now: datetime) -> None:
        self._say(granted=False, source=ConsentLog.Source.TEXT_STOP)

    def _agree(self, _by: object, _now: datetime) -> None:
        self._say(granted=True, source=ConsentLog.Source.TEXT_START)

    def _say(self, *, granted: bool, source: str) -> None:
        customer = self._somebody()
        consent.record(
            phone=customer.phone, granted=granted, source=source, wording="Chaos", now=timezone.now()
        )

    def _somebody(self) -> Customer:
        customers = [appointment.customer for appointment in self.crowd.reminded]
        return self.rng.choice([*customers, *self.crowd.desk.customers])

    def _any(self) -> Appointment:
        if not self.booked:
            raise ChangeRefused("Nothing is booked yet.")
        return self.rng.choice(self.booked)

    def _slot(self) -> tuple[datetime, object]:
        """A time with a staff member that nobody was given before."""
        place = self.crowd.desk
        number, member = divmod(self.next_slot, len(place.staff))
        self.next_slot += 1
        day, slot = divmod(number, SLOTS_A_DAY)
        today = localtime.local_date(timezone.now(), place.facility.zone)
        opens = localtime.resolve(today + timedelta(days=FIRST_DAY + day), OPENS, place.facility.zone)
        return opens + slot * HALF_HOUR, place.staff[member]


VERBS = {
    "book": Desk._book,
    "move": Desk._move,
    "cancel": Desk._cancel,
    "call off": Desk._call_off,
    "withdraw": Desk._withdraw,
    "agree": Desk._agree,
}
