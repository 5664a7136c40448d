"""What a calendar shows, beside what it should show. Reads both, and changes neither.

The calendar is read first and the record after: an entry that was listed had its appointment saved before, so no entry of an
appointment made meanwhile is taken for one that nothing stands for.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from django.db.models import Q, QuerySet

from appointments.models import Appointment, Organisation
from appointments.models.appointment import LONGEST
from calendarsync import entries
from calendarsync.entries import Entry
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from calendarsync.providers.base import Calendar, Found

BEHIND, AHEAD = timedelta(days=14), timedelta(days=90)
# Whether what is not listed is gone or was moved far away takes a request each, and only tells a reader more exactly.
MOST_LOOKED_FOR = 50

NOT_THERE = "It was not there."
MOVED_AWAY = "It was moved to another time in the calendar."
ALTERED = "Its title, time, place or text was changed in the calendar."
REMADE = "It was made an all-day event, a series, public or free time in the calendar."
OUTDATED = "What it should show is not what was written last."
UNKNOWN = "An entry was there that we did not know of."
CANCELLED = "It should not be there: the appointment is cancelled."
SOMEBODY_ELSES = "It should not be there: somebody else has the appointment."
OWNER_LEFT = "It should not be there: the calendar’s owner left."


class Kind(Enum):
    MISSING = "missing"
    CHANGED = "changed"
    STRAY = "stray"


@dataclass(frozen=True)
class Drift:
    """One appointment whose entry is not what it should be, and how."""

    appointment: Appointment
    kind: Kind
    note: str


@dataclass
class Comparison:
    """`compared` entries should stand there. `strays` do stand there, and neither an appointment nor what we wrote down stands
    for them. `seen` are right as they stand, under another etag than the one we knew."""

    compared: int = 0
    drifts: list[Drift] = field(default_factory=list)
    strays: list[Found] = field(default_factory=list)
    seen: list[SyncedEvent] = field(default_factory=list)

    def rows(self, kind: Kind) -> int:
        """How many appointments differ in this way."""
        return sum(drift.kind is kind for drift in self.drifts)


def compare(connection: CalendarConnection, calendar: Calendar, *, now: datetime) -> Comparison:
    """Everything between 14 days ago and 90 days ahead, and what we know to stand anywhere else and should not.

    Appointments for which a row waits are left to it. Raises CalendarError.
    """
    start, end = now - BEHIND, now + AHEAD
    standing, away = _read(connection, calendar, start, end)
    owner = CalendarConnection.objects.select_related("staff").get(pk=connection.pk)
    record = _Record(owner, start, end, standing)
    comparison = Comparison(strays=record.strangers)
    for appointment in sorted(record.appointments.values(), key=lambda each: (each.starts_at, each.pk)):
        if appointment.pk not in record.busy:
            _compare_one(appointment, record, away, comparison)
    return comparison


def _read(
    connection: CalendarConnection, calendar: Calendar, start: datetime, end: datetime
) -> tuple[dict[UUID, list[Found]], set[str]]:
    """What stands there, by appointment, and the names of entries that were found elsewhere than where they belong."""
    etags = _etags(connection, start, end)
    standing = defaultdict(list)
    for found in calendar.listed(start, end, {name: etag for name, etag in etags.items() if etag}):
        standing[found.appointment].append(found)
    listed = {found.external_id for some in standing.values() for found in some}
    unlisted = [name for name in etags if name not in listed]
    away = list(calendar.fetch(unlisted[:MOST_LOOKED_FOR])) if unlisted else []
    for found in away:
        standing[found.appointment].append(found)
    return standing, {found.external_id for found in away}


def _etags(connection: CalendarConnection, start: datetime, end: datetime) -> dict[str, str]:
    """Of the entries that we know of and that should stand in the period, by their names."""
    here = SyncedEvent.objects.filter(
        connection=connection,
        appointment__starts_at__gt=start - LONGEST,
        appointment__starts_at__lt=end,
        appointment__ends_at__gt=start,
    )
    return dict(here.values_list("external_id", "etag"))


class _Record:
    """What the record says of a calendar, in a handful of queries."""

    def __init__(
        self,
        owner: CalendarConnection,
        start: datetime,
        end: datetime,
        standing: dict[UUID, list[Found]],
    ) -> None:
        self.owner = owner
        self.standing = standing
        self.appointments = _appointments(owner, start, end, standing)
        self.synced = _synced(owner, self.appointments.values())
        self.busy = _busy(owner)
        self.shows_notes = Organisation.current().calendars_show_public_notes

    @property
    def strangers(self) -> list[Found]:
        """Entries of appointments that do not exist."""
        unknown = self.standing.keys() - self.appointments.keys()
        return [found for reference in unknown for found in self.standing[reference]]

    def wanted(self, appointment: Appointment) -> Entry | None:
        return entries.wanted(appointment, self.owner, shows_notes=self.shows_notes)


def _appointments(
    owner: CalendarConnection, start: datetime, end: datetime, references: Iterable[UUID]
) -> dict[UUID, Appointment]:
    """Those of the calendar's owner in the period; those whose entries were found; those whose entries do not belong there."""
    everything = Appointment.objects.select_related("customer", "facility").order_by()
    theirs = everything.of(owner.staff).overlapping(start, end)
    found = {appointment.reference: appointment for appointment in theirs}
    missing = set(references) - found.keys()
    leftover = set(unwanted(owner)) - {appointment.pk for appointment in found.values()}
    if missing or leftover:
        others = everything.filter(Q(reference__in=missing) | Q(pk__in=leftover))
        found |= {appointment.reference: appointment for appointment in others}
    return found


def unwanted(owner: CalendarConnection) -> QuerySet[SyncedEvent, int]:
    """Appointments of which we know an entry that does not belong there any more, whenever they are."""
    known = SyncedEvent.objects.filter(connection=owner)
    if owner.mirrors:
        known = known.filter(
            ~Q(appointment__staff=owner.staff_id) | Q(appointment__status=Appointment.Status.CANCELLED)
        )
    return known.values_list("appointment_id", flat=True)


def _synced(owner: CalendarConnection, appointments: Iterable[Appointment]) -> dict[int, SyncedEvent]:
    ids = [appointment.pk for appointment in appointments]
    known = SyncedEvent.objects.filter(connection=owner, appointment__in=ids)
    return {synced.appointment_id: synced for synced in known}


def _busy(owner: CalendarConnection) -> set[int]:
    """Appointments for which something waits or is being carried out: that sees to them."""
    unsettled = [CalendarSync.State.PENDING, CalendarSync.State.CLAIMED]
    rows = CalendarSync.objects.of(owner).filter(state__in=unsettled).order_by()
    return set(rows.values_list("appointment_id", flat=True))


def _compare_one(appointment: Appointment, record: _Record, away: set[str], comparison: Comparison) -> None:
    entry = record.wanted(appointment)
    synced = record.synced.get(appointment.pk)
    standing = record.standing.get(appointment.reference, [])
    own = next((found for found in standing if synced and found.external_id == synced.external_id), None)
    others = [found for found in standing if found is not own]
    if entry is None:
        comparison.strays += others
        if synced is not None:
            comparison.drifts.append(Drift(appointment, Kind.STRAY, _why_unwanted(appointment, record.owner)))
        return
    comparison.compared += 1
    if own is not None and synced is not None:
        # Copies of an entry of ours. Without it they are left: one of them may be it, under a name that the server changed.
        comparison.strays += others
        _compare_entries(appointment, entry, synced, own, away, comparison)
    elif others:
        comparison.drifts.append(Drift(appointment, Kind.CHANGED, UNKNOWN))
    else:
        comparison.drifts.append(Drift(appointment, Kind.MISSING, NOT_THERE))


def _compare_entries(
    appointment: Appointment,
    entry: Entry,
    synced: SyncedEvent,
    own: Found,
    away: set[str],
    comparison: Comparison,
) -> None:
    written = bytes(synced.digest)
    shown = written if own.digest is None else own.digest
    if shown != entry.digest:
        note = _what_differs(shown, written, is_away=own.external_id in away)
        comparison.drifts.append(Drift(appointment, Kind.CHANGED, note))
    elif own.etag != synced.etag:
        synced.etag, synced.digest = own.etag, shown
        comparison.seen.append(synced)


def _what_differs(shown: bytes, written: bytes, *, is_away: bool) -> str:
    if shown == written:
        return OUTDATED
    if not shown:
        return REMADE
    return MOVED_AWAY if is_away else ALTERED


def _why_unwanted(appointment: Appointment, owner: CalendarConnection) -> str:
    if appointment.is_cancelled:
        return CANCELLED
    return SOMEBODY_ELSES if appointment.staff_id != owner.staff_id else OWNER_LEFT
