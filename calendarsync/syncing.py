"""Bringing calendars to what the record says, whatever fails in between.

A worker takes one calendar at a time and carries out its rows one after the other. Each is level-triggered: it brings the
entry to what the appointment is at that moment, so that rows may come twice, late or in any order. No lock and no
transaction is held while a provider is asked. What a lost answer left behind is found by the next attempt, because the name
of every entry is known beforehand.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from django.db import InterfaceError, OperationalError, close_old_connections, transaction
from django.db.models import Exists, OuterRef, Q

from appointments.models import Appointment, Organisation
from calendarsync import connecting, entries, pacing, providers, queueing, trouble
from calendarsync.entries import Entry
from calendarsync.lease import Lease
from calendarsync.models import CalendarConnection, CalendarSync, Outcome, Reason, SyncedEvent
from calendarsync.models.connection import State
from calendarsync.models.sync import LATER
from calendarsync.providers.base import Calendar, CalendarError, Fault, Known, Pace, Written

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Pacemaker = Callable[[int], None]


class Opener(Protocol):
    def __call__(self, connection: CalendarConnection, *, pace: Pace) -> Calendar: ...


# A worker stays with a calendar this long, then others have their turn.
STAY = timedelta(seconds=20)
CONNECTION_ERRORS = (OperationalError, InterfaceError)
LEFT_AS_IT_IS = "The calendar was disconnected meanwhile."
COVERED = "Another row brought the entry up to date."


class ClaimLost(Exception):
    """Another worker has taken the row over meanwhile: what we would write may be old."""


@dataclass(frozen=True)
class Task:
    """What one row comes to, as seen now: the entry that should stand there, and what we know of the one that does."""

    appointment: Appointment
    entry: Entry | None
    known: Known | None


def drain(
    connection_id: int,
    *,
    clock: Clock,
    pace: Pacemaker = pacing.wait_for_turn,
    opener: Opener = providers.open_calendar,
) -> None:
    """Carry out the rows of one calendar that are due, unless another worker is at it. What was written down while we finished
    is not forgotten: we look once more after letting go."""
    while lease := Lease.take(connection_id, now=clock()):
        visit = Visit(lease, clock, pace, opener)
        try:
            visit.carry_out_all()
        finally:
            visit.end()
        if not _has_work(connection_id, now=clock()):
            return
        if visit.was_cut_short:
            queueing.hint(connection_id)
            return


def waiting(*, now: datetime) -> list[int]:
    """Calendars that can be asked, for which something is due; and those that are left with nothing more to remove."""
    due = CalendarSync.objects.due(now).filter(connection=OuterRef("pk")).order_by()
    reachable = CalendarConnection.objects.reachable(now)
    return list(
        reachable.filter(Exists(due) | Q(state=State.LEAVING)).order_by("pk").values_list("pk", flat=True)
    )


def _has_work(connection_id: int, *, now: datetime) -> bool:
    is_reachable = CalendarConnection.objects.reachable(now).filter(pk=connection_id).exists()
    return is_reachable and CalendarSync.objects.of(connection_id).ready(now).exists()


class Visit:
    """One worker's time with one calendar, which is opened when it is first needed."""

    def __init__(self, lease: Lease, clock: Clock, pace: Pacemaker, opener: Opener) -> None:
        self.connection = lease.connection
        self._lease = lease
        self.was_cut_short = False
        self._clock, self._pace, self._opener = clock, pace, opener
        self._began = clock()
        self._calendar: Calendar | None = None
        self._row: CalendarSync | None = None

    def carry_out_all(self) -> None:
        """Row by row, until none is due, the calendar must rest, or others should have their turn."""
        rows = CalendarSync.objects.of(self.connection)
        while row_id := rows.ready(self._clock()).values_list("pk", flat=True).first():
            if self._clock() - self._began > STAY:
                self.was_cut_short = True
                return
            row = rows.claim(row_id, now=self._clock())
            if row is not None and not self._carry_out(row):
                return
            if not self._lease.renew(now=self._clock()):
                return
        if self.connection.state == State.LEAVING:
            connecting.finish_leaving(self.connection, now=self._clock())

    def end(self) -> None:
        if self._calendar is not None:
            self._calendar.close()
        self._lease.release()

    def _carry_out(self, row: CalendarSync) -> bool:
        """Settle one row. Whether the calendar can be asked for more."""
        self._row, claim = row, row.claim
        try:
            may_go_on = self._write(row)
        except CalendarError as error:
            may_go_on = self._settle_failure(row, error)
        except ClaimLost:
            logger.warning("Calendar sync %s was taken over by another worker", row.pk)
            return False
        except Exception as error:
            logger.exception("Calendar sync %s met a fault of our own", row.pk)
            if isinstance(error, CONNECTION_ERRORS):
                close_old_connections()
            row.claim = claim  # undone in the database, if it happened while the row was settled
            row.retry_later(error=f"A fault of our own: {type(error).__name__}", now=self._clock())
            return False
        _pass_on(row, now=self._clock())
        return may_go_on

    def _write(self, row: CalendarSync) -> bool:
        task = _look(row, self.connection, now=self._clock())
        if self.connection.state == State.DISCONNECTED:
            row.close(reason=LEFT_AS_IT_IS, now=self._clock())
            return False
        calendar = self._open()
        if task.entry is None:
            was_there = calendar.remove(task.appointment.reference, task.known)
            _record(row, task, Outcome.REMOVED if was_there else Outcome.NOTHING, None, now=self._clock())
        else:
            written = calendar.put(task.entry, task.known)
            outcome = Outcome.UPDATED if written.was_there else Outcome.ADDED
            _record(row, task, outcome, written, now=self._clock())
        return True

    def _open(self) -> Calendar:
        if self._calendar is None:
            self._calendar = self._opener(self.connection, pace=self._turn)
        return self._calendar

    def _turn(self) -> None:
        """Before every request: whoever has lost the row meanwhile would write what may be old."""
        self._pace(self.connection.pk)
        row = self._row
        if row is not None and not CalendarSync.objects.filter(pk=row.pk, claim=row.claim).exists():
            raise ClaimLost

    def _settle_failure(self, row: CalendarSync, error: CalendarError) -> bool:
        """Whether to go on with others: a failure that is the calendar's own does not use up the row's attempts."""
        now, connection = self._clock(), self.connection
        if error.fault is Fault.ENTRY:
            row.give_up(error=str(error), now=now)
            return True
        if error.fault is Fault.CALENDAR:
            row.put_off(until=now, reason=str(error))
            trouble.stop(connection, error, now=now)
            return False
        is_passing = error.fault is Fault.PASSING
        is_pattern = trouble.count(connection, error, now=now)
        must_rest = is_pattern or not is_passing or error.retry_after is not None
        until = trouble.rest(connection, error, now=now) if must_rest else now
        if is_passing and (not is_pattern or connection.state == State.LEAVING):
            row.retry_later(error=str(error), now=now, retry_after=error.retry_after)
        else:
            # Behind all others: it may be what makes the calendar rest each time.
            behind = {"rank": LATER} if is_passing else {}
            row.put_off(until=until, reason=str(error), **behind)
        return not must_rest


def _look(row: CalendarSync, connection: CalendarConnection, *, now: datetime) -> Task:
    """What the row comes to. Others that wait for the same are covered by it: whatever they were written for is seen here,
    because the look comes after. A failure before is this row's to make good."""
    others = CalendarSync.objects.of(connection).filter(
        appointment=row.appointment_id, state=row.State.PENDING
    )
    others.update(state=row.State.CLOSED, settled_at=now, closed_reason=COVERED, covered_by=row)
    earlier = CalendarSync.objects.unresolved().of(connection).filter(appointment=row.appointment_id)
    earlier.update(resolved_at=now)
    _refresh(connection)
    appointment = Appointment.objects.select_related("customer", "facility").get(pk=row.appointment_id)
    synced = SyncedEvent.objects.filter(connection=connection, appointment=appointment).first()
    shows_notes = Organisation.current().calendars_show_public_notes
    return Task(
        appointment=appointment,
        entry=entries.wanted(appointment, connection, shows_notes=shows_notes),
        known=Known(synced.external_id, synced.etag) if synced else None,
    )


@transaction.atomic
def _refresh(connection: CalendarConnection) -> None:
    """Waits for whoever is changing what the calendar shows: they write rows for all that was looked at before."""
    locked = CalendarConnection.objects.select_for_update(no_key=True)
    connection.refresh_from_db(fields=["state", "title_style"], from_queryset=locked)


@transaction.atomic
def _record(row: CalendarSync, task: Task, outcome: str, written: Written | None, *, now: datetime) -> None:
    """What stands there now. If another worker has taken the row over meanwhile, nobody can say which of us wrote last: one more
    row settles it."""
    if not row.finish(now=now, outcome=outcome, version=task.appointment.version):
        note = "Two workers wrote it at the same time."
        queueing.again(task.appointment, row.connection, reason=Reason.RECONCILE, now=now, note=note)
        return
    here = {"connection": row.connection_id, "appointment": task.appointment.pk}
    if written is None or task.entry is None:
        SyncedEvent.objects.filter(**here).delete()
    else:
        synced = SyncedEvent(
            connection_id=row.connection_id,
            appointment=task.appointment,
            external_id=written.external_id,
            etag=written.etag,
            revision=task.appointment.version,
            digest=task.entry.digest,
            written_at=now,
        )
        SyncedEvent.objects.bulk_create(
            [synced],
            update_conflicts=True,
            unique_fields=["connection", "appointment"],
            update_fields=["external_id", "etag", "revision", "digest", "written_at"],
        )
    trouble.over(row.connection_id, now=now)


def _pass_on(row: CalendarSync, *, now: datetime) -> None:
    """Others of the same appointment had to wait for us: tell of their calendars."""
    waiting = CalendarSync.objects.due(now).filter(appointment=row.appointment_id)
    others = waiting.exclude(connection=row.connection_id).order_by()
    queueing.hint(*others.values_list("connection", flat=True).distinct())
