"""Whether a calendar outside says exactly what the record says, event by event."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from appointments.models import Appointment, Organisation
from calendarsync import entries
from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection
from tests.calendarsync.harness import Standing

SHOWN = ("title", "location", "description", "url", "starts_at", "ends_at", "is_tentative")
MISSING, TWICE, STRAY, DIFFERS = "missing", "there twice", "a stray", "says something else"


@dataclass(frozen=True)
class Difference:
    kind: str
    appointment: UUID
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.appointment} {self.detail}".strip()


def wanted(connection: CalendarConnection) -> dict[UUID, Entry]:
    """What should stand there now, by appointment."""
    shows_notes = Organisation.current().calendars_show_public_notes
    owned = Appointment.objects.filter(staff=connection.staff).select_related("customer", "facility")
    found = (entries.wanted(each, connection, shows_notes=shows_notes) for each in owned)
    return {entry.appointment: entry for entry in found if entry is not None}


def differences(wanted: Mapping[UUID, Entry], standing: Iterable[Standing]) -> Iterator[Difference]:
    """Events without our mark are not looked at."""
    ours: dict[UUID, list[Standing]] = defaultdict(list)
    for event in standing:
        if event.appointment is not None:
            ours[event.appointment].append(event)
    for appointment in wanted.keys() - ours.keys():
        yield Difference(MISSING, appointment)
    for appointment, events in ours.items():
        names = ", ".join(event.external_id for event in events)
        if appointment not in wanted:
            yield Difference(STRAY, appointment, names)
            continue
        if len(events) > 1:
            yield Difference(TWICE, appointment, names)
        for event in events:
            if detail := _differing(wanted[appointment], event):
                yield Difference(DIFFERS, appointment, detail)


def _differing(entry: Entry, event: Standing) -> str:
    pairs = ((name, getattr(entry, name), getattr(event, name)) for name in SHOWN)
    return "; ".join(f"{name} {found!r}, not {due!r}" for name, due, found in pairs if due != found)
