"""A calendar on a shelf: keeps entries, remembers what it was asked, and fails as it is told."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from appointments.models import StaffMember
from calendarsync import credentials, syncing
from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import Checked, Found, Known, Pace, Written
from tests import factories as make


@dataclass
class Shelf:
    """`failures` are raised by the next calls, one each; None lets that call succeed. `during` is called in the middle of one.

    `others` are entries under names that we did not give: copies, and what has no appointment."""

    name: str = "shelf"
    entries: dict[UUID, Entry] = field(default_factory=dict)
    etags: dict[UUID, str] = field(default_factory=dict)
    others: dict[str, Found] = field(default_factory=dict)
    read: list[UUID] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    failures: list[Exception | None] = field(default_factory=list)
    during: Callable[[], None] | None = None
    pace: Pace | None = None
    closed: int = 0

    def open(self, connection: CalendarConnection, *, pace: Pace) -> "Shelf":
        self.pace = pace
        return self

    def put(self, entry: Entry, known: Known | None) -> Written:
        self._ask(f"put {entry.title}")
        was_there = entry.appointment in self.entries
        self.entries[entry.appointment] = entry
        self.etags[entry.appointment] = f'"{len(self.asked)}"'
        return Written(str(entry.appointment), self.etags[entry.appointment], was_there)

    def remove(self, appointment: UUID, known: Known | None) -> bool:
        self._ask("remove")
        return self.entries.pop(appointment, None) is not None

    def check(self) -> Checked:
        self._ask("check")
        return Checked("Shelf", "shelf")

    def listed(self, start: datetime, end: datetime, known: Mapping[str, str]) -> Iterator[Found]:
        self._ask("list")
        for appointment, entry in list(self.entries.items()):
            if entry.starts_at < end and entry.ends_at > start:
                yield self._found(appointment, known)
        yield from self.others.values()

    def fetch(self, external_ids: Iterable[str]) -> Iterator[Found]:
        self._ask("fetch")
        wanted = set(external_ids)
        yield from [self._found(each, {}) for each in self.entries if str(each) in wanted]

    def remove_stray(self, found: Found) -> bool:
        self._ask("remove stray")
        if self.others.get(found.external_id) == found:
            return bool(self.others.pop(found.external_id))
        if self.etags.get(found.appointment) != found.etag:
            return False
        return self.entries.pop(found.appointment, None) is not None

    def touch(self, appointment: UUID, **changes: Any) -> None:
        """As a person does in the calendar; without `changes` something that we do not look at."""
        self.entries[appointment] = replace(self.entries[appointment], **changes)
        self.etags[appointment] = f"touched {self.etags[appointment]}"

    def _found(self, appointment: UUID, known: Mapping[str, str]) -> Found:
        name, etag = str(appointment), self.etags[appointment]
        if known.get(name) == etag:
            return Found(name, etag, appointment, None)
        self.read.append(appointment)
        return Found(name, etag, appointment, self.entries[appointment].digest)

    def close(self) -> None:
        self.closed += 1

    def _ask(self, what: str) -> None:
        assert self.pace is not None
        self.pace()
        self.asked.append(what)
        during, self.during = self.during, None
        if during:
            during()
        if self.failures and (failure := self.failures.pop(0)):
            raise failure


class Clock:
    """Says what it was set to, and a moment later each time it is asked."""

    def __init__(self, now: datetime = make.NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_by(self, **given: float) -> None:
        self.now += timedelta(**given)


def connection(staff: StaffMember, **given: Any) -> CalendarConnection:
    """An active one, of which nothing outside is known."""
    made = CalendarConnection(
        staff=staff,
        provider=given.pop("provider", "caldav"),
        state="active",
        account="dana",
        calendar="https://calendars.example.org/dana/",
        calendar_name="Work",
        created_at=make.NOW,
        connected_at=make.NOW,
    )
    made.key = str(made.reference)
    for name, value in {
        **credentials.sealed({"kind": "password", "username": "dana", "password": "x"}, made.reference),
        **given,
    }.items():
        setattr(made, name, value)
    made.save()
    return made


def drain(owner: CalendarConnection, shelf: Shelf, clock: Clock | None = None) -> None:
    syncing.drain(owner.pk, clock=clock or Clock(), pace=lambda _: None, opener=shelf.open)
