from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone

from appointments.models import StaffMember
from calendarsync import comparing, filling, pacing, providers, reconciling
from calendarsync.comparing import Comparison, Kind
from calendarsync.models import CalendarConnection
from calendarsync.models.connection import State
from calendarsync.providers.base import CalendarError


class CannotSync(Exception):
    """Nothing was done with this calendar. The text says why."""


class Command(BaseCommand):
    help = (
        "Have the calendars of one person on staff, or of all, written anew: what is to come and, with --past, some "
        "days behind. Workers carry it out. With --reconcile they are read and compared instead, and only what "
        "differs is written."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("person", nargs="?", default="", help="A user name, or a name as staff see it.")
        parser.add_argument("--all", action="store_true", dest="everyone", help="Everybody on staff.")
        parser.add_argument(
            "--past", type=int, default=0, metavar="DAYS", help="Also what was, so many days back."
        )
        parser.add_argument("--reconcile", action="store_true", help="Compare now, as every night.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")

    def handle(self, *args: Any, person: str, everyone: bool, past: int, **options: Any) -> None:
        if bool(person) == everyone:
            raise CommandError("Name one person, or say --all.")
        if past < 0 or (past and options["reconcile"]):
            raise CommandError("--past takes a number of days, and does not go with --reconcile.")
        connections = _connections(None if everyone else _find(person))
        do = self._reconcile if options["reconcile"] else self._fill
        left = [each for each in connections if not self._attempt(do, each, past, options["dry_run"])]
        if left:
            raise CommandError(f"{len(left)} of {len(connections)} calendars left as they are, see above.")

    def _attempt(self, do: Any, connection: CalendarConnection, past: int, is_dry: bool) -> bool:
        try:
            said = do(connection, timedelta(days=past), timezone.now(), is_dry)
        except CannotSync as error:
            self.stderr.write(f"{_name(connection)}: {error}")
            return False
        self.stdout.write(f"{_name(connection)}: {said}")
        return True

    def _fill(self, connection: CalendarConnection, behind: timedelta, now: datetime, is_dry: bool) -> str:
        _must_work(connection)
        planned = filling.plan(connection, now=now, behind=behind)
        counts = f"{planned.added} to add, {planned.updated} to update, {planned.removed} to remove"
        waiting = f"; {planned.waiting} wait already" if planned.waiting else ""
        if is_dry:
            return counts + waiting
        queued = filling.queue(connection, now=now, behind=behind)
        return f"{queued} queued: {counts}{waiting}"

    def _reconcile(
        self, connection: CalendarConnection, behind: timedelta, now: datetime, is_dry: bool
    ) -> str:
        _must_work(connection)
        _must_not_rest(connection, now)
        if is_dry:
            return "\n".join(_differences(_compared(connection, now)))
        record = reconciling.reconcile(connection.pk, clock=timezone.now)
        if record is None:
            raise CannotSync("a worker is writing to it just now. Try again in a minute.")
        if record.error:
            raise CannotSync(record.error)
        return (
            f"{record.compared} compared, {record.missing} missing, {record.changed} changed, "
            f"{record.stray} too many"
        )


def _find(person: str) -> StaffMember:
    """By user name, which is one person's; else by the name that staff see."""
    named = StaffMember.objects.filter(user__username=person) or StaffMember.objects.filter(
        Q(user__username__iexact=person) | Q(display_name__iexact=person)
    )
    if not named:
        raise CommandError(f"Nobody on staff is called “{person}”.")
    if len(named) > 1:
        names = ", ".join(
            str(each.user.username if each.user else f"{each}, who has no user") for each in named
        )
        raise CommandError(f"Several people are called “{person}”. Give the user name: {names}.")
    return named[0]


def _connections(staff: StaffMember | None) -> list[CalendarConnection]:
    connections = CalendarConnection.objects.filter(state__in=[State.ACTIVE, State.BROKEN])
    if staff is not None:
        connections = connections.filter(staff=staff)
    found = list(connections.select_related("staff"))
    if not found:
        raise CommandError(f"{staff} has no calendar connected." if staff else "No calendar is connected.")
    return found


def _name(connection: CalendarConnection) -> str:
    return f"{connection.staff}, {connection.calendar_name or connection.get_provider_display()}"


def _must_work(connection: CalendarConnection) -> None:
    if connection.state == State.BROKEN:
        raise CannotSync(f"stopped. {connection.last_error} It goes on once it is tested or connected again.")


def _must_not_rest(connection: CalendarConnection, now: datetime) -> None:
    if connection.retry_at is not None and connection.retry_at > now:
        raise CannotSync(f"resting until {connection.retry_at:%H:%M} UTC. {connection.last_error}")


def _compared(connection: CalendarConnection, now: datetime) -> Comparison:
    """Without letting anybody wait for us: what is written meanwhile may seem to differ."""
    try:
        calendar = providers.open_calendar(connection, pace=lambda: pacing.wait_for_turn(connection.pk))
        try:
            return comparing.compare(connection, calendar, now=now)
        finally:
            calendar.close()
    except CalendarError as error:
        raise CannotSync(str(error)) from error


def _differences(found: Comparison) -> list[str]:
    strays = found.rows(Kind.STRAY) + len(found.strays)
    head = (
        f"{found.compared} compared; {found.rows(Kind.MISSING)} to add, {found.rows(Kind.CHANGED)} to update, "
        f"{strays} to remove"
    )
    drifts = [f"  {drift.appointment.reference}: {drift.note}" for drift in found.drifts]
    return [
        head,
        *drifts,
        *(f"  {stray.appointment}: An entry of ours that nothing stands for." for stray in found.strays),
    ]
