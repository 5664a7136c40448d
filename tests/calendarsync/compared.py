"""A calendar on a shelf compared with the record, and what came of it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from appointments.models import Appointment
from calendarsync import reconciling
from calendarsync.models import CalendarConnection, CalendarSync, Reconciliation
from calendarsync.providers.base import CalendarError, Fault, Found
from tests import factories as make
from tests.calendarsync.shelf import Clock, Shelf, drain
from tests.portal.clinic import Clinic

NOW = make.NOW
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def book(clinic: Clinic, *, at: datetime = NOW + 2 * HOUR, **given: Any) -> Appointment:
    return make.appointment(program=clinic.program, staff=clinic.staff, starts_at=at, **given)


def reconcile(
    calendar: CalendarConnection, shelf: Shelf, clock: Clock | None = None, **given: Any
) -> Reconciliation | None:
    return reconciling.reconcile(
        calendar.pk, clock=clock or Clock(), pace=lambda _: None, opener=shelf.open, **given
    )


def carry_out(calendar: CalendarConnection, shelf: Shelf) -> None:
    """What waits, a little later."""
    drain(calendar, shelf, Clock(NOW + timedelta(minutes=1)))


def repairs() -> list[tuple[str, str]]:
    """What waits because something differed, and how it did."""
    waiting = CalendarSync.objects.filter(state="pending").order_by("pk")
    return list(waiting.values_list("reason", "note"))


def counts(record: Reconciliation | None) -> tuple[int, int, int, int]:
    assert record is not None
    assert (record.error, record.finished_at is not None) == ("", True)
    return record.compared, record.missing, record.changed, record.stray


def foreign(appointment: UUID, name: str = "copy", digest: bytes = b"?") -> Found:
    return Found(name, '"copy"', appointment, digest)


def error(fault: Fault, **given: Any) -> CalendarError:
    return CalendarError("It did not work.", fault=fault, **given)
