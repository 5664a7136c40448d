"""Connecting calendars, testing, changing and disconnecting them.

No transaction is open while a provider is asked: first its answer, then the rows. Whoever changes what a calendar shows locks
its connection before looking at what was written there: a worker looks at the same row before it writes, so that each of its
writes is either seen here or sees the change.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from appointments.models import Appointment, StaffMember
from calendarsync import credentials, pacing, providers, queueing, trouble
from calendarsync.credentials import CredentialsUnreadable
from calendarsync.models import CalendarConnection, CalendarSync, Provider, Reason, SyncedEvent
from calendarsync.models.connection import ERROR_LIMIT, MIRRORS, State
from calendarsync.providers.base import CalendarError, Checked, Choice, Fault, unpaced

logger = logging.getLogger(__name__)

PRIMARY = "primary"
NAME_LIMIT = CalendarConnection._meta.get_field("calendar_name").max_length
ADDRESS_LIMIT = CalendarConnection._meta.get_field("calendar").max_length
ACCOUNT_LIMIT = CalendarConnection._meta.get_field("account").max_length
UNSETTLED = (CalendarSync.State.PENDING, CalendarSync.State.CLAIMED)
CALM: dict[str, Any] = {
    "broken_at": None,
    "told_at": None,
    "failures": 0,
    "retry_at": None,
    "last_error": "",
    "last_error_at": None,
}
TAKEN = "{calendar} is connected already, by {other}. Choose another calendar, or ask them to disconnect it first."
NONE_TO_WRITE = "There is no calendar at this address that you may write to. Make one there, then come back."
NOT_LISTED = "This calendar is not in the list any more. Choose one that is."
READ_ONLY = "You may only read {calendar}, not write to it. Choose another calendar."
ADDRESS_TOO_LONG = "The address of this calendar is too long to keep. Choose another calendar."
GIVEN_UP = "This is not being set up any more. Start again."
OTHER_CALENDAR = (
    "This opens another calendar, {found}. To go on with {calendar}, sign in to the account that it belongs to; "
    "to change to the other, connect it as a new one."
)
NOT_CONNECTED = "This calendar is not connected any more. Connect it again."
STOPPED = "This calendar has stopped. Test it, or connect it again: what waits is then caught up."
UNREADABLE = "Its password or permission cannot be read any more. Start again."
ALL_REMOVED = "The calendar was disconnected."
LEFT_THERE = "The calendar was disconnected, and what stands in it was left there."


class CannotConnect(Exception):
    """Nothing was changed. The text says why, and what to do."""


# ----------------------------------------------------------------------------------------------- connecting


@sensitive_variables("password", "secrets")
def begin_caldav(
    *, staff: StaffMember, server: str, username: str, password: str, by: User, now: datetime
) -> tuple[CalendarConnection, list[Choice]]:
    """Look for calendars with these credentials, and keep them until one is chosen. Raises CannotConnect."""
    from calendarsync.providers import caldav  # it takes a while to import

    with _asking():
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

    secrets = _secrets(connection)
    with _asking():
        return caldav.choices(
            server=connection.server, username=secrets["username"], password=secrets["password"]
        )


def choose(
    *, connection: CalendarConnection, calendar: str, title_style: str, by: User, now: datetime
) -> CalendarConnection:
    """Have this calendar follow its owner's appointments from now on. Sent twice it is one connection: the one returned.
    Raises CannotConnect."""
    if connection.provider == Provider.CALDAV:
        _must_be_offered(calendar, choices(connection))
    draft, secrets = copy(connection), _secrets(connection)
    draft.calendar, draft.title_style = calendar, title_style
    return _connect(draft, _check(draft), secrets, by=by, now=now)


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
    return _connect(draft, _check(draft), secrets, by=by, now=now)


@sensitive_variables("secrets")
def renew(
    *, connection: CalendarConnection, secrets: dict[str, Any], by: User, now: datetime
) -> CalendarConnection:
    """Open the same calendar with another password or permission, and go on from where it stopped. Raises CannotConnect."""
    trial = copy(connection)
    _seal(trial, secrets)
    checked = _check(trial)
    if checked.key != connection.key:
        raise CannotConnect(
            OTHER_CALENDAR.format(found=_line(checked.name), calendar=connection.calendar_name)
        )
    with transaction.atomic():
        current = _locked(connection)
        if current is None or current.state not in MIRRORS:
            raise CannotConnect(NOT_CONNECTED)
        _renew(current, secrets)
        trouble.resume(current, now=now)
    logger.info("Calendar connection %s has new credentials, by user %s", connection.reference, by.pk)
    return _fresh(current)


def _draft(
    *, staff: StaffMember, provider: str, account: str, secrets: dict[str, Any], server: str = ""
) -> CalendarConnection:
    draft = CalendarConnection(staff=staff, provider=provider, account=account[:ACCOUNT_LIMIT], server=server)
    _seal(draft, secrets)
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
        _seal(kept, secrets)
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
    return _check(draft).name


def _must_be_offered(calendar: str, offered: list[Choice]) -> None:
    chosen = next((choice for choice in offered if choice.address == calendar), None)
    if chosen is None:
        raise CannotConnect(NOT_LISTED)
    if not chosen.may_write:
        raise CannotConnect(READ_ONLY.format(calendar=_line(chosen.name)))
    if len(calendar) > ADDRESS_LIMIT:
        raise CannotConnect(ADDRESS_TOO_LONG)


def _connect(
    draft: CalendarConnection, checked: Checked, secrets: dict[str, Any], *, by: User, now: datetime
) -> CalendarConnection:
    draft.calendar_name, draft.key = _line(checked.name), checked.key
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
    unfinished, earlier = _locked(draft, state=State.NEW), _earlier(draft)
    if earlier is None:
        if draft.pk and unfinished is None:
            raise CannotConnect(GIVEN_UP)
        return _open_first(draft, now=now)
    if unfinished is not None:
        unfinished.delete()
    return _open_again(earlier, draft, secrets, now=now)


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
    backfill(connection=draft, now=now)
    return draft


def _open_again(
    earlier: CalendarConnection, draft: CalendarConnection, secrets: dict[str, Any], *, now: datetime
) -> CalendarConnection:
    """With what was given now. One that follows already is not filled once more."""
    _renew(earlier, secrets)
    fields = ("account", "server", "calendar", "calendar_name", "title_style")
    given = {name: getattr(draft, name) for name in fields}
    CalendarConnection.objects.filter(pk=earlier.pk).update(**given)
    if earlier.state in MIRRORS:
        trouble.resume(earlier, now=now)
        if draft.title_style != earlier.title_style:
            backfill(connection=earlier, now=now, reason=Reason.STYLE)
    else:
        opened = {"state": State.ACTIVE, "connected_at": now, "disconnected_at": None, "tested_at": now}
        CalendarConnection.objects.filter(pk=earlier.pk).update(**opened, **CALM)
        backfill(connection=earlier, now=now)
    return _fresh(earlier)


def _renew(connection: CalendarConnection, secrets: dict[str, Any]) -> None:
    fields = credentials.sealed(secrets, connection.reference)
    account = secrets.get("username") or secrets.get("subject") or connection.account
    CalendarConnection.objects.filter(pk=connection.pk).update(account=account[:ACCOUNT_LIMIT], **fields)


# ------------------------------------------------------------------------------------ testing and filling


def test(*, connection: CalendarConnection, now: datetime) -> Checked:
    """Ask it something now. One that had stopped goes on; what is wrong is kept. Raises CalendarError, CannotConnect."""
    if connection.state not in MIRRORS:
        raise CannotConnect(NOT_CONNECTED)
    try:
        checked = _check_as_it_is(connection)
    except CalendarError as error:
        _note(connection, error, now=now)
        raise
    with transaction.atomic():
        CalendarConnection.objects.filter(pk=connection.pk).update(calendar_name=_line(checked.name))
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
    current = _locked(connection)
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
    wanted = Appointment.objects.filter(pk__in=coming.order_by().union(_may_stand_in(connection)))
    is_over = ExpressionWrapper(Q(ends_at__lte=now), BooleanField())
    return queueing.many(wanted.order_by(is_over, "starts_at"), connection, reason=reason, now=now)


@transaction.atomic
def retry(*, connection: CalendarConnection, now: datetime) -> int:
    """Try now what failed, and what waits for a later attempt. Returns how many. Raises CannotConnect."""
    current = _locked(connection)
    if current is None or current.state not in (State.ACTIVE, State.LEAVING):
        raise CannotConnect(STOPPED if current and current.state == State.BROKEN else NOT_CONNECTED)
    rows = CalendarSync.objects.of(current)
    failed = rows.unresolved().exclude(appointment__in=rows.filter(state__in=UNSETTLED).values("appointment"))
    again = Appointment.objects.filter(pk__in=failed.values("appointment"))
    CalendarConnection.objects.filter(pk=current.pk).update(retry_at=None, failures=0)
    return _hasten(current, now=now) + queueing.many(again, current, reason=Reason.RETRY, now=now)


def _hasten(connection: CalendarConnection, *, now: datetime) -> int:
    """Rows that wait for a later attempt are due now."""
    queueing.hint(connection.pk)
    waiting = CalendarSync.objects.of(connection).filter(state=CalendarSync.State.PENDING, due_at__gt=now)
    return waiting.update(due_at=now)


def _may_stand_in(connection: CalendarConnection) -> QuerySet[Any]:
    """Appointments with an entry there that we know of; or perhaps one, because an attempt is under way or ended unheard."""
    rows = CalendarSync.objects.of(connection).order_by()
    known = SyncedEvent.objects.filter(connection=connection).values("appointment")
    return known.union(
        rows.filter(state__in=UNSETTLED).values("appointment"), rows.unresolved().values("appointment")
    )


# -------------------------------------------------------------------------------------------- disconnecting


@transaction.atomic
def disconnect(*, connection: CalendarConnection, removes_entries: bool, by: User, now: datetime) -> None:
    """Have it follow no more. Entries are removed one by one, with the credentials; or left there, which are then forgotten now.
    Whoever changes their mind while entries are being removed leaves the rest."""
    current = _locked(connection)
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
    standing = Appointment.objects.filter(pk__in=_may_stand_in(connection)).order_by("starts_at")
    queueing.many(standing, connection, reason=Reason.DISCONNECT, now=now)
    _hasten(connection, now=now)


@transaction.atomic
def finish_leaving(connection: CalendarConnection, *, now: datetime) -> None:
    """The credentials are not needed any more once the last entry is removed."""
    current = _locked(connection)
    if current is None or current.state != State.LEAVING:
        return
    if not CalendarSync.objects.of(current).filter(state__in=UNSETTLED).exists():
        _revoke_on_commit(current)
        trouble.leave(current, reason=ALL_REMOVED, now=now)


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


# ------------------------------------------------------------------------------------------------- in common


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except CalendarError as error:
        raise CannotConnect(str(error)) from error


def _check(connection: CalendarConnection) -> Checked:
    with _asking():
        return _check_as_it_is(connection)


def _check_as_it_is(connection: CalendarConnection) -> Checked:
    pace = partial(pacing.wait_for_turn, connection.pk) if connection.pk else unpaced
    calendar = providers.open_calendar(connection, pace=pace)
    try:
        return calendar.check()
    finally:
        calendar.close()


def _secrets(connection: CalendarConnection) -> dict[str, Any]:
    try:
        return credentials.read(connection)
    except CredentialsUnreadable as error:
        raise CannotConnect(UNREADABLE) from error


def _seal(connection: CalendarConnection, secrets: dict[str, Any]) -> None:
    for name, value in credentials.sealed(secrets, connection.reference).items():
        setattr(connection, name, value)


def _lock_calendars_of(staff_id: int) -> None:
    StaffMember.objects.select_for_update(no_key=True).get(pk=staff_id)


def _locked(connection: CalendarConnection, **state: Any) -> CalendarConnection | None:
    found = CalendarConnection.objects.filter(pk=connection.pk, **state)
    return found.select_for_update(no_key=True).first()


def _fresh(connection: CalendarConnection) -> CalendarConnection:
    return CalendarConnection.objects.select_related("staff").get(pk=connection.pk)


def _line(text: str) -> str:
    """As a server names it, in one line that can be kept and shown."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()[:NAME_LIMIT]
