"""What to tell staff about a placement before they commit it: what speaks against it, and what else is free."""

from dataclasses import dataclass, replace

from appointments.models import Customer
from scheduling import finding, rules
from scheduling.availability import OpenTime
from scheduling.rules import BookingRefused, Placement

# Stands for the customer until one is chosen: the key of no row.
NOBODY = Customer(pk=0)


@dataclass(frozen=True)
class Advice:
    """`refusals` cannot be set aside, `warnings` can; `others` are open times to take instead."""

    place: Placement
    refusals: list[BookingRefused]
    warnings: list[BookingRefused]
    others: list[OpenTime]

    @property
    def is_past(self) -> bool:
        return self.place.starts_at < self.place.now

    @property
    def is_clear(self) -> bool:
        return not (self.refusals or self.warnings)


def advise(place: Placement) -> Advice:
    """Judged as things stand, without locks and as if nothing were set aside: the booking itself decides."""
    place = replace(place, overrides=frozenset())
    found = [_foreseen(refusal, place) for refusal in rules.objections(place)]
    others = _others(place) if found and not any(refusal.code == "off_grid" for refusal in found) else []
    return Advice(
        place=place,
        refusals=[refusal for refusal in found if not refusal.is_overridable],
        warnings=[refusal for refusal in found if refusal.is_overridable],
        others=others,
    )


def _foreseen(refusal: BookingRefused, place: Placement) -> BookingRefused:
    """“Just taken” is for who lost a race; who merely looks is told that it is taken."""
    if refusal.code != "taken":
        return refusal
    return BookingRefused("taken", f"{place.staff} already has an appointment at this time.")


def _others(place: Placement) -> list[OpenTime]:
    return finding.next_times(
        program=place.program,
        staff=place.staff,
        starts_at=place.starts_at,
        minutes=place.minutes,
        now=place.now,
        customer=None if place.customer is NOBODY else place.customer,
        moving=place.moving,
    )
