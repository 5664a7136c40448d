"""Having what stands in a calendar written anew, as an administrator asks for it: what is to come, and some days behind.

What a row already waits for is left to that row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from appointments.models import Appointment
from calendarsync import comparing, queueing
from calendarsync.models import CalendarConnection, CalendarSync, Reason, SyncedEvent

UNSETTLED = (CalendarSync.State.PENDING, CalendarSync.State.CLAIMED)


@dataclass(frozen=True)
class Plan:
    """How many entries would be added, written again and removed; and for how many appointments something waits anyway."""

    added: int
    updated: int
    removed: int
    waiting: int


def plan(connection: CalendarConnection, *, now: datetime, behind: timedelta = timedelta(0)) -> Plan:
    """What `queue` would come to, as far as we know what stands there. Needs the owner loaded."""
    concerned = _concerned(connection, now - behind)
    waits, is_wanted, is_there = _waits(connection), _is_wanted(connection), _is_there(connection)
    counted = concerned.aggregate(
        added=Count("pk", filter=~waits & is_wanted & ~is_there),
        updated=Count("pk", filter=~waits & is_wanted & is_there),
        removed=Count("pk", filter=~waits & ~is_wanted),
        waiting=Count("pk", filter=waits),
    )
    return Plan(**counted)


@transaction.atomic
def queue(connection: CalendarConnection, *, now: datetime, behind: timedelta = timedelta(0)) -> int:
    """A row for each of these. Returns how many. Needs the owner loaded."""
    still = CalendarConnection.objects.filter(pk=connection.pk, state=connection.state)
    if not still.select_for_update(no_key=True).exists():
        return 0
    due = _concerned(connection, now - behind).filter(~_waits(connection)).order_by("starts_at")
    return queueing.many(due, connection, reason=Reason.COMMAND, now=now)


def _concerned(connection: CalendarConnection, since: datetime) -> QuerySet[Appointment]:
    """What belongs there and ends after then; and what stands there and does not belong there, whenever it is."""
    unwanted = list(comparing.unwanted(connection))
    wanted = _is_wanted(connection) & Q(ends_at__gt=since)
    return Appointment.objects.filter(wanted | Q(pk__in=unwanted)).order_by()


def _is_wanted(connection: CalendarConnection) -> Q:
    """As `entries.wanted` decides it."""
    if not connection.mirrors:
        return Q(pk__in=[])
    return Q(staff=connection.staff_id) & ~Q(status=Appointment.Status.CANCELLED)


def _is_there(connection: CalendarConnection) -> Q:
    return Q(Exists(SyncedEvent.objects.filter(connection=connection, appointment=OuterRef("pk"))))


def _waits(connection: CalendarConnection) -> Q:
    rows = CalendarSync.objects.of(connection).filter(appointment=OuterRef("pk"), state__in=UNSETTLED)
    return Q(Exists(rows.order_by()))
