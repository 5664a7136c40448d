"""Writing down what is to be brought to which calendar, in the transaction that makes it so; and telling a worker on commit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import QuerySet

from appointments.models import Appointment, AppointmentEvent
from calendarsync.models import CalendarConnection, CalendarSync, Reason
from calendarsync.models.sync import NOTE_LIMIT
from securecare import outbox

# The calendars of who has it now and of who had it, and those in which we know an entry of it: of the latter also those
# whose owner never had it by our record.
_ROWS = """
INSERT INTO calendarsync_calendarsync
       (appointment_id, connection_id, event_id, reason, rank, note, created_at, due_at,
        state, attempts, last_error, closed_reason, outcome)
SELECT %(appointment)s, connection.id, %(event)s, %(reason)s, %(rank)s, '', %(now)s, %(now)s,
       'pending', 0, '', '', ''
  FROM calendarsync_calendarconnection connection
 WHERE connection.state IN ('active', 'broken')
   AND (connection.staff_id = ANY(%(staff)s)
        OR connection.id IN (SELECT connection_id FROM calendarsync_syncedevent
                              WHERE appointment_id = %(appointment)s))
RETURNING connection_id
"""


def follow(event: AppointmentEvent) -> None:
    """A row for each calendar that the change touches. Past appointments have calendars too."""
    named = (values["staff"] for values in (event.before, event.after) if "staff" in values)
    row: dict[str, Any] = {
        "appointment": event.appointment.pk,
        "event": event.pk,
        "reason": Reason.CHANGE,
        "rank": CalendarSync.rank_of(Reason.CHANGE),
        "now": event.at,
        "staff": sorted({event.appointment.staff_id, *named}),
    }
    with database.cursor() as cursor:
        cursor.execute(_ROWS, row)
        hint(*(row[0] for row in cursor.fetchall()))


def again(
    appointment: Appointment, connection: CalendarConnection, *, reason: str, now: datetime, note: str = ""
) -> None:
    """One more row for this calendar alone."""
    CalendarSync.objects.create(
        appointment=appointment,
        connection=connection,
        reason=reason,
        rank=CalendarSync.rank_of(reason),
        note=note[:NOTE_LIMIT],
        created_at=now,
        due_at=now,
    )
    hint(connection.pk)


def many(
    appointments: QuerySet[Appointment], connection: CalendarConnection, *, reason: str, now: datetime
) -> int:
    """A row for each of these appointments (a QuerySet) in this calendar, in one statement. Returns how many."""
    return noted(
        dict.fromkeys(appointments.values_list("pk", flat=True), ""), connection, reason=reason, now=now
    )


def noted(notes: Mapping[int, str], connection: CalendarConnection, *, reason: str, now: datetime) -> int:
    """As `many`, each with a note of its own: by the appointment's id."""
    rank = CalendarSync.rank_of(reason)
    made = CalendarSync.objects.bulk_create(
        [
            CalendarSync(
                appointment_id=pk,
                connection=connection,
                reason=reason,
                rank=rank,
                note=note[:NOTE_LIMIT],
                created_at=now,
                due_at=now,
            )
            for pk, note in notes.items()
        ],
        batch_size=1000,
    )
    if made:
        hint(connection.pk)
    return len(made)


def hint(*connection_ids: int) -> None:
    """Have the rows of these calendars carried out once the transaction commits."""
    from calendarsync.tasks import drain  # tasks come last: they import what carries out

    for connection_id in connection_ids:
        transaction.on_commit(lambda pk=connection_id: outbox.publish(drain, pk), robust=True)  # type: ignore[misc]
