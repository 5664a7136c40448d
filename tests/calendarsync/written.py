"""Rows as a worker leaves them, and comparisons, without a worker."""

from datetime import timedelta
from typing import Any

from appointments.models import Appointment
from calendarsync.models import CalendarConnection, CalendarSync, Reconciliation
from tests import factories as make

SETTLED = {
    "done": {"outcome": "updated"},
    "closed": {"closed_reason": "Another row brought the entry up to date."},
    "given_up": {"last_error": "The server refused this entry."},
}


def row(
    appointment: Appointment, connection: CalendarConnection, state: str = "done", **given: Any
) -> CalendarSync:
    at = given.pop("at", make.NOW)
    fields = {"reason": "change", "created_at": at, "due_at": at, **SETTLED.get(state, {})}
    if state in SETTLED:
        fields["settled_at"] = at + timedelta(seconds=2)
    if state == "claimed":
        fields |= {"claim": connection.reference, "claimed_at": at}
    return CalendarSync.objects.create(
        appointment=appointment, connection=connection, state=state, **{**fields, **given}
    )


def comparison(connection: CalendarConnection, **given: Any) -> Reconciliation:
    fields = {"started_at": make.NOW, "finished_at": make.NOW + timedelta(seconds=9), "compared": 40, **given}
    return Reconciliation.objects.create(connection=connection, **fields)
