"""Where a customer may move their appointment, and who will have it there."""

from dataclasses import dataclass
from datetime import datetime

from appointments.models import Appointment
from portal import bookings, times
from portal.fairness import fairest
from portal.own import Door
from portal.times import Search
from scheduling.availability import OpenTime


@dataclass(frozen=True)
class ShownMove:
    """What the review step shows of where it goes. `staff_id` is whom that binds, `asked_staff` whom the customer asked for."""

    at: str
    starts_at: datetime
    staff: str
    staff_id: int
    asked_staff: str


def search_for(appointment: Appointment, door: Door, *, visitor: str) -> Search:
    """Only a signed-in customer's times leave out those at which they are busy: they would tell of other appointments."""
    customer = appointment.customer if door.is_signed_in else None
    return Search(appointment.program, None, customer, appointment, visitor)


def aim(search: Search, starts_at: datetime, *, now: datetime) -> OpenTime:
    """The open time that a move to this instant takes: with the same staff member before others, then with whoever has the
    least to do. Raises BookingRefused."""
    moving = _moving(search)
    offers = times.offered_at(search, starts_at, now=now)
    with_the_same = [offer for offer in offers if offer.staff.pk == moving.staff_id]
    best = with_the_same or fairest(offers, program=search.program)
    if not best:
        raise bookings.why_not(search, starts_at, customer=moving.customer, now=now)
    return best[0]


def is_there_already(search: Search, starts_at: datetime) -> bool:
    """Whether the move would leave the appointment where it is."""
    moving = _moving(search)
    same_staff = search.staff is None or search.staff.pk == moving.staff_id
    return same_staff and starts_at == moving.starts_at


def _moving(search: Search) -> Appointment:
    if search.moving is None:
        raise ValueError("This search moves no appointment.")
    return search.moving
