"""Messages as staff look for them: what became of them, whose they are, the newest first or what comes next."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import DateTimeField, F, Q
from django.db.models.functions import Coalesce

from appointments.models import Appointment, Customer, Facility
from reminders import outcome
from reminders.models import Message, MessageQuerySet
from securecare import localtime

PER_PAGE = 30
RELATED = ("customer", "appointment__customer", "appointment__facility", "rule")
FEWEST_DIGITS = 4
SHOWN = {
    "sent": outcome.SENT,
    "planned": outcome.UNSETTLED,
    "not-sent": outcome.NOT_SENT,
    "failed": outcome.FAILED,
}
ALL = "all"


@dataclass(frozen=True)
class Wish:
    """What is looked for. `show` is a key of SHOWN, or ALL."""

    show: str
    channel: str = ""
    kind: str = ""
    text: str = ""
    on: date | None = None
    customer: Customer | None = None
    appointment: Appointment | None = None

    @property
    def is_soonest_first(self) -> bool:
        return self.show == "planned"


@dataclass(frozen=True)
class Place:
    """Where in the list a page begins: after the message `pk`, that was settled or is due `at`."""

    at: datetime
    pk: int

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.pk}"

    @classmethod
    def read(cls, text: str) -> "Place | None":
        """None for what cannot be one: the list then begins where it begins."""
        at, _, pk = text.partition("_")
        if not (pk.isascii() and pk.isdecimal() and len(pk) < 19):
            return None
        try:
            instant = datetime.fromisoformat(at)
        except ValueError:
            return None
        return cls(instant, int(pk)) if instant.tzinfo is not None else None


@dataclass(frozen=True)
class Page:
    messages: list[Message]
    next: Place | None


def find(seen: MessageQuerySet, wish: Wish, *, facilities: list[Facility], after: Place | None) -> Page:
    """One page of what fits the wish among `seen`, in one query. Days are those of each message's facility."""
    rows = matching(seen.alias(when=_when(wish)), wish, facilities)
    order = ("when", "pk") if wish.is_soonest_first else ("-when", "-pk")
    found = list(_from(rows, wish, after).select_related(*RELATED).order_by(*order)[: PER_PAGE + 1])
    last = found[PER_PAGE - 1] if len(found) > PER_PAGE else None
    return Page(found[:PER_PAGE], Place(outcome.when(last), last.pk) if last else None)


def _when(wish: Wish) -> F | Coalesce:
    """The column that an index orders them by, where there is one."""
    if wish.show == ALL:
        return Coalesce("settled_at", "due_at", output_field=DateTimeField())
    return F("due_at" if wish.show == "planned" else "settled_at")


def _from(rows: MessageQuerySet, wish: Wish, after: Place | None) -> MessageQuerySet:
    if after is None:
        return rows
    side = "gt" if wish.is_soonest_first else "lt"
    further = Q(**{f"when__{side}": after.at}) | Q(**{"when": after.at, f"pk__{side}": after.pk})
    return rows.filter(further, **{f"when__{side}e": after.at})


def matching(rows: MessageQuerySet, wish: Wish, facilities: list[Facility]) -> MessageQuerySet:
    if wish.show != ALL:
        rows = rows.filter(SHOWN[wish.show])
    if wish.channel:
        rows = rows.filter(channel=wish.channel)
    if wish.kind:
        rows = rows.filter(kind=wish.kind)
    if wish.customer:
        rows = rows.filter(customer=wish.customer)
    if wish.appointment:
        rows = rows.filter(appointment=wish.appointment)
    if wish.text:
        rows = rows.filter(_said(wish.text))
    return rows.filter(_on(wish.on, facilities)) if wish.on else rows


def _said(text: str) -> Q:
    """By an appointment's reference, an e-mail address, a number, or a customer's name."""
    try:
        return Q(appointment__reference=UUID(text))
    except ValueError:
        pass
    if "@" in text:
        return Q(address__icontains=text)
    digits = "".join(c for c in text if c.isdecimal())
    of_number = Q(channel="phone", address__contains=digits) if len(digits) >= FEWEST_DIGITS else Q()
    whose = Q(customer__in=Customer.objects.matching(text).values("pk"))
    if " " not in text:
        whose |= Q(customer__in=Customer.objects.filter(email__icontains=text).values("pk"))
    return whose | of_number | Q(appointment__contact_name__icontains=text)


def _on(day: date, facilities: list[Facility]) -> Q:
    """On that date by the facility's clock; by the first facility's where a message is about no appointment."""
    zones = {facility.time_zone: facility.zone for facility in facilities}
    if not zones:
        return Q(pk__in=[])
    at = {
        name: _between(*localtime.day_bounds(day, zone)) & Q(appointment__facility__time_zone=name)
        for name, zone in zones.items()
    }
    about_none = Q(appointment=None) & _between(*localtime.day_bounds(day, facilities[0].zone))
    return reduce(or_, at.values(), about_none)


def _between(start: datetime, end: datetime) -> Q:
    return Q(when__gte=start, when__lt=end)


def latest(rows: MessageQuerySet, *, limit: int) -> list[Message]:
    """The next few and the last few of one customer or appointment, the latest first. Two queries."""
    rows = rows.select_related(*RELATED)
    ahead = list(rows.filter(outcome.UNSETTLED).order_by("due_at", "pk")[:limit])
    past = rows.exclude(outcome.UNSETTLED).order_by("-settled_at", "-pk")
    return [*reversed(ahead), *past[:limit]]
