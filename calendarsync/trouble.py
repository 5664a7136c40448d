"""When a calendar cannot be written to: for a while, or until a person sees to it. It stops that calendar only, and its rows wait."""

import random
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from calendarsync import credentials, queueing, telling
from calendarsync.models import CalendarConnection, CalendarSync
from calendarsync.models.connection import ERROR_LIMIT, State
from calendarsync.providers.base import CalendarError
from securecare.outbox import backoff

# So many failures in a row, of different entries, are the calendar's and not theirs.
A_PATTERN = 3
LONGEST_PAUSE = timedelta(minutes=15)
DISCONNECTED_ANYWAY = "The calendar was disconnected, and could not be opened any more: {error}"


def count(connection: CalendarConnection, error: CalendarError, *, now: datetime) -> bool:
    """One more failure that may pass; whether there have been enough in a row to let the calendar rest."""
    failures = F("failures") + 1
    CalendarConnection.objects.filter(pk=connection.pk).update(failures=failures, **_said(error, now))
    connection.refresh_from_db(fields=["failures"])
    return connection.failures >= A_PATTERN


def rest(connection: CalendarConnection, error: CalendarError, *, now: datetime) -> datetime:
    """Ask nothing of the calendar for a while that grows with every failure in a row, or as long as its provider asks for.
    Returns until when."""
    beyond = max(connection.failures - A_PATTERN, 0)
    pause = min(backoff(beyond + 1, spread=random.random()), LONGEST_PAUSE)  # noqa: S311
    until = now + max(pause, error.retry_after or timedelta(0))
    CalendarConnection.objects.filter(pk=connection.pk).update(retry_at=until, **_said(error, now))
    return until


def over(connection_id: int, *, now: datetime) -> None:
    """It was written to."""
    CalendarConnection.objects.filter(pk=connection_id).update(
        last_synced_at=now, failures=0, retry_at=None, last_error="", last_error_at=None
    )


def stop(connection: CalendarConnection, error: CalendarError, *, now: datetime) -> None:
    """Nothing more is asked of it until somebody connects it anew or tests it. They, and their managers, are told once.

    One that was being disconnected is so now, whatever still stands in it. Credentials that were replaced meanwhile are not
    to blame.
    """
    same = CalendarConnection.objects.filter(pk=connection.pk, ciphertext=connection.ciphertext)
    with transaction.atomic():
        if same.filter(state=State.LEAVING).update(**_said(error, now)):
            leave(connection, reason=DISCONNECTED_ANYWAY.format(error=error), now=now)
        elif same.filter(state=State.ACTIVE).update(
            state=State.BROKEN, broken_at=now, told_at=now, **_said(error, now)
        ):
            connection.refresh_from_db()
            telling.tell(connection, now=now)


def resume(connection: CalendarConnection, *, now: datetime) -> None:
    """It works: its rows go on from where they stopped."""
    CalendarConnection.objects.filter(pk=connection.pk, state__in=[State.ACTIVE, State.BROKEN]).update(
        state=State.ACTIVE,
        tested_at=now,
        broken_at=None,
        told_at=None,
        failures=0,
        retry_at=None,
        last_error="",
        last_error_at=None,
    )
    CalendarSync.objects.of(connection).filter(state=CalendarSync.State.PENDING, due_at__gt=now).update(
        due_at=now
    )
    queueing.hint(connection.pk)


def leave(connection: CalendarConnection, *, reason: str, now: datetime) -> None:
    """The end: what still waits is closed, and the credentials are forgotten."""
    CalendarSync.objects.of(connection).close(reason=reason, now=now)
    CalendarConnection.objects.filter(pk=connection.pk).update(
        state=State.DISCONNECTED,
        disconnected_at=now,
        broken_at=None,
        retry_at=None,
        failures=0,
        **credentials.NONE,
    )


def _said(error: CalendarError, now: datetime) -> dict[str, object]:
    return {"last_error": str(error)[:ERROR_LIMIT], "last_error_at": now}
