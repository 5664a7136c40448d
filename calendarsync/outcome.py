"""What became of a row, in words for staff."""

from datetime import datetime
from typing import NamedTuple

from calendarsync.models import CalendarSync


class Outcome(NamedTuple):
    """`sign` is its class on the page: planned, waiting, delivered, shown, unsent or failed. `at` belongs to the words."""

    sign: str
    words: str
    at: datetime | None = None
    why: str = ""


def of(row: CalendarSync) -> Outcome:
    if row.state == CalendarSync.State.PENDING:
        return Outcome(
            "waiting", "To be tried again" if row.last_error else "Waiting", row.due_at, row.last_error
        )
    if row.state == CalendarSync.State.CLAIMED:
        return Outcome("waiting", "Being written")
    if row.state == CalendarSync.State.DONE:
        return Outcome("delivered", str(row.get_outcome_display()), row.settled_at)
    if row.state == CalendarSync.State.GIVEN_UP:
        return _of_failure(row)
    if row.covered_by_id is not None:
        return Outcome("shown", "Covered", row.settled_at, row.closed_reason)
    return Outcome("unsent", "Not needed any more", row.settled_at, row.closed_reason)


def why(row: CalendarSync) -> str:
    """What made it due: the change itself where it was one. Needs the event loaded."""
    return str(row.event.get_kind_display() if row.event else row.get_reason_display())


def _of_failure(row: CalendarSync) -> Outcome:
    if row.resolved_at is not None:
        return Outcome("shown", "Failed, made good since", row.resolved_at, row.last_error)
    return Outcome("failed", "Failed", row.settled_at, row.last_error)
