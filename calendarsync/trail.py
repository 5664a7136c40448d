"""What was brought to which calendar for one appointment, for whoever reads its history."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from appointments.access import Access
from appointments.models import Appointment
from calendarsync import outcome, overview
from calendarsync.models import CalendarConnection, CalendarSync, Reason
from calendarsync.outcome import Outcome

MOST_SHOWN = 100


@dataclass(frozen=True)
class Brought:
    """One row. `event` is the change that made it due, if one did; else `reason` says what. `reference` leads to the calendar, for
    who may see it."""

    event: int | None
    created_at: datetime
    due_at: datetime
    calendar: str
    reason: str
    outcome: Outcome
    reference: UUID | None


def of(appointment: Appointment, reader: Access) -> list[Brought]:
    """In the order in which they were wanted; of very many the latest. Who may not see a calendar reads whose it is and at which
    provider, but not its name, nor what its server said: that may hold addresses and names of accounts."""
    rows = CalendarSync.objects.filter(appointment=appointment).select_related("connection__staff")
    latest = list(rows.order_by("-pk")[:MOST_SHOWN])
    calendars = {row.connection_id for row in latest}
    seen = (
        set(overview.visible(reader).filter(pk__in=calendars).values_list("pk", flat=True)) if latest else ()
    )
    return [_brought(row, is_seen=row.connection_id in seen) for row in reversed(latest)]


def _brought(row: CalendarSync, *, is_seen: bool) -> Brought:
    became = outcome.of(row)
    became = became._replace(
        at=None if became.at == row.due_at else became.at, why=became.why if is_seen else ""
    )
    return Brought(
        event=row.event_id,
        created_at=row.created_at,
        due_at=row.due_at,
        calendar=_name(row.connection, is_seen=is_seen),
        reason="" if row.reason == Reason.CHANGE else str(row.get_reason_display()),
        outcome=became,
        reference=row.connection.reference if is_seen else None,
    )


def _name(connection: CalendarConnection, *, is_seen: bool) -> str:
    """Dana Ruiz’s calendar Work (CalDAV)"""
    name = f" {connection.calendar_name}" if is_seen and connection.calendar_name else ""
    return f"{connection.staff}’s calendar{name} ({connection.get_provider_display()})"
