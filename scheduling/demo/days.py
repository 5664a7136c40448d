"""What happens at the sample organisation on a date: a plan made in memory, so that the booking rules refuse none of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from scheduling.demo import roster
from scheduling.demo.people import CUSTOMERS
from scheduling.demo.programs import CANCEL_REASONS, OFFERS, PRIVATE_NOTES, Offer
from scheduling.hours import Period

QUARTER = timedelta(minutes=15)
GAPS = (0, 0, 15, 15, 15, 30, 30, 45, 60)
NIGHT_GAPS = (60, 75, 90, 120)
COMPLETED, NO_SHOW, CANCELLED = "completed", "no_show", "cancelled"


@dataclass(frozen=True)
class Visit:
    """An appointment from its booking to its end. `staff` is a user name, `customer` a place in CUSTOMERS."""

    staff: str
    offer: Offer
    customer: int
    starts_at: datetime
    minutes: int
    booked_before: timedelta
    ending: str
    booked_online: bool = False
    moved: bool = False  # from a quarter of an hour later, and that much shorter
    public_note: str = ""
    private_note: str = ""
    on_case: bool = False
    cancel_reason: str = ""
    confirms_by_email: bool = False
    confirms_by_phone: bool = False
    early: timedelta = timedelta()
    arrival_noted: bool = True

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


class _Day:
    """One date being planned: every customer comes at most once."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.dice = Random(day.isoformat())  # noqa: S311 - sample data
        self.waiting = self.dice.sample(range(len(CUSTOMERS)), len(CUSTOMERS))

    def visits(self) -> Iterator[Visit]:
        for who, where, period in roster.periods(self.day):
            offers = [offer for offer in OFFERS if offer.facility == where and who in offer.staff]
            yield from self._fill(who, offers, period, NIGHT_GAPS if who == "samuel" else GAPS)

    def _fill(self, who: str, offers: list[Offer], period: Period, gaps: tuple[int, ...]) -> Iterator[Visit]:
        at = period[0] + timedelta(minutes=self.dice.choice(gaps) // 30 * 15)
        while at < period[1]:
            visit = self._next(who, offers, at, period[1])
            if visit is not None:
                yield visit
                rebooked = visit.ending == CANCELLED and self.dice.random() < 0.5
                at = visit.starts_at if rebooked else visit.ends_at
            at += timedelta(minutes=self.dice.choice(gaps))

    def _next(self, who: str, offers: list[Offer], at: datetime, until: datetime) -> Visit | None:
        offer = self.dice.choices(offers, [offer.weight for offer in offers])[0]
        room = int((until - at) / QUARTER) * 15
        minutes = min(self.dice.choice((offer.lengths[0], *offer.lengths)), room)
        customer = next((number for number in self.waiting if self._fits(number, offer)), None)
        if customer is None or minutes < min(offer.lengths):
            return None
        self.waiting.remove(customer)
        return self._visit(who, offer, customer, at, minutes)

    def _fits(self, number: int, offer: Offer) -> bool:
        """Whether they go there, and it is their day: a program with a cool-down sees each customer in turn.

        A turn is one day longer than the cool-down, because a night shift's appointments may fall on the next date.
        """
        turn = offer.cool_down_days + 1 if offer.cool_down_days else 1
        return (
            offer.facility in CUSTOMERS[number].facilities and (self.day.toordinal() + 3 * number) % turn == 0
        )

    def _visit(self, who: str, offer: Offer, customer: int, at: datetime, minutes: int) -> Visit:
        dice = self.dice
        ending = dice.choices((COMPLETED, NO_SHOW, CANCELLED), (80, 9, 11))[0]
        online = offer.is_public and dice.random() < 0.35
        return Visit(
            staff=who,
            offer=offer,
            customer=customer,
            starts_at=at,
            minutes=minutes,
            booked_before=timedelta(days=dice.randint(2, 16), minutes=dice.randint(0, 300)),
            ending=ending,
            booked_online=online,
            moved=minutes >= 30 and not online and ending != CANCELLED and dice.random() < 0.05,
            public_note=dice.choice(offer.notes) if dice.random() < 0.35 else "",
            private_note=dice.choice(PRIVATE_NOTES) if not online and dice.random() < 0.02 else "",
            on_case=dice.random() < 0.6,
            cancel_reason=dice.choice(CANCEL_REASONS) if ending == CANCELLED else "",
            confirms_by_email=ending != NO_SHOW and dice.random() < 0.4,
            confirms_by_phone=ending != NO_SHOW and dice.random() < 0.35,
            early=timedelta(minutes=dice.randint(0, 9)),
            arrival_noted=dice.random() < 0.7,
        )


def plan(day: date) -> list[Visit]:
    """Every visit in shifts that begin on this date: the same on every call and every machine."""
    return list(_Day(day).visits())
