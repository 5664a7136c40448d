"""Opening somebody's calendar, whatever provider keeps it."""

from calendarsync import credentials
from calendarsync.credentials import CredentialsUnreadable
from calendarsync.models import CalendarConnection, Provider
from calendarsync.providers.base import Calendar, CalendarError, Fault, Pace, unpaced

UNREADABLE = "The key ring cannot open its password or permission. Connect the calendar again."


def open_calendar(connection: CalendarConnection, *, pace: Pace = unpaced) -> Calendar:
    """Nothing is asked of the provider yet. Raises CalendarError when the credentials cannot be opened."""
    try:
        secrets = credentials.read(connection)
    except CredentialsUnreadable as error:
        raise CalendarError(UNREADABLE, fault=Fault.CALENDAR) from error
    # The clients take a while to import: only who talks to a provider waits for its.
    if connection.provider == Provider.GOOGLE:
        from calendarsync.providers import google

        return google.open_calendar(connection, secrets, pace=pace)
    from calendarsync.providers import caldav

    return caldav.open_calendar(connection, secrets, pace=pace)
