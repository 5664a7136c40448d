"""The day as lists: for each person their appointments and the free times between, by time. The day grid's equal."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from appointments.models.appointment import Status
from scheduling import words
from scheduling.day import BUSY, Card, Day
from scheduling.roster import Column, Span
from scheduling.words import instant_text

CONFIRMED = {
    "": "",
    "e": "by e-mail",
    "p": "by text",
    "ep": "by e-mail, then by text",
    "pe": "by text, then by e-mail",
}


class Line(NamedTuple):
    """One line of a person's day. `kind` is a status, "busy", "free" or "away"; only appointments have a reference."""

    kind: str
    time: str
    label: str
    starts_at: datetime
    reference: str = ""
    customer: str = ""
    program: str = ""
    facility: str = ""
    local_time: str = ""
    confirmed: str = ""
    minutes: int = 0
    documents: str = ""

    @property
    def book_at(self) -> str:
        return instant_text(self.starts_at)


@dataclass(frozen=True)
class Section:
    column: Column
    lines: list[Line]


def sections(day: Day, *, now: datetime | None = None, with_free: bool = True) -> list[Section]:
    """Each person's day. Free times begin no earlier than `now`, when it is given.

    Where only what is unconfirmed is shown, that is all there is to read, of those who have any.
    """
    by_staff: dict[int, list[Card]] = defaultdict(list)
    for card in day.cards:
        by_staff[card.staff_id].append(card)
    if day.selection.unconfirmed:
        return list(_unconfirmed(day, by_staff))
    return [
        Section(column, _lines(day, column, by_staff[column.person.id], now, with_free))
        for column in day.columns
    ]


def _lines(day: Day, column: Column, cards: list[Card], now: datetime | None, with_free: bool) -> list[Line]:
    spans = [
        (card.start, 1, _appointment(day, card)) for card in cards if day.shows(card) or card.status == BUSY
    ]
    spans += [(each.start, 0, _line(day, "away", (each.start, each.end), each.label)) for each in column.away]
    if with_free:
        spans += [(span[0], 2, _line(day, "free", span, "Free")) for span in free(day, column, cards, now)]
    return [line for _, _, line in sorted(spans, key=lambda each: each[:2])]


def _unconfirmed(day: Day, by_staff: dict[int, list[Card]]) -> Iterator[Section]:
    for column in day.columns:
        if lines := [_appointment(day, card) for card in by_staff[column.person.id] if day.shows(card)]:
            yield Section(column, lines)


def free(day: Day, column: Column, cards: list[Card], now: datetime | None = None) -> Iterator[Span]:
    """Working time that nothing holds, in slots."""
    held = sorted((card.start, card.end) for card in cards if card.status != Status.CANCELLED)
    earliest = day.axis.ceil(now) if now else 0
    for start, end in column.work:
        at = max(start, earliest)
        for begin, until in held:
            if begin > at and at < end:
                yield at, min(begin, end)
            at = max(at, until)
        if at < end:
            yield at, end


def _line(day: Day, kind: str, span: Span, label: str) -> Line:
    start, end = (day.axis.instant(slot) for slot in span)
    minutes = (span[1] - span[0]) * 15
    return Line(kind, words.span(start, end, day.axis.zone), label, start, minutes=minutes)


def _appointment(day: Day, card: Card) -> Line:
    facility = day.facilities.get(card.facility_id)
    name = facility.name if facility else ""
    if card.status == BUSY:
        return _line(day, BUSY, (card.start, card.end), "Busy")._replace(facility=name)
    line = _line(day, card.status, (card.start, card.end), str(Status(card.status).label))
    return line._replace(
        reference=card.reference,
        customer=card.customer,
        program=card.program,
        facility=name,
        local_time=local_time(day, card),
        confirmed=CONFIRMED[card.confirmed],
        documents=signed(card.documents),
    )


def signed(documents: str) -> str:
    """2 of 3 signed, for a card's "2/3"; nothing for a card that needs none."""
    return f"{documents.replace('/', ' of ')} signed" if documents else ""


def local_time(day: Day, card: Card) -> str:
    """When it starts on the facility's own clock, where that differs from the axis: 9:15 AM CST."""
    zone = day.facilities[card.facility_id].time_zone
    theirs = day.axis.reading(card.start, zone)
    if theirs.offset == day.axis.reading(card.start).offset:
        return ""
    return words.clock_with_zone(day.axis.origin + card.start * timedelta(minutes=15), zone)
