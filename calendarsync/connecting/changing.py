"""What is done with a calendar that follows: tested, filled, tried again, its titles changed."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from appointments.models import Appointment
from calendarsync import queueing, trouble
from calendarsync.connecting.holding import check_as_it_is, locked, one_line
from calendarsync.connecting.refusal import NOT_CONNECTED, STOPPED, CannotConnect
from calendarsync.models import CalendarConnection, CalendarSync, Reason, SyncedEvent
from calendarsync.models.connection import ERROR_LIMIT, MIRRORS, State
from calendarsync.providers.base import CalendarError, Checked, Fault

UNSETTLED = (CalendarSync.State.PENDING, CalendarSync.State.CLAIMED)


def test(*, connection: CalendarConnection, now: datetime) -> Checked:
    """Ask it something now. One that had stopped goes on; what is wrong is kept. Raises CalendarError, CannotConnect."""
    if connection.state not in MIRRORS:
        raise CannotConnect(NOT_CONNECTED)
    try:
        checked = check_as_it_is(connection)
    except CalendarError as error:
        _note(connection, error, now=now)
        raise
    with transaction.atomic():
        name = one_line(checked.name) or connection.calendar_name
        CalendarConnection.objects.filter(pk=connection.pk).update(calendar_name=name)
        trouble.resume(connection, now=now)
    return checked


def _note(connection: CalendarConnection, error: CalendarError, *, now: datetime) -> None:
    """Unless the credentials were replaced while we asked."""
    said = {"last_error": str(error)[:ERROR_LIMIT], "last_error_at": now}
    same = CalendarConnection.objects.filter(pk=connection.pk, ciphertext=connection.ciphertext)
    same.filter(state__in=MIRRORS).update(**said)
    if error.fault is Fault.CALENDAR:
        trouble.stop(connection, error, now=now)


@transaction.atomic
def change_titles(*, connection: CalendarConnection, title_style: str, now: datetime) -> None:
    """Have all that stands there say so. Raises CannotConnect."""
    current = locked(connection)
    if current is None or current.state not in MIRRORS:
        raise CannotConnect(NOT_CONNECTED)
    if current.title_style == title_style:
        return
    CalendarConnection.objects.filter(pk=current.pk).update(title_style=title_style)
    backfill(connection=current, now=now, reason=Reason.STYLE)


def backfill(*, connection: CalendarConnection, now: datetime, reason: str = Reason.BACKFILL) -> int:
    """A row for each appointment that belongs there from now on, and for what stands there or may; what comes next first.
    Returns how many."""
    coming = Appointment.objects.live().filter(staff=connection.staff_id, ends_at__gt=now).values("pk")
    wanted = Appointment.objects.filter(pk__in=coming.order_by().union(may_stand_in(connection)))
    is_over = ExpressionWrapper(Q(ends_at__lte=now), BooleanField())
    return queueing.many(wanted.order_by(is_over, "starts_at"), connection, reason=reason, now=now)


@transaction.atomic
def retry(*, connection: CalendarConnection, now: datetime) -> int:
    """Try now what failed, and what waits for a later attempt. Returns how many. Raises CannotConnect."""
    current = locked(connection)
    if current is None or current.state not in (State.ACTIVE, State.LEAVING):
        raise CannotConnect(STOPPED if current and current.state == State.BROKEN else NOT_CONNECTED)
    rows = CalendarSync.objects.of(current)
    failed = rows.unresolved().exclude(appointment__in=rows.filter(state__in=UNSETTLED).values("appointment"))
    again = Appointment.objects.filter(pk__in=failed.values("appointment"))
    CalendarConnection.objects.filter(pk=current.pk).update(retry_at=None, failures=0)
    return hasten(current, now=now) + queueing.many(again, current, reason=Reason.RETRY, now=now)


def hasten(connection: CalendarConnection, *, now: datetime) -> int:
    """Rows that wait for a later attempt are due now."""
    queueing.hint(connection.pk)
    waiting = CalendarSync.objects.of(connection).filter(state=CalendarSync.State.PENDING, due_at__gt=now)
    return waiting.update(due_at=now)


def may_stand_in(connection: CalendarConnection) -> QuerySet[Any]:
    """Appointments with an entry there that we know of; or perhaps one, because an attempt is under way or ended unheard."""
    rows = CalendarSync.objects.of(connection).order_by()
    known = SyncedEvent.objects.filter(connection=connection).values("appointment")
    return known.union(
        rows.filter(state__in=UNSETTLED).values("appointment"), rows.unresolved().values("appointment")
    )
