"""Saving a change: the appointment's row, one event, and what follows."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from appointments.models import Appointment, AppointmentEvent
from scheduling import hours as working_hours
from scheduling.consequences import follow
from scheduling.hours import Fit, Hours
from securecare import localtime

FIELDS = (
    "starts_at",
    "ends_at",
    "staff_id",
    "program_id",
    "case_id",
    "status",
    "public_note",
    "email_confirmed_at",
    "phone_confirmed_at",
    "outside_hours",
    "cancel_reason",
)


def snapshot(appointment: Appointment) -> dict[str, Any]:
    """What the record compares, as JSON values."""
    return {name.removesuffix("_id"): _as_json(getattr(appointment, name)) for name in FIELDS}


def add(
    appointment: Appointment,
    *,
    kind: str,
    before: dict[str, Any],
    by: User | None,
    now: datetime,
    overrides: Iterable[str] = (),
    reason: str = "",
    actor: str | None = None,
    private_note_changed: bool = False,
) -> AppointmentEvent:
    """Record one event with the fields that differ from `before`, and follow it. `actor` is told apart by `by` unless given."""
    after = snapshot(appointment)
    changed = [name for name in after if name not in before or before[name] != after[name]]
    noted = {"private_note": "changed"} if private_note_changed else {}
    event = AppointmentEvent.objects.create(
        appointment=appointment,
        kind=kind,
        at=now,
        actor=actor or (AppointmentEvent.Actor.CUSTOMER if by is None else AppointmentEvent.Actor.STAFF),
        by=by,
        before={name: before[name] for name in changed if name in before},
        after={name: after[name] for name in changed} | noted,
        overrides=list(overrides),
        reason=reason[:200],
        revision=appointment.revision,
        version=appointment.version,
    )
    follow(event)
    return event


def save(appointment: Appointment, *, before: dict[str, Any], **event: Any) -> AppointmentEvent:
    """Save a changed appointment as its next version and record the event."""
    appointment.version += 1
    appointment.save()
    return add(appointment, before=before, **event)


def stranded_or_scheduled(appointment: Appointment, now: datetime) -> str:
    """The status of an appointment nobody has come to yet: pending reassignment if it lies ahead, out of working hours."""
    if appointment.starts_at <= now:
        return Appointment.Status.SCHEDULED
    day = localtime.local_date(appointment.starts_at, appointment.facility.zone)
    rules = working_hours.load(staff=[appointment.staff_id], first_day=day, last_day=day)
    holds = holds_its_place(appointment, rules)
    return Appointment.Status.SCHEDULED if holds else Appointment.Status.PENDING_REASSIGNMENT


def holds_its_place(appointment: Appointment, rules: Hours) -> bool:
    """Whether the staff member is there for it.

    One placed outside hours on purpose stays as long as the day is worked and no time off decided since covers it.
    """
    if not appointment.staff.is_active:
        return False
    fit = rules.fit(appointment.staff_id, appointment.facility, appointment.starts_at, appointment.ends_at)
    if fit is not Fit.OUTSIDE or not appointment.outside_hours:
        return fit is Fit.INSIDE
    for absence in rules.absences.get(appointment.staff_id, ()):
        start, end = absence.period(appointment.facility.zone)
        decided_since = absence.since is None or absence.since > appointment.placed_at
        if decided_since and start < appointment.ends_at and end > appointment.starts_at:
            return False
    return True


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
