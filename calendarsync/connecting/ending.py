"""Disconnecting, with or without removing what was written."""

import logging
from datetime import datetime
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction

from appointments.models import Appointment
from calendarsync import credentials, queueing, trouble
from calendarsync.connecting.changing import UNSETTLED, hasten, may_stand_in
from calendarsync.connecting.holding import locked
from calendarsync.credentials import CredentialsUnreadable
from calendarsync.models import CalendarConnection, CalendarSync, Provider, Reason
from calendarsync.models.connection import MIRRORS, State

logger = logging.getLogger(__name__)

ALL_REMOVED = "The calendar was disconnected."
LEFT_THERE = "The calendar was disconnected, and what stood in it was left there."


@transaction.atomic
def disconnect(*, connection: CalendarConnection, removes_entries: bool, by: User, now: datetime) -> None:
    """Have it follow no more. Entries are removed one by one, with the credentials; or left there, which are then forgotten now.
    Whoever changes their mind while entries are being removed leaves the rest."""
    current = locked(connection)
    if current is None or current.state == State.DISCONNECTED:
        return
    if current.state == State.NEW:
        _revoke_on_commit(current)
        current.delete()
    elif not removes_entries:
        _revoke_on_commit(current)
        trouble.leave(current, reason=LEFT_THERE, now=now)
    elif current.state in MIRRORS:
        _begin_leaving(current, now=now)
    logger.info("Calendar connection %s was disconnected by user %s", connection.reference, by.pk)


def _begin_leaving(connection: CalendarConnection, *, now: datetime) -> None:
    CalendarConnection.objects.filter(pk=connection.pk).update(state=State.LEAVING, broken_at=None)
    standing = Appointment.objects.filter(pk__in=may_stand_in(connection)).order_by("starts_at")
    queueing.many(standing, connection, reason=Reason.DISCONNECT, now=now)
    hasten(connection, now=now)


@transaction.atomic
def finish_leaving(connection: CalendarConnection, *, now: datetime) -> None:
    """The credentials are not needed any more once the last entry is removed."""
    current = locked(connection)
    if current is None or current.state != State.LEAVING:
        return
    if not CalendarSync.objects.of(current).filter(state__in=UNSETTLED).exists():
        _revoke_on_commit(current)
        trouble.leave(current, reason=ALL_REMOVED, now=now)


def close_left_over(*, now: datetime) -> int:
    """What a change wrote down, or a lost worker left behind, while a calendar was being disconnected. Returns how many."""
    return CalendarSync.objects.filter(connection__state=State.DISCONNECTED).close(reason=LEFT_THERE, now=now)


@transaction.atomic
def clear_unfinished(*, before: datetime) -> int:
    """Forget what somebody began to connect before then and did not finish. Returns how many."""
    unfinished = CalendarConnection.objects.filter(state=State.NEW, created_at__lt=before)
    found = list(unfinished.select_for_update(skip_locked=True, of=("self",)))
    for connection in found:
        _revoke_on_commit(connection)
        connection.delete()
    return len(found)


def _revoke_on_commit(connection: CalendarConnection) -> None:
    """Give a permission of Google's back, unless another calendar is opened with it: it is one for the whole account."""
    try:
        secrets = credentials.read(connection)
    except CredentialsUnreadable:
        return
    same_account = CalendarConnection.objects.filter(provider=Provider.GOOGLE, account=connection.account)
    others = same_account.exclude(pk=connection.pk).exclude(state=State.DISCONNECTED)
    if secrets["kind"] == "oauth" and not others.exists():
        from calendarsync import oauth

        transaction.on_commit(partial(oauth.revoke, secrets), robust=True)
