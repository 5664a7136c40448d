"""What happened to an appointment, in words: who, when by the facility's clock, what it was and what it became."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from appointments.access import SEE_DOCUMENTS, Access
from appointments.branding import brand
from appointments.models import Appointment, AppointmentEvent, Case, Program, StaffMember
from calendarsync import trail
from calendarsync.trail import Brought
from scheduling import words
from signatures import standing
from signatures.models import EventKind, SignatureEvent

Kind = AppointmentEvent.Kind
Actor = AppointmentEvent.Actor

STATUS = dict(Appointment.Status.choices)
OVERRIDES = {
    "outside_hours": "Booked outside working hours on purpose.",
    "cool_down": "Waiting time set aside on purpose.",
    "unsigned": "Not everything was signed; set aside on purpose.",
}
CHANNELS = {"email_confirmed_at": "E-mail", "phone_confirmed_at": "Text"}
SYSTEM = "SecureCare"
DOCUMENTS = {
    EventKind.SENT: "Sent for signature",
    EventKind.REMINDED: "Reminded to sign",
    EventKind.SIGNED: "Signed",
    EventKind.DECLINED: "Declined to sign",
    EventKind.VOIDED: "No longer to be signed",
}


@dataclass(frozen=True)
class Entry:
    """One line of the history. `changes` read “Time: … → …”; `calendars` are those that it was to be brought to."""

    what: str
    who: str
    at: str
    changes: list[str]
    notes: list[str]
    reason: str
    calendars: list[Brought]


def history(
    appointment: Appointment, *, tells_private: bool = False, reader: Access | None = None
) -> list[Entry]:
    """Newest first. Seven queries at most, however long it is. `tells_private`: whether the reader may know of private notes.
    Without a `reader` nothing is said of calendars and documents."""
    events = list(appointment.events.select_related("by__staff_member"))
    names = _Names(events)
    if not tells_private:
        for event in events:
            event.after.pop("private_note", None)
    brought = _by_event(events, trail.of(appointment, reader)) if reader else {}
    said = ((event.at, _entry(event, names, appointment, brought.get(event.pk, []))) for event in events)
    signing = _of_documents(appointment, events, reader)
    return [entry for _, entry in heapq.merge(said, signing, key=lambda one: one[0])][::-1]


def _of_documents(
    appointment: Appointment, events: list[AppointmentEvent], reader: Access | None
) -> Iterator[tuple[datetime, Entry]]:
    if reader is None or not events or not reader.may(SEE_DOCUMENTS):
        return
    for event in standing.told(appointment, since=events[0].at):
        yield event.at, _entry_of_document(event, appointment)


def _entry_of_document(event: SignatureEvent, appointment: Appointment) -> Entry:
    by = words.colleague(event.by) if event.by else SYSTEM
    return Entry(
        what=f"{DOCUMENTS[EventKind(event.kind)]}: {event.request.template}",
        who=str(event.signer) if event.signer and event.kind != EventKind.SENT else by,
        at=words.moment(event.at, appointment.facility.zone),
        changes=[],
        notes=[],
        reason=str(event.detail.get("reason", "")),
        calendars=[],
    )


def _by_event(events: list[AppointmentEvent], brought: Iterable[Brought]) -> dict[int, list[Brought]]:
    """What no change of the appointment made due stands with the last change before it."""
    found: dict[int, list[Brought]] = {}
    for one in brought:
        before = [event.pk for event in events if event.at <= one.created_at] or [events[0].pk]
        found.setdefault(one.event or before[-1], []).append(one)
    return found


class _Names:
    """The names behind the ids that events hold."""

    def __init__(self, events: Iterable[AppointmentEvent]) -> None:
        held = [values for event in events for values in (event.before, event.after)]
        self.found = {
            "staff": _names(StaffMember, held, "staff"),
            "program": _names(Program, held, "program"),
            "case": _names(Case, held, "case"),
        }

    def of(self, field: str, value: Any) -> str:
        return self.found[field].get(value, "none") if value else "none"


def _names(model: Any, held: Iterable[dict[str, Any]], field: str) -> dict[int, str]:
    ids = {values[field] for values in held if values.get(field)}
    return {found.pk: str(found) for found in model.objects.filter(pk__in=ids)} if ids else {}


def _entry(
    event: AppointmentEvent, names: _Names, appointment: Appointment, calendars: list[Brought]
) -> Entry:
    return Entry(
        what=_what(event),
        who=who(event),
        at=words.moment(event.at, appointment.facility.zone),
        changes=list(_changes(event, names, appointment)),
        notes=[OVERRIDES.get(code, code) for code in event.overrides],
        reason=event.reason,
        calendars=calendars,
    )


def _what(event: AppointmentEvent) -> str:
    if event.kind == Kind.MARKED and "status" in event.after:
        return f"Marked {STATUS.get(event.after['status'], event.after['status']).lower()}"
    if event.kind == Kind.CONFIRMED:
        return "Confirmed by " + " and ".join(
            CHANNELS[field].lower() for field in CHANNELS if field in event.after
        )
    return event.get_kind_display() + (" online" if event.actor == Actor.CUSTOMER else "")


def who(event: AppointmentEvent) -> str:
    """The person who acted, by the name colleagues know."""
    if event.actor == Actor.CUSTOMER:
        return f"the {brand().customer}"
    if event.by is None:
        return SYSTEM
    return words.colleague(event.by)


def _changes(event: AppointmentEvent, names: _Names, appointment: Appointment) -> Iterator[str]:
    before, after = event.before, event.after
    yield from _time_changes(before, after, appointment.facility.zone)
    for field, label in (("staff", "Staff member"), ("program", "Program"), ("case", "Case")):
        if field in after and (after[field] or before.get(field)):
            old = names.of(field, before[field]) if field in before else ""
            yield _change(label, old, names.of(field, after[field]))
    if "status" in after and "status" in before:
        yield _change("Status", STATUS.get(before["status"], ""), STATUS.get(after["status"], ""))
    yield from _note_changes(event)
    if event.kind != Kind.CONFIRMED:
        yield from _confirmation_changes(event)


def _note_changes(event: AppointmentEvent) -> Iterator[str]:
    old, new = event.before.get("public_note", ""), event.after.get("public_note", "")
    if old or new:
        yield _change("Note", f"“{old}”" if old else "", f"“{new}”" if new else "none")
    if "private_note" in event.after:
        yield "Private note changed"


def _confirmation_changes(event: AppointmentEvent) -> Iterator[str]:
    for field, channel in CHANNELS.items():
        if event.after.get(field):
            yield f"{channel}: confirmed"
        elif event.before.get(field):
            yield f"{channel} confirmation cleared"


def _change(label: str, old: str, new: str) -> str:
    return f"{label}: {old} → {new}" if old else f"{label}: {new}"


def _time_changes(before: dict[str, Any], after: dict[str, Any], zone: ZoneInfo) -> Iterator[str]:
    """The whole period if it moved, else the one end that did."""
    if "starts_at" in after and "ends_at" in after:
        yield _change("Time", _period(before, zone), _period(after, zone))
        return
    for field, label in (("starts_at", "Start"), ("ends_at", "End")):
        if field in after:
            old, new = (words.short_moment(_instant(values[field]), zone) for values in (before, after))
            yield _change(label, old, new)


def _period(values: dict[str, Any], zone: ZoneInfo) -> str:
    if "starts_at" not in values:
        return ""
    start, end = _instant(values["starts_at"]), _instant(values["ends_at"])
    return f"{words.day_of(start, zone)}, {words.span(start, end, zone)}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
