"""The day grid as HTML: heads, axis, shading and cards over one CSS grid. Nothing is written for an empty slot.

Pieces are joined strings, because a template's loop over thousands of cards costs ten times as much. Every text from the
database is escaped here. Places are `--s` (first slot, counted from the first one shown), `--n` (slots) and `--c` (column);
`--l` of `--k` lanes where cards overlap. Roles and quotes would be a tenth of the page: quotes are left out where HTML allows
it, and static/js/grid.js gives the roles of a grid together with the keyboard that they promise.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from html import escape
from itertools import groupby

from django.utils.safestring import SafeString, mark_safe

from appointments.models.appointment import Status
from scheduling.axis import HOUR, Axis
from scheduling.day import BUSY, Card, Day
from scheduling.roster import Column, Span

USUAL = (8 * HOUR, 18 * HOUR)
SETTLED = frozenset({Status.COMPLETED.value, Status.NO_SHOW.value, Status.CANCELLED.value})
CANCELLED = Status.CANCELLED.value

Lane = tuple[int, int]
Words = Callable[[str, str, str, str, int, str], str]


@dataclass(frozen=True)
class Grid:
    """What `_day_grid.html` shows: slots `first` up to `first + shown` of the axis."""

    first: int
    shown: int
    html: SafeString


def draw(day: Day, *, orientation: str) -> Grid:
    first, last = hours_shown(day)
    frame = _Frame(day, first, last - first)
    body = frame.horizontal() if orientation == "horizontal" else frame.vertical()
    return Grid(first, frame.shown, mark_safe("".join(body)))  # noqa: S308 - escaped piece by piece below


def hours_shown(day: Day) -> Span:
    """The whole day, or the full hours around everything that happens on it."""
    size = day.axis.size
    if day.selection.whole_day or not size:
        return 0, size
    spans = [(start, end) for column in day.columns for start, end in column.work]
    spans += [(away.start, away.end) for column in day.columns for away in column.away]
    spans += [(card.start, card.end) for card in day.cards]
    first = min((start for start, _ in spans), default=USUAL[0])
    last = max((end for _, end in spans), default=USUAL[1])
    return _full_hours(day.axis, max(0, first), min(size, last))


def _full_hours(axis: Axis, first: int, last: int) -> Span:
    while first > 0 and axis.reading(first).minute:
        first -= 1
    while last < axis.size and axis.reading(last).minute:
        last += 1
    return first, last


def lanes(cards: Sequence[Card]) -> list[Lane | None]:
    """For each card of one person, in order of start: its lane and how many lanes there are, where cards overlap.

    Live appointments overlap none but cancelled ones, so the first lane is theirs.
    """
    found: list[Lane | None] = []
    group: list[Card] = []
    until = 0
    for card in cards:
        if group and card.start >= until:
            found += _side_by_side(group)
            group = []
        until = max(until, card.end) if group else card.end
        group.append(card)
    return found + _side_by_side(group)


def _side_by_side(group: list[Card]) -> list[Lane | None]:
    if len(group) < 2:
        return [None] * len(group)
    taken: list[list[Card]] = []
    numbers = [0] * len(group)
    for place in sorted(range(len(group)), key=lambda each: group[each].status == CANCELLED):
        card = group[place]
        number = next((n for n, others in enumerate(taken) if _is_free(others, card)), len(taken))
        if number == len(taken):
            taken.append([])
        taken[number].append(card)
        numbers[place] = number
    return [(number, len(taken)) for number in numbers]


def _is_free(lane: list[Card], card: Card) -> bool:
    return all(other.end <= card.start or card.end <= other.start for other in lane)


@dataclass(frozen=True)
class _Frame:
    day: Day
    first: int
    shown: int

    def vertical(self) -> Iterator[str]:
        """Staff as columns: a row for every slot at which something stands."""
        rows: dict[int, list[str]] = defaultdict(list)
        for mark in self.day.axis.marks(self.first, self.first + self.shown):
            rows[mark.slot - self.first].append(self._mark(mark.slot, mark.label))
        for number in range(len(self.day.columns)):
            for slot, html in self._cards(number, _vertical_words):
                rows[slot].append(html)
        yield self._open("vertical")
        yield from (_head(number, column) for number, column in enumerate(self.day.columns))
        yield "</div>"
        for slot in sorted(rows):
            yield f"<div class=row data-r={slot + 2}>{''.join(rows[slot])}</div>"
        yield "</div>"

    def horizontal(self) -> Iterator[str]:
        """Staff as rows."""
        yield self._open("horizontal")
        for mark in self.day.axis.marks(self.first, self.first + self.shown):
            yield self._mark(mark.slot, mark.label)
        yield "</div>"
        for number, column in enumerate(self.day.columns):
            cards = "".join(html for _, html in self._cards(number, _horizontal_words))
            yield f"<div class=row data-r={number + 2}>{_head(number, column)}{cards}</div>"
        yield "</div>"

    def _mark(self, slot: int, label: str) -> str:
        return f"<div class=at data-i={slot} style=--s:{slot - self.first}>{escape(label)}</div>"

    def _open(self, orientation: str) -> str:
        most_lanes = max((lane[1] for each in self._lanes for lane in each if lane), default=1)
        return (
            f'<div class="grid {orientation}" '
            f"style=--cols:{len(self.day.columns)};--shown:{self.shown};--lanes:{most_lanes}>"
            f"<div class=lattice aria-hidden=true>{''.join(self._lattice())}</div>"
            f"<div class=row data-r=1><div class=corner>{escape(self.day.axis.abbreviation)}</div>"
        )

    def _lattice(self) -> Iterator[str]:
        """Hour lines, time that is not worked, and the place of the line that says now."""
        for start, end, hour in self._hour_lines():
            yield f"<div class=lines style=--s:{start};--n:{end - start};--h:{hour}></div>"
        for number, column in enumerate(self.day.columns):
            for start, end in self._off(column):
                yield f"<div class=off style=--s:{start};--n:{end - start};--c:{number}></div>"
            for away in column.away:
                start, end = self._clip((away.start, away.end))
                place = f"--s:{start};--n:{end - start};--c:{number}"
                yield f"<div class=away style={place}>{escape(away.label)}</div>"
        yield "<div class=gutter></div><div class=now hidden></div>"

    def _hour_lines(self) -> Iterator[tuple[int, int, int]]:
        """Runs of slots over which full hours lie four apart, each with where its first one is."""

        def phase(slot: int) -> int:
            return (slot - self.day.axis.reading(self.first + slot).minute // 15) % HOUR

        for hour, run in groupby(range(self.shown), phase):
            slots = list(run)
            yield slots[0], slots[-1] + 1, (hour - slots[0]) % HOUR

    def _off(self, column: Column) -> Iterator[Span]:
        at = 0
        for start, end in sorted([*column.work, *((away.start, away.end) for away in column.away)]):
            start, end = self._clip((start, end))
            if start > at:
                yield at, start
            at = max(at, end)
        if at < self.shown:
            yield at, self.shown

    def _clip(self, span: Span) -> Span:
        return max(0, span[0] - self.first), min(self.shown, span[1] - self.first)

    @cached_property
    def _drawn(self) -> list[list[Card]]:
        """The cards of each column: all but what the filters hide and nobody is kept busy by."""
        by_staff: dict[int, list[Card]] = {column.person.id: [] for column in self.day.columns}
        selection = self.day.selection
        hides_cancelled = CANCELLED not in selection.statuses or selection.unconfirmed
        for card in self.day.cards:
            if not (hides_cancelled and card.status == CANCELLED):
                by_staff[card.staff_id].append(card)
        return list(by_staff.values())

    @cached_property
    def _lanes(self) -> list[list[Lane | None]]:
        return [lanes(cards) for cards in self._drawn]

    def _cards(self, number: int, say: Words) -> Iterator[tuple[int, str]]:
        """The cards of a column, each with its slot. A live card that the filters hide still holds its time."""
        shows = self.day.shows
        for card, lane in zip(self._drawn[number], self._lanes[number], strict=True):
            slot, size = card.start - self.first, card.end - card.start
            place = f"--s:{slot};--n:{size};--c:{number}"
            if lane:
                place = f"{place};--l:{lane[0]};--k:{lane[1]}"
            if shows(card):
                words = say(
                    *self._clock(card), escape(card.customer), _escaped(card.program), size, _documents(card)
                )
                html = _card(card, place, words)
            elif card.status == BUSY:
                html = f'<div class="card busy fixed" style={place}>Busy<i>{self._elsewhere(card)}</i></div>'
            else:
                html = f'<div class="card hid" style={place}></div>'
            yield max(0, slot), html

    def _elsewhere(self, card: Card) -> str:
        """The facility that keeps somebody busy, if the user may know."""
        facility = self.day.facilities.get(card.facility_id)
        return escape(facility.name) if facility else ""

    def _clock(self, card: Card) -> tuple[str, str]:
        key = (card.start, card.facility_id)
        if key not in self._clocks:
            self._clocks[key] = self._read(card)
        return self._clocks[key]

    @cached_property
    def _clocks(self) -> dict[tuple[int, int], tuple[str, str]]:
        return {}

    def _read(self, card: Card) -> tuple[str, str]:
        """When it starts as the axis says it, and on its own facility's clock where that differs: "10:15 CST"."""
        here = self.day.axis.reading(card.start)
        theirs = self.day.axis.reading(card.start, self.day.facilities[card.facility_id].time_zone)
        differs = theirs.offset != here.offset
        return here.short, escape(f"{theirs.short} {theirs.abbreviation}") if differs else ""


def _head(number: int, column: Column) -> str:
    name = escape(column.person.name)
    return (
        f'<div class=head data-staff={column.person.id} data-name="{name}" style=--c:{number}>'
        f"<b>{name}</b><span>{_unbroken(column.line)}</span></div>"
    )


@lru_cache(maxsize=4096)
def _unbroken(line: str) -> str:
    """A person's hours with times that no line break tears apart: Northside <u>9 AM–5 PM</u>."""
    parts = (part.partition(" · ") for part in line.split("; "))
    return " ".join(
        f"{escape(where)} <u>{escape(times)}</u>" if times else escape(where) for where, _, times in parts
    )


_escaped = lru_cache(maxsize=4096)(escape)


def _card(card: Card, place: str, words: str) -> str:
    """What is settled stays where it is, and whether it was confirmed no longer matters."""
    if card.status in SETTLED:
        kind = f"{card.status} fixed"
    else:
        kind = f"{card.status} {card.confirmed}" if card.confirmed else card.status
    return (
        f'<div class="card {kind}" data-v={card.version} style={place}>'
        f"<a href=/appointments/{card.reference}/>{words}</a></div>"
    )


def _documents(card: Card) -> str:
    """“✎2/3 ” where two of three documents are signed, “✎✓ ” where all are: bare text, for a tag would weigh as much again."""
    if not card.documents:
        return ""
    signed, _, wanted = card.documents.partition("/")
    return "✎✓ " if signed == wanted else f"✎{card.documents} "


def _vertical_words(clock: str, own: str, customer: str, program: str, size: int, documents: str) -> str:
    """A quarter of an hour has one line: the facility's own time, and what is signed, then stand in it."""
    if size == 1:
        return f"{own or clock} {documents}<b>{customer}</b><i>{program}</i>"
    if own:
        return f"{clock} <b>{customer}</b><i>{documents}{own} · {program}</i>"
    return f"{clock} <b>{customer}</b><i>{documents}{program}</i>"


def _horizontal_words(clock: str, own: str, customer: str, program: str, size: int, documents: str) -> str:
    if size == 1:
        return f"{documents}<b>{customer}</b><i>{own or clock} {program}</i>"
    return f"<b>{customer}</b><i>{documents}{own or clock} {program}</i>"
