"""What one day holds for one user: the people on the grid, their hours, and their appointments. Three queries, however many."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import connection

from appointments.access import SEE_DOCUMENTS, Access
from appointments.models import Facility
from appointments.models.appointment import LONGEST, Status
from scheduling import hours
from scheduling.axis import Axis
from scheduling.roster import Column, Person, columns
from scheduling.selection import Selection
from signatures import standing

BUSY = "busy"
# How long before its start an appointment that nobody has confirmed is worth a call.
SOON = timedelta(hours=24)


class Card(NamedTuple):
    """An appointment in slots of the axis; `start` is negative when it began the day before.

    A `busy` card only holds the time: the appointment is at a facility that the user did not choose, whose name it then has
    for a program, or may not see, and then it has nothing. `documents` reads "2/3" where two of three are signed.
    """

    reference: str
    version: int
    staff_id: int
    facility_id: int
    start: int
    end: int
    status: str
    confirmed: str
    customer: str
    program: str
    documents: str = ""


# Thousands of cards are made from rows without a Python call for each.
_card = partial(tuple.__new__, Card)


@dataclass(frozen=True)
class Day:
    """`soon` are the slots after now in which something starts within `SOON`."""

    axis: Axis
    selection: Selection
    facilities: dict[int, Facility]
    people: list[Person]
    columns: list[Column]
    cards: list[Card]
    soon: range = range(0)

    @property
    def counts(self) -> Counter[str]:
        """How many appointments there are of each status, whether or not the filter shows them."""
        return Counter(card.status for card in self.cards if card.status != BUSY)

    @property
    def unconfirmed(self) -> int:
        return sum(map(self.is_unconfirmed, self.cards)) if self.soon else 0

    @property
    def shown(self) -> list[Card]:
        return [card for card in self.cards if self.shows(card)]

    def shows(self, card: Card) -> bool:
        """Whether the filters let it be seen."""
        is_wanted = not self.selection.unconfirmed or self.is_unconfirmed(card)
        return is_wanted and card.status in self.selection.statuses

    def is_unconfirmed(self, card: Card) -> bool:
        return card.start in self.soon and card.status == Status.SCHEDULED and not card.confirmed


def load(*, access: Access, selection: Selection, date: date, now: datetime) -> Day:
    axis = Axis.of(date, selection.zone)
    people = _people(access)
    candidates = [person for person in people if selection.facility_ids.intersection(person.facilities)]
    if selection.staff is not None:
        candidates = [person for person in candidates if person.id in selection.staff]
    ids = [person.id for person in candidates]
    rules = hours.load(staff=ids, first_day=date, last_day=date)
    cards = _cards(ids, axis, access, selection)
    made = columns(people=candidates, facilities=selection.facilities, rules=rules, axis=axis)
    if selection.staff is None:
        made = _present(made, cards)
    facilities = {each.pk: each for each in access.facilities}
    return Day(axis, selection, facilities, people, made, _of(made, cards), _soon(axis, now))


def _soon(axis: Axis, now: datetime) -> range:
    """From the first slot after `now`; what starts this instant cannot be confirmed anymore."""
    first = max(axis.floor(now) + 1, axis.floor(axis.origin - LONGEST))
    return range(first, min(axis.floor(now + SOON) + 1, axis.size))


def _present(made: list[Column], cards: Iterable[Card]) -> list[Column]:
    """Those who work, and those who have an appointment though they do not."""
    booked = {card.staff_id for card in cards if card.status not in (BUSY, Status.CANCELLED)}
    return [column for column in made if column.work or column.person.id in booked]


def _of(made: list[Column], cards: list[Card]) -> list[Card]:
    shown = {column.person.id for column in made}
    return [card for card in cards if card.staff_id in shown]


_PEOPLE = """
SELECT staff.id, staff.display_name, array_agg(place.facility_id)
  FROM appointments_staffmember staff
  JOIN appointments_staffmember_facilities place ON place.staffmember_id = staff.id
 WHERE staff.is_active AND staff.takes_appointments AND place.facility_id = ANY(%s)
 GROUP BY staff.id
 ORDER BY staff.display_name, staff.id
"""


def _people(access: Access) -> list[Person]:
    """Everyone who takes appointments at the user's facilities, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [list(access.facility_ids)])
        return [Person(*row) for row in cursor.fetchall()]


# Instants come as slots of the axis: thousands of datetimes would cost more than the query. SQL divides towards zero, so ten
# days are added before and taken off after. `confirmed` names the channels in the order in which they confirmed: e-mail, phone.
# Nothing of a facility the user may not see leaves the database.
_CARDS = f"""
SELECT CASE WHEN a.facility_id = ANY(%(chosen)s) THEN a.reference::text ELSE '' END,
       a.version, a.staff_id, CASE WHEN a.facility_id = ANY(%(seen)s) THEN a.facility_id ELSE 0 END,
       (extract(epoch FROM a.starts_at)::bigint - %(epoch)s + 864000) / 900 - 960,
       (extract(epoch FROM a.ends_at)::bigint - %(epoch)s + 864899) / 900 - 960,
       CASE WHEN a.facility_id = ANY(%(chosen)s) THEN a.status ELSE 'busy' END,
       CASE WHEN NOT a.facility_id = ANY(%(chosen)s) THEN ''
            WHEN a.email_confirmed_at <= a.phone_confirmed_at THEN 'ep'
            WHEN a.email_confirmed_at > a.phone_confirmed_at THEN 'pe'
            WHEN a.email_confirmed_at IS NOT NULL THEN 'e'
            WHEN a.phone_confirmed_at IS NOT NULL THEN 'p' ELSE '' END,
       CASE WHEN a.facility_id = ANY(%(chosen)s) THEN customer.given_name || ' ' || customer.family_name ELSE '' END,
       CASE WHEN a.facility_id = ANY(%(chosen)s) THEN program.name ELSE '' END,
       coalesce(signed.documents, '')
  FROM appointments_appointment a
  JOIN appointments_customer customer ON customer.id = a.customer_id
  JOIN appointments_program program ON program.id = a.program_id
  LEFT JOIN ({standing.SIGNED}
       WHERE %(tells_documents)s AND needed.staff_id = ANY(%(staff)s) AND needed.facility_id = ANY(%(chosen)s)
         AND needed.starts_at > %(opens_after)s AND needed.starts_at < %(closes)s AND needed.ends_at > %(opens)s
         AND needed.status NOT IN ('cancelled', 'no_show')
       GROUP BY needed.id) signed ON signed.id = a.id
 WHERE a.staff_id = ANY(%(staff)s)
   AND a.starts_at > %(opens_after)s AND a.starts_at < %(closes)s AND a.ends_at > %(opens)s
   AND (a.status <> 'cancelled' OR a.facility_id = ANY(%(chosen)s))
 ORDER BY a.starts_at, a.id
"""  # noqa: S608 - our own statement


def _cards(staff: Collection[int], axis: Axis, access: Access, selection: Selection) -> list[Card]:
    if not axis.size:
        return []
    limits: dict[str, Any] = {
        "staff": list(staff),
        "chosen": list(selection.facility_ids),
        "seen": list(access.facility_ids),
        "tells_documents": access.may(SEE_DOCUMENTS),
        "epoch": axis.epoch,
        "opens": axis.origin,
        "opens_after": axis.origin - LONGEST,
        "closes": axis.end,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CARDS, limits)
        return list(map(_card, cursor.fetchall()))
