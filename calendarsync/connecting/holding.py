"""What every step needs: asking a calendar as a connection stands, and holding its row."""

from functools import partial
from typing import Any

from calendarsync import credentials, pacing, providers
from calendarsync.connecting.refusal import UNREADABLE, CannotConnect, asking
from calendarsync.credentials import CredentialsUnreadable
from calendarsync.models import CalendarConnection
from calendarsync.providers.base import Checked, unpaced

NAME_LIMIT = 200


def check(connection: CalendarConnection) -> Checked:
    """Raises CannotConnect."""
    with asking():
        return check_as_it_is(connection)


def check_as_it_is(connection: CalendarConnection) -> Checked:
    """Raises CalendarError."""
    pace = partial(pacing.wait_for_turn, connection.pk) if connection.pk else unpaced
    calendar = providers.open_calendar(connection, pace=pace)
    try:
        return calendar.check()
    finally:
        calendar.close()


def secrets_of(connection: CalendarConnection) -> dict[str, Any]:
    """Raises CannotConnect."""
    try:
        return credentials.read(connection)
    except CredentialsUnreadable as error:
        raise CannotConnect(UNREADABLE) from error


def seal(connection: CalendarConnection, secrets: dict[str, Any]) -> None:
    for name, value in credentials.sealed(secrets, connection.reference).items():
        setattr(connection, name, value)


def locked(connection: CalendarConnection, **state: Any) -> CalendarConnection | None:
    found = CalendarConnection.objects.filter(pk=connection.pk, **state)
    return found.select_for_update(no_key=True).first()


def fresh(connection: CalendarConnection) -> CalendarConnection:
    return CalendarConnection.objects.select_related("staff").get(pk=connection.pk)


def one_line(text: str) -> str:
    """As a server names it, in one line that can be kept and shown."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()[:NAME_LIMIT]
