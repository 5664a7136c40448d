"""Where a customer may move their appointment, and who will have it there."""

from dataclasses import dataclass
from datetime import datetime

from appointments.models import Appointment
from portal import times
from portal.fairness import fairest
from portal.own import Door
from portal.times import Search
from scheduling import rules
from scheduling.availability import OpenTime
from scheduling.rules import BookingRefused, Placement

# Those that speak of one staff member, which says little to whoever takes anyone.
_OF_ONE = {"not_working", "outside_hours"}


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
        raise _objection(search, starts_at, now)
    return best[0]


def is_there_already(search: Search, starts_at: datetime) -> bool:
    """Whether the move would leave the appointment where it is."""
    moving = _moving(search)
    same_staff = search.staff is None or search.staff.pk == moving.staff_id
    return same_staff and starts_at == moving.starts_at


def _objection(search: Search, starts_at: datetime, now: datetime) -> BookingRefused:
    """Why that time is not open; held by another visitor, it is as good as taken."""
    moving = _moving(search)
    staff = search.staff or moving.staff
    place = Placement(
        moving.customer, staff, search.program, starts_at, search.minutes, None, now, moving=moving
    )
    try:
        rules.check_shape(place)
        rules.check(place)
    except BookingRefused as refusal:
        return rules.taken() if search.staff is None and refusal.code in _OF_ONE else refusal
    return rules.taken()


def _moving(search: Search) -> Appointment:
    if search.moving is None:
        raise ValueError("This search moves no appointment.")
    return search.moving
