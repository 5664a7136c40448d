"""Comparing whole calendars with what they should show, once a night, and having them put right.

Whatever went wrong unnoticed ends here: an entry that somebody changed or deleted outside, a customer renamed, an address or
a setting changed. What differs becomes a row like any other, so a false alarm costs one needless write and a change made
meanwhile is not undone. While a calendar is compared its rows wait: it is one worker's at a time.
"""

import logging
from datetime import datetime, time, timedelta
from typing import Any

from django.db import close_old_connections, transaction
from django.db.models import F, Prefetch, Q

from appointments.models import Facility
from calendarsync import comparing, pacing, providers, queueing, trouble
from calendarsync.comparing import Comparison, Kind
from calendarsync.lease import Lease
from calendarsync.models import CalendarConnection, CalendarSync, Reason, Reconciliation, SyncedEvent
from calendarsync.models.connection import ERROR_LIMIT, State
from calendarsync.providers.base import Calendar, CalendarError, Fault, Found
from calendarsync.syncing import CONNECTION_ERRORS, Clock, Opener, Pacemaker
from securecare import localtime

logger = logging.getLogger(__name__)

NIGHT = time(1), time(5)
APART = timedelta(hours=20)
# Beat may have been down in the night: better by day than not at all.
OVERDUE = timedelta(hours=26)
TAKEN_OVER = "Something else was done with the calendar meanwhile."


class LeaseLost(Exception):
    """The calendar was stopped or disconnected, or is another worker's now."""


def due(*, now: datetime) -> list[int]:
    """Calendars whose night it is and that were not compared in it; and those that were not for more than a day. What was
    compared longest ago comes first."""
    facilities = Prefetch("staff__facilities", Facility.objects.filter(is_active=True).order_by("name"))
    candidates = CalendarConnection.objects.reachable(now).filter(_not_since(now - APART), state=State.ACTIVE)
    candidates = candidates.order_by(F("reconciled_at").asc(nulls_first=True), "pk")
    return [
        connection.pk
        for connection in candidates.select_related("staff").prefetch_related(facilities)
        if _is_overdue(connection, now) or _is_night(connection, now)
    ]


def reconcile(
    connection_id: int,
    *,
    clock: Clock,
    if_due: bool = False,
    pace: Pacemaker = pacing.wait_for_turn,
    opener: Opener = providers.open_calendar,
) -> Reconciliation | None:
    """Compare one calendar, and have it put right. None if it is resting, stopped or another worker's just now; with `if_due`
    also if it was compared lately. One that could not be compared to the end is tried again later: `error` says why."""
    now = clock()
    only = Q(state=State.ACTIVE) & (_not_since(now - APART) if if_due else Q())
    lease = Lease.take(connection_id, now=now, only=only)
    if lease is None:
        return None
    visit = _Visit(lease, clock, pace, opener)
    try:
        visit.put_right()
    finally:
        visit.end()
    visit.record.refresh_from_db()
    return visit.record


def _not_since(then: datetime) -> Q:
    return Q(reconciled_at=None) | Q(reconciled_at__lte=then)


def _is_overdue(connection: CalendarConnection, now: datetime) -> bool:
    """One that was just connected has been written as a whole."""
    last = connection.reconciled_at or connection.connected_at or connection.created_at
    return last <= now - OVERDUE


def _is_night(connection: CalendarConnection, now: datetime) -> bool:
    """By the clock of the first facility of its owner."""
    first = next(iter(connection.staff.facilities.all()), None)
    starts, ends = NIGHT
    return starts <= localtime.local(now, first.zone if first else "UTC").time() < ends


class _Visit:
    """One worker's time with one calendar."""

    def __init__(
        self,
        lease: Lease,
        clock: Clock,
        pace: Pacemaker,
        opener: Opener,
    ) -> None:
        self.connection = lease.connection
        self.record = Reconciliation.objects.create(connection=self.connection, started_at=clock())
        self._lease, self._clock, self._pace, self._opener = lease, clock, pace, opener
        self._calendar: Calendar | None = None

    def put_right(self) -> None:
        try:
            self._calendar = self._opener(self.connection, pace=self._turn)
            comparison = comparing.compare(self.connection, self._calendar, now=self._clock())
            removed = sum(self._was_removed(stray) for stray in comparison.strays)
            self._write_down(comparison, removed)
        except CalendarError as error:
            self._note(error=str(error)[:ERROR_LIMIT])
            _report(self.connection, error, now=self._clock())
        except LeaseLost:
            self._note(error=TAKEN_OVER)
        except Exception as error:
            logger.exception("Comparing calendar %s met a fault of our own", self.connection.pk)
            if isinstance(error, CONNECTION_ERRORS):
                close_old_connections()
            self._note(error=f"A fault of our own: {type(error).__name__}")

    def end(self) -> None:
        if self._calendar is not None:
            self._calendar.close()
        self._lease.release()
        if CalendarSync.objects.of(self.connection).ready(self._clock()).exists():
            queueing.hint(self.connection.pk)

    def _turn(self) -> None:
        """Before every request: what another worker writes meanwhile is none of ours to judge."""
        self._pace(self.connection.pk)
        if not self._lease.renew(now=self._clock()):
            raise LeaseLost

    def _was_removed(self, stray: Found) -> bool:
        """One that cannot be removed keeps the others from nothing."""
        assert self._calendar is not None  # noqa: S101 - it was listed from there
        try:
            return self._calendar.remove_stray(stray)
        except CalendarError as error:
            if error.fault is not Fault.ENTRY:
                raise
            logger.warning("Entry %s cannot be removed: %s", stray.external_id, error)
            return False

    @transaction.atomic
    def _write_down(self, comparison: Comparison, removed: int) -> None:
        """All of it, and the calendar let go of: or nothing, if it is no longer ours."""
        now = self._clock()
        notes = {drift.appointment.pk: drift.note for drift in comparison.drifts}
        queueing.noted(notes, self.connection, reason=Reason.RECONCILE, now=now)
        SyncedEvent.objects.bulk_update(comparison.seen, ["etag", "digest"], batch_size=500)
        self._note(
            finished_at=now,
            compared=comparison.compared,
            missing=comparison.rows(Kind.MISSING),
            changed=comparison.rows(Kind.CHANGED),
            stray=comparison.rows(Kind.STRAY) + removed,
        )
        answers = {"failures": 0, "retry_at": None, "last_error": "", "last_error_at": None}
        ours = self._lease.held().filter(state=State.ACTIVE)
        if not ours.update(reconciled_at=now, drained_until=None, **answers):
            raise LeaseLost

    def _note(self, **fields: Any) -> None:
        Reconciliation.objects.filter(pk=self.record.pk).update(**fields)


def _report(connection: CalendarConnection, error: CalendarError, *, now: datetime) -> None:
    """As of any failure. What a single entry is to blame for says nothing of its calendar."""
    if error.fault is Fault.CALENDAR:
        trouble.stop(connection, error, now=now)
    elif error.fault is not Fault.ENTRY:
        is_pattern = trouble.count(connection, error, now=now)
        if is_pattern or error.fault is not Fault.PASSING:
            trouble.rest(connection, error, now=now)
