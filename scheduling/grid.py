"""The day grid as HTML: heads, axis, shading and cards over one CSS grid. Nothing is written for an empty slot.

Pieces are joined strings, because a template's loop over thousands of cards costs ten times as much. Every text from the
database is escaped here. Places are `--s` (first slot, counted from the first one shown), `--n` (slots) and `--c` (column);
`--l` of `--k` lanes where cards overlap. Quotes around attributes are left out where HTML allows it: they would be a tenth of
the page.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
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


def lanes(cards: Iterable[Card]) -> dict[Card, tuple[int, int]]:
    """For each card of one person that overlaps another: its lane, and how many lanes its group has.

    Live appointments overlap none but cancelled ones, so the first lane is theirs.
    """
    found: dict[Card, tuple[int, int]] = {}
    group: list[Card] = []
    until = None
    for card in sorted(cards, key=lambda each: each.start):
        if until is not None and card.start >= until:
            found.update(_side_by_side(group))
            group, until = [], None
        group.append(card)
        until = max(until or card.end, card.end)
    found.update(_side_by_side(group))
    return found


def _side_by_side(group: list[Card]) -> dict[Card, tuple[int, int]]:
    if len(group) < 2:
        return {}
    taken: list[list[Card]] = []
    placed: dict[Card, int] = {}
    for card in sorted(group, key=lambda each: (each.status == Status.CANCELLED, each.start)):
        lane = next((number for number, others in enumerate(taken) if _is_free(others, card)), len(taken))
        taken[lane : lane + 1] = [[*taken[lane], card] if lane < len(taken) else [card]]
        placed[card] = lane
    return {card: (lane, len(taken)) for card, lane in placed.items()}


def _is_free(lane: list[Card], card: Card) -> bool:
    return all(other.end <= card.start or card.end <= other.start for other in lane)


@dataclass(frozen=True)
class _Frame:
    day: Day
    first: int
    shown: int

    def vertical(self) -> Iterator[str]:
        """Staff as columns: a row for every slot at which something stands."""
        columns = self.day.columns
        rows: dict[int, list[str]] = defaultdict(list)
        for mark in self.day.axis.marks(self.first, self.first + self.shown):
            slot = mark.slot - self.first
            rows[slot].append(
                f"<div role=rowheader class=at data-i={mark.slot} style=--s:{slot}>{mark.label}</div>"
            )
        for slot, _, html in self._cards(_vertical_words):
            rows[slot].append(html)
        yield self._open("vertical", self.shown, len(columns))
        yield f"<div role=row aria-rowindex=1 class=heads><div role=columnheader class=corner>{self._zone}</div>"
        yield from (_head("columnheader", number, column) for number, column in enumerate(columns))
        yield "</div>"
        for slot in sorted(rows):
            yield f"<div role=row aria-rowindex={slot + 2}>{''.join(rows[slot])}</div>"
        yield "</div>"

    def horizontal(self) -> Iterator[str]:
        """Staff as rows."""
        columns = self.day.columns
        rows: dict[int, list[str]] = defaultdict(list)
        for _, number, html in self._cards(_horizontal_words):
            rows[number].append(html)
        yield self._open("horizontal", len(columns), self.shown)
        yield f"<div role=row aria-rowindex=1 class=heads><div role=columnheader class=corner>{self._zone}</div>"
        for mark in self.day.axis.marks(self.first, self.first + self.shown):
            slot = mark.slot - self.first
            yield f"<div role=columnheader class=at data-i={mark.slot} style=--s:{slot}>{mark.label}</div>"
        yield "</div>"
        for number, column in enumerate(columns):
            yield f"<div role=row aria-rowindex={number + 2}>{_head('rowheader', number, column)}"
            yield f"{''.join(rows[number])}</div>"
        yield "</div>"

    @property
    def _zone(self) -> str:
        return escape(self.day.axis.abbreviation)

    def _open(self, orientation: str, rows: int, columns: int) -> str:
        lane_count = self._most_lanes if orientation == "horizontal" else 1
        return (
            f'<div class="grid {orientation}" role=grid aria-label="Appointments" aria-rowcount={rows + 1} '
            f"aria-colcount={columns + 1} "
            f"style=--cols:{len(self.day.columns)};--shown:{self.shown};--lanes:{lane_count}>"
            f"<div class=lattice aria-hidden=true>{''.join(self._lattice())}</div>"
        )

    @property
    def _most_lanes(self) -> int:
        return max((count for _, count in self._lanes.values()), default=1)

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

        def hour(slot: int) -> int:
            return (slot - self.day.axis.reading(self.first + slot).minute // 15) % HOUR

        for phase, run in groupby(range(self.shown), hour):
            slots = list(run)
            yield slots[0], slots[-1] + 1, (phase - slots[0]) % HOUR

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
    def _lanes(self) -> dict[Card, tuple[int, int]]:
        by_staff: dict[int, list[Card]] = defaultdict(list)
        for card in self._drawn():
            by_staff[card.staff_id].append(card)
        return {card: lane for cards in by_staff.values() for card, lane in lanes(cards).items()}

    def _drawn(self) -> list[Card]:
        """All but what the filter hides and nobody is kept busy by."""
        shown = self.day.selection.statuses
        return [card for card in self.day.cards if card.status != Status.CANCELLED or card.status in shown]

    def _cards(self, say: Callable[[Card, str, str], str]) -> Iterator[tuple[int, int, str]]:
        """Each card with its slot and column, by time. A live card that the filter hides still holds its time."""
        numbers = {column.person.id: number for number, column in enumerate(self.day.columns)}
        statuses = self.day.selection.statuses
        for card in self._drawn():
            slot, number = card.start - self.first, numbers[card.staff_id]
            place = f"--s:{slot};--n:{card.end - card.start};--c:{number}"
            if card in self._lanes:
                place += ";--l:{};--k:{}".format(*self._lanes[card])
            if card.status == BUSY:
                html = _busy(place, self._elsewhere(card))
            elif card.status in statuses:
                html = _card(card, place, say(card, *self._clock(card)))
            else:
                html = f'<div role=gridcell class="card hid" style={place}></div>'
            yield max(0, slot), number, html

    def _elsewhere(self, card: Card) -> str:
        """The facility that keeps somebody busy, if the user may know."""
        facility = self.day.facilities.get(card.facility_id)
        return facility.name if facility else ""

    def _clock(self, card: Card) -> tuple[str, str]:
        """When it starts as the axis says it, and on its own facility's clock where that differs: "10:15 CST"."""
        facility_zone = self.day.facilities[card.facility_id].time_zone
        axis = self.day.axis
        here = axis.reading(card.start)
        if facility_zone == axis.zone:
            return here.short, ""
        theirs = axis.reading(card.start, facility_zone)
        return here.short, "" if theirs.offset == here.offset else f"{theirs.short} {theirs.abbreviation}"


def _head(role: str, number: int, column: Column) -> str:
    name = escape(column.person.name)
    return (
        f'<div role={role} class=head data-staff={column.person.id} data-name="{name}" style=--c:{number}>'
        f"<b>{name}</b><span>{_whole(column.line)}</span></div>"
    )


@lru_cache(maxsize=4096)
def _whole(line: str) -> str:
    """A person's hours with times that break no line: <u>9 AM–5 PM</u>."""
    parts = (part.partition(" · ") for part in line.split("; "))
    return " ".join(
        f"{escape(where)} <u>{escape(times)}</u>" if times else escape(where) for where, _, times in parts
    )


def _card(card: Card, place: str, says: str) -> str:
    fixed = " fixed" if card.status in SETTLED else ""
    confirmed = f" {card.confirmed}" if card.confirmed and not fixed else ""
    return (
        f'<div role=gridcell class="card {card.status}{confirmed}{fixed}" data-v={card.version} style={place}>'
        f"<a href=/appointments/{card.reference}/>{says}</a></div>"
    )


def _vertical_words(card: Card, clock: str, own: str) -> str:
    """A quarter of an hour has one line: the facility's own time then stands in it."""
    name, program = escape(card.customer), escape(card.program)
    if not own:
        return f"{clock} <b>{name}</b><i>{program}</i>"
    if card.end - card.start == 1:
        return f"{own} <b>{name}</b><i>{program}</i>"
    return f"{clock} <b>{name}</b><i>{own} · {program}</i>"


def _horizontal_words(card: Card, clock: str, own: str) -> str:
    return f"<b>{escape(card.customer)}</b><i>{own or clock} {escape(card.program)}</i>"


def _busy(place: str, where: str) -> str:
    return f'<div role=gridcell class="card busy fixed" style={place}>Busy<i>{escape(where)}</i></div>'
