"""Calendars of the sample organisation's staff, on its calendar server: some connected, one that stopped, and the others for whoever
tries connecting.

Only rows are written: workers bring there what lies ahead, once the server runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.db.models import Max, Value
from django.db.models.functions import Replace

from appointments.models import StaffMember
from calendarsync import connecting, credentials
from calendarsync.models import CalendarConnection, CalendarSync, Provider, SyncedEvent, TitleStyle
from scheduling.demo.directory import Directory
from securecare.sample_calendars import ACCOUNTS, APPOINTMENTS, COLLECTIONS, PASSWORD, calendar_of

CONNECTED = {"dana": TitleStyle.INITIALS, "priya": TitleStyle.FULL_NAME}
STOPPED = "tomas"
STOPPED_FOR = timedelta(hours=20)
OLD_PASSWORD = "calendar-of-last-year"  # noqa: S105
# As `calendarsync.providers.dav` says it, which takes a while to import.
REFUSED = "The server does not accept the user name or the password. Enter an app password, if it has those."
THIS_MACHINE = ("localhost", "127.0.0.1")
State = CalendarConnection.State


def connect(directory: Directory, *, server: str, now: datetime) -> None:
    """Connect those who never had a calendar. Whatever was connected there follows the server to another port."""
    _follow(server)
    for who, style in CONNECTED.items():
        if member := _without_calendar(directory, who):
            _connect(member, server, PASSWORD, now=now, title_style=style)
    if member := _without_calendar(directory, STOPPED):
        at = now - STOPPED_FOR
        said = {"last_error": REFUSED, "last_error_at": at, "broken_at": at, "told_at": at}
        _connect(member, server, OLD_PASSWORD, now=at, state=State.BROKEN, **said)


def _follow(server: str) -> None:
    port = urlsplit(server).port
    for connection in CalendarConnection.objects.filter(provider=Provider.CALDAV, account__in=ACCOUNTS):
        last = urlsplit(connection.server)
        if last.hostname in THIS_MACHINE and last.port != port:
            _move(connection, last.netloc, f"{last.hostname}:{port}")


def _move(connection: CalendarConnection, there: str, here: str) -> None:
    for name in ("server", "calendar", "key"):
        setattr(connection, name, getattr(connection, name).replace(there, here, 1))
    connection.retry_at, connection.failures = None, 0
    connection.save(update_fields=["server", "calendar", "key", "retry_at", "failures"])
    address = Replace("external_id", Value(there), Value(here))
    SyncedEvent.objects.filter(connection=connection).update(external_id=address)


def _without_calendar(directory: Directory, who: str) -> StaffMember | None:
    member = directory.staff.get(who)
    has_one = member is None or CalendarConnection.objects.filter(staff=member).exists()
    return None if has_one else member


def _connect(member: StaffMember, server: str, password: str, *, now: datetime, **fields: Any) -> None:
    account, reference = member.user.username, uuid4()  # type: ignore[union-attr]
    calendar = calendar_of(account, server=server)
    secrets = {"kind": "password", "username": account, "password": password}
    given = {
        "state": State.ACTIVE,
        "account": account,
        "server": server,
        "calendar": calendar,
        "calendar_name": COLLECTIONS[APPOINTMENTS],
        "key": calendar.partition("://")[2].rstrip("/"),
        "created_by": member.user,
        **dict.fromkeys(("created_at", "connected_at", "tested_at"), now),
        **credentials.sealed(secrets, reference),
    }
    connection = CalendarConnection.objects.create(
        staff=member, provider=Provider.CALDAV, reference=reference, **{**given, **fields}
    )
    connecting.backfill(connection=connection, now=now)


@contextmanager
def wanted_from(now: datetime) -> Iterator[None]:
    """What the sample says happened earlier is brought to calendars from now on: nobody has waited for it since then."""
    last = CalendarSync.objects.aggregate(last=Max("pk"))["last"] or 0
    yield
    CalendarSync.objects.filter(pk__gt=last, created_at__lt=now).update(created_at=now, due_at=now)
