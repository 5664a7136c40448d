"""How calendars are doing: which of them somebody may see, and what waits, failed or was put right in each."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection as database
from django.db.models import Q, QuerySet

from appointments.access import (
    HAVE_CALENDARS,
    PERMISSIONS,
    SEE_CALENDARS,
    Access,
    role_of,
    staff_member_of,
)
from appointments.models import StaffMember
from calendarsync.models import CalendarConnection, Reconciliation
from calendarsync.models.connection import CalendarConnectionQuerySet, State
from calendarsync.outcome import Outcome

# What needs a person, as one number: the bar of every staff page asks, in one statement with other counts.
COUNT = """
(SELECT coalesce(sum((calendar.state = 'broken')::int + failures.count), 0)
   FROM calendarsync_calendarconnection calendar
  CROSS JOIN LATERAL (
        SELECT count(*)
          FROM calendarsync_calendarsync sync
         WHERE sync.connection_id = calendar.id AND sync.state = 'given_up' AND sync.resolved_at IS NULL) failures
  WHERE calendar.state IN ('active', 'broken', 'leaving')
    AND (calendar.staff_id = %(calendars_of)s
         OR (%(sees_calendars)s
             AND (%(everywhere)s
                  OR EXISTS (SELECT FROM appointments_staffmember_facilities works
                              WHERE works.staffmember_id = calendar.staff_id
                                AND works.facility_id = ANY(%(facilities)s))))))
"""

# For each of these calendars: what is not settled and since when, failures that nothing made good, the newest back-fill, and the
# newest comparison. A partial index serves each of the first four.
_FIGURES = """
SELECT one.id, waiting.count, waiting.since, failed.count, failed.error, filled.done, filled.total, compared.id
  FROM unnest(%(calendars)s::bigint[]) one (id)
 CROSS JOIN LATERAL (
       SELECT count(*), min(created_at) AS since
         FROM (SELECT created_at FROM calendarsync_calendarsync
                WHERE connection_id = one.id AND state = 'pending'
                UNION ALL
               SELECT created_at FROM calendarsync_calendarsync
                WHERE connection_id = one.id AND state = 'claimed') unsettled) waiting
 CROSS JOIN LATERAL (
       SELECT count(*), (array_agg(last_error ORDER BY id DESC))[1] AS error
         FROM calendarsync_calendarsync
        WHERE connection_id = one.id AND state = 'given_up' AND resolved_at IS NULL) failed
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE state NOT IN ('pending', 'claimed')) AS done, count(*) AS total
         FROM calendarsync_calendarsync
        WHERE connection_id = one.id AND reason = 'backfill'
          AND created_at = (SELECT max(created_at) FROM calendarsync_calendarsync
                             WHERE connection_id = one.id AND reason = 'backfill')) filled
  LEFT JOIN LATERAL (
       SELECT id FROM calendarsync_reconciliation
        WHERE connection_id = one.id ORDER BY id DESC LIMIT 1) compared ON true
"""
POLL_WHILE_FILLED = 2
POLL_WHILE_WAITING = 10


class Progress(NamedTuple):
    """Of a back-fill that still runs, in appointments."""

    done: int
    total: int


class _Figures(NamedTuple):
    waiting: int
    since: datetime | None
    failed: int
    failure: str | None
    filled: int
    to_fill: int
    compared: int | None


@dataclass(frozen=True)
class Standing:
    """One calendar as it stands. `lag` is how long the oldest of what waits has waited; `failure` says what failed last;
    `compared` is the last comparison, finished or not."""

    connection: CalendarConnection
    condition: Outcome
    pending: int
    lag: timedelta | None
    failed: int
    failure: str
    progress: Progress | None
    compared: Reconciliation | None

    @property
    def poll_seconds(self) -> int:
        """How soon there may be news. 0 while it rests or has stopped, or nothing waits."""
        is_asked = self.connection.state in (State.ACTIVE, State.LEAVING) and self.condition.at is None
        if not is_asked or not (self.pending or self.connection.state == State.LEAVING):
            return 0
        return POLL_WHILE_FILLED if self.progress else POLL_WHILE_WAITING

    @property
    def lag_words(self) -> str:
        return lasting(self.lag) if self.lag is not None else ""

    @property
    def urgency(self) -> tuple[bool, int, timedelta]:
        return (self.connection.state == State.BROKEN, self.failed, self.lag or timedelta(0))


class Person(NamedTuple):
    staff: StaffMember
    calendars: list[Standing]


def lasting(time: timedelta) -> str:
    """3 minutes; in the largest unit of which it has one."""
    seconds = int(time.total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if count := seconds // size:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"


def bounds(access: Access) -> dict[str, int | bool | None]:
    """What COUNT needs to know of the user besides what others do. By the role alone: to ask for grants beyond it would cost every
    page a query."""
    staff, role = staff_member_of(access.user), role_of(access.user)
    oversees = access.user.is_superuser or (role is not None and SEE_CALENDARS in PERMISSIONS[role])
    return {"calendars_of": staff.pk if staff else None, "sees_calendars": oversees}


def own(access: Access) -> CalendarConnectionQuerySet:
    staff = staff_member_of(access.user)
    if staff is None or not access.may(HAVE_CALENDARS):
        return CalendarConnection.objects.none()
    return CalendarConnection.objects.filter(staff=staff)


def visible(access: Access) -> CalendarConnectionQuerySet:
    """All that this user may see, disconnected ones too: their own, and those of who works where they do."""
    if not access.may(SEE_CALENDARS):
        return own(access)
    return CalendarConnection.objects.filter(Q(pk__in=own(access)) | Q(staff__in=_colleagues(access)))


def _colleagues(access: Access) -> QuerySet[StaffMember]:
    if access.user.is_superuser:
        return StaffMember.objects.all()
    return StaffMember.objects.filter(facilities__in=access.facility_ids).distinct()


def table(access: Access, *, now: datetime) -> list[Person]:
    """Everybody else who works where this user does and takes appointments or has a calendar, who needs somebody first. Empty
    without the permission to see them."""
    if not access.may(SEE_CALENDARS):
        return []
    me, others = staff_member_of(access.user), _colleagues(access)
    others = others.exclude(pk=me.pk) if me else others
    calendars = CalendarConnection.objects.kept().filter(staff__in=others).select_related("staff")
    by_staff: dict[int, list[Standing]] = {}
    for standing in of_all(calendars, now=now):
        by_staff.setdefault(standing.connection.staff_id, []).append(standing)
    takes_part = Q(pk__in=by_staff) | Q(is_active=True, takes_appointments=True)
    people = [Person(staff, by_staff.get(staff.pk, [])) for staff in others.filter(takes_part)]
    return sorted(people, key=_need, reverse=True)


def _need(person: Person) -> tuple[bool, int, timedelta]:
    return max((one.urgency for one in person.calendars), default=(False, 0, timedelta(0)))


def of(connection: CalendarConnection, *, now: datetime) -> Standing:
    return of_all([connection], now=now)[0]


def of_all(connections: Iterable[CalendarConnection], *, now: datetime) -> list[Standing]:
    """In the same order; two queries for any number of them."""
    connections = list(connections)
    figures = _figures([connection.pk for connection in connections])
    compared = Reconciliation.objects.in_bulk(filter(None, (found.compared for found in figures.values())))
    return [_standing(one, figures[one.pk], compared, now) for one in connections]


def _figures(ids: list[int]) -> dict[int, _Figures]:
    with database.cursor() as cursor:
        cursor.execute(_FIGURES, {"calendars": ids})
        return {pk: _Figures(*found) for pk, *found in cursor.fetchall()}


def _standing(
    connection: CalendarConnection, figures: _Figures, compared: dict[int, Reconciliation], now: datetime
) -> Standing:
    is_filling = figures.filled < figures.to_fill and connection.mirrors
    return Standing(
        connection=connection,
        condition=_condition(connection, figures, now),
        pending=figures.waiting,
        lag=max(now - figures.since, timedelta(0)) if figures.since else None,
        failed=figures.failed,
        failure=figures.failure or "",
        progress=Progress(figures.filled, figures.to_fill) if is_filling else None,
        compared=compared.get(figures.compared or 0),
    )


def _condition(connection: CalendarConnection, figures: _Figures, now: datetime) -> Outcome:
    if connection.state == State.NEW:
        return Outcome("planned", "Not set up yet")
    if connection.state == State.BROKEN:
        return Outcome("failed", "Stopped", connection.broken_at)
    if connection.state == State.DISCONNECTED:
        return Outcome("unsent", "Disconnected", connection.disconnected_at)
    if connection.retry_at is not None and connection.retry_at > now:
        return Outcome("waiting", "Paused until", connection.retry_at)
    if connection.state == State.LEAVING:
        return Outcome("waiting", "Being disconnected")
    if figures.failed:
        return Outcome("failed", "Not everything could be written")
    if figures.waiting:
        return Outcome("waiting", "Catching up")
    return Outcome("delivered", "Up to date")
