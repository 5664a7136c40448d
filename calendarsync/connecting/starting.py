"""From the first credentials to a calendar that follows."""

import logging
from copy import copy
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.views.decorators.debug import sensitive_variables

from appointments.models import Appointment, StaffMember
from calendarsync import credentials, trouble
from calendarsync.connecting.changing import backfill
from calendarsync.connecting.holding import check, fresh, locked, one_line, seal, secrets_of
from calendarsync.connecting.refusal import (
    ADDRESS_TOO_LONG,
    GIVEN_UP,
    NONE_TO_WRITE,
    NOT_CONNECTED,
    NOT_LISTED,
    OTHER_CALENDAR,
    READ_ONLY,
    TAKEN,
    CannotConnect,
    asking,
)
from calendarsync.models import CalendarConnection, Provider, Reason
from calendarsync.models.connection import MIRRORS, State
from calendarsync.providers.base import Checked, Choice

logger = logging.getLogger(__name__)

PRIMARY = "primary"
ADDRESS_LIMIT = 1000
ACCOUNT_LIMIT = 254
# What somebody who connects says anew.
GIVEN = ("account", "server", "calendar", "calendar_name", "title_style")
CALM: dict[str, Any] = {
    "broken_at": None,
    "told_at": None,
    "failures": 0,
    "retry_at": None,
    "last_error": "",
    "last_error_at": None,
}


@sensitive_variables("password", "secrets")
def begin_caldav(
    *, staff: StaffMember, server: str, username: str, password: str, by: User, now: datetime
) -> tuple[CalendarConnection, list[Choice]]:
    """Look for calendars with these credentials, and keep them until one is chosen. Raises CannotConnect."""
    from calendarsync.providers import caldav  # it takes a while to import

    with asking():
        found = caldav.choices(server=server, username=username, password=password)
    if not any(choice.may_write for choice in found):
        raise CannotConnect(NONE_TO_WRITE)
    secrets = {"kind": "password", "username": username, "password": password}
    draft = _draft(staff=staff, provider=Provider.CALDAV, account=username, server=server, secrets=secrets)
    return _keep(draft, secrets, by=by, now=now), found


@sensitive_variables("secrets")
def begin_google(
    *, staff: StaffMember, secrets: dict[str, Any], by: User, now: datetime
) -> CalendarConnection:
    """Keep the permission that Google gave until a calendar is chosen. Raises CannotConnect."""
    account = _google_account(staff, secrets)
    draft = _draft(staff=staff, provider=Provider.GOOGLE, account=account, secrets=secrets)
    return _keep(draft, secrets, by=by, now=now)


def choices(connection: CalendarConnection) -> list[Choice]:
    """The calendars of a server that somebody began to connect. Raises CannotConnect."""
    from calendarsync.providers import caldav

    secrets = secrets_of(connection)
    with asking():
        return caldav.choices(
            server=connection.server, username=secrets["username"], password=secrets["password"]
        )


def choose(
    *, connection: CalendarConnection, calendar: str, title_style: str, by: User, now: datetime
) -> CalendarConnection:
    """Have this calendar follow its owner's appointments from now on. Sent twice it is one connection: the one returned.
    Raises CannotConnect."""
    draft, secrets = copy(connection), secrets_of(connection)
    draft.calendar, draft.title_style = calendar, title_style
    if connection.provider == Provider.CALDAV:
        draft.calendar_name = one_line(_offered(calendar, choices(connection)).name)
    return _connect(draft, check(draft), secrets, by=by, now=now)


@sensitive_variables("secrets")
def connect_google(
    *,
    staff: StaffMember,
    secrets: dict[str, Any],
    calendar: str,
    title_style: str,
    by: User,
    now: datetime,
) -> CalendarConnection:
    """All at once, where the calendar is known beforehand. Raises CannotConnect."""
    account = _google_account(staff, secrets)
    draft = _draft(staff=staff, provider=Provider.GOOGLE, account=account, secrets=secrets)
    draft.calendar, draft.title_style = calendar, title_style
    draft.created_at, draft.created_by = now, by
    return _connect(draft, check(draft), secrets, by=by, now=now)


@sensitive_variables("secrets")
def renew(
    *, connection: CalendarConnection, secrets: dict[str, Any], by: User, now: datetime
) -> CalendarConnection:
    """Open the same calendar with another password or permission, and go on from where it stopped. Raises CannotConnect."""
    trial = copy(connection)
    seal(trial, secrets)
    checked = check(trial)
    if checked.key != connection.key:
        raise CannotConnect(
            OTHER_CALENDAR.format(found=one_line(checked.name), calendar=connection.calendar_name)
        )
    with transaction.atomic():
        current = locked(connection)
        if current is None or current.state not in MIRRORS:
            raise CannotConnect(NOT_CONNECTED)
        _renew(current, secrets)
        trouble.resume(current, now=now)
    logger.info("Calendar connection %s has new credentials, by user %s", connection.reference, by.pk)
    return fresh(current)


def _renew(connection: CalendarConnection, secrets: dict[str, Any]) -> None:
    account = secrets.get("username") or secrets.get("subject") or connection.account
    fields = credentials.sealed(secrets, connection.reference)
    CalendarConnection.objects.filter(pk=connection.pk).update(account=account[:ACCOUNT_LIMIT], **fields)


def _draft(
    *, staff: StaffMember, provider: str, account: str, secrets: dict[str, Any], server: str = ""
) -> CalendarConnection:
    draft = CalendarConnection(staff=staff, provider=provider, account=account[:ACCOUNT_LIMIT], server=server)
    seal(draft, secrets)
    return draft


@transaction.atomic
def _keep(
    draft: CalendarConnection, secrets: dict[str, Any], *, by: User, now: datetime
) -> CalendarConnection:
    """One unfinished connection, however often its form is sent."""
    _lock_calendars_of(draft.staff_id)
    same = {"staff": draft.staff_id, "provider": draft.provider, "state": State.NEW}
    kept = CalendarConnection.objects.filter(**same, account=draft.account, server=draft.server).first()
    if kept is not None:
        seal(kept, secrets)
    kept = kept or draft
    kept.created_at, kept.created_by = now, by
    kept.save()
    return kept


def _google_account(staff: StaffMember, secrets: dict[str, Any]) -> str:
    """Whose calendars they are: the subject that a service account stands in for, or who signed in to Google."""
    if secrets["kind"] == "delegated":
        return str(secrets["subject"])
    draft = _draft(staff=staff, provider=Provider.GOOGLE, account="", secrets=secrets)
    draft.calendar = PRIMARY
    return check(draft).name


def _offered(calendar: str, offered: list[Choice]) -> Choice:
    chosen = next((choice for choice in offered if choice.address == calendar), None)
    if chosen is None:
        raise CannotConnect(NOT_LISTED)
    if not chosen.may_write:
        raise CannotConnect(READ_ONLY.format(calendar=one_line(chosen.name)))
    if len(calendar) > ADDRESS_LIMIT:
        raise CannotConnect(ADDRESS_TOO_LONG)
    return chosen


def _connect(
    draft: CalendarConnection, checked: Checked, secrets: dict[str, Any], *, by: User, now: datetime
) -> CalendarConnection:
    draft.calendar_name, draft.key = one_line(checked.name) or draft.calendar_name, checked.key
    try:
        connected = _settle(draft, secrets, now=now)
    except IntegrityError:
        # Somebody else connected it between our look and our write.
        _must_be_free(draft)
        raise
    logger.info("Calendar connection %s was connected by user %s", connected.reference, by.pk)
    return connected


@transaction.atomic
def _settle(draft: CalendarConnection, secrets: dict[str, Any], *, now: datetime) -> CalendarConnection:
    """The one connection of this calendar: its earlier one, whose mark and entries are known, or the new one."""
    _lock_calendars_of(draft.staff_id)
    _must_be_free(draft)
    unfinished, earlier = locked(draft, state=State.NEW), _earlier(draft)
    if earlier is None:
        if draft.pk and unfinished is None:
            raise CannotConnect(GIVEN_UP)
        return _open_first(draft, now=now)
    if unfinished is not None:
        unfinished.delete()
    return _open_again(earlier, draft, secrets, now=now)


def _lock_calendars_of(staff_id: int) -> None:
    StaffMember.objects.select_for_update(no_key=True).get(pk=staff_id)


def _must_be_free(draft: CalendarConnection) -> None:
    same = CalendarConnection.objects.kept().filter(provider=draft.provider, key=draft.key)
    taken = same.exclude(staff=draft.staff_id).select_related("staff").first()
    if taken is not None:
        raise CannotConnect(TAKEN.format(calendar=draft.calendar_name, other=taken.staff))


def _earlier(draft: CalendarConnection) -> CalendarConnection | None:
    """The same calendar of the same person, as it is or was connected."""
    same = CalendarConnection.objects.filter(staff=draft.staff_id, provider=draft.provider, key=draft.key)
    found = same.exclude(state=State.NEW).select_for_update(no_key=True, of=("self",))
    return found.order_by(ExpressionWrapper(Q(state=State.DISCONNECTED), BooleanField()), "-pk").first()


def _open_first(draft: CalendarConnection, *, now: datetime) -> CalendarConnection:
    draft.state, draft.connected_at, draft.tested_at = State.ACTIVE, now, now
    draft.save()
    _wait_for_changes(draft, now=now)
    backfill(connection=draft, now=now)
    return draft


def _open_again(
    earlier: CalendarConnection, draft: CalendarConnection, secrets: dict[str, Any], *, now: datetime
) -> CalendarConnection:
    """With what was given now. One that follows already is not filled once more."""
    follows = earlier.state in MIRRORS
    opened = {"state": State.ACTIVE, "connected_at": now, "disconnected_at": None, "tested_at": now, **CALM}
    CalendarConnection.objects.filter(pk=earlier.pk).update(
        **{name: getattr(draft, name) for name in GIVEN},
        **credentials.sealed(secrets, earlier.reference),
        **({} if follows else opened),
    )
    if not follows:
        _wait_for_changes(earlier, now=now)
        backfill(connection=earlier, now=now)
    else:
        trouble.resume(earlier, now=now)
        if draft.title_style != earlier.title_style:
            backfill(connection=earlier, now=now, reason=Reason.STYLE)
    return fresh(earlier)


def _wait_for_changes(connection: CalendarConnection, *, now: datetime) -> None:
    """Whoever is changing one of its owner's appointments just now did not see the calendar, and wrote no row for it: what is
    filled in has to be what they leave behind."""
    ahead = Appointment.objects.filter(staff=connection.staff_id, ends_at__gt=now).order_by("pk")
    list(ahead.select_for_update(of=("self",), no_key=True).values_list("pk"))
