"""Calendars of staff that are connected already, put in as connecting does."""

from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from appointments.models import StaffMember
from calendarsync import credentials
from calendarsync.models import CalendarConnection, Provider
from calendarsync.models.connection import State
from tests.contracts.google_accounts import SCOPE


def google(staff: StaffMember, email: str, *, refresh_token: str) -> CalendarConnection:
    """The main calendar of this account, whose owner permitted it."""
    secrets = google_secrets(refresh_token)
    return _connected(
        staff, secrets, provider=Provider.GOOGLE, account=email, calendar="primary", key=email.lower()
    )


def caldav(staff: StaffMember, address: str, *, username: str, password: str) -> CalendarConnection:
    """The collection at this address."""
    secrets = caldav_secrets(username, password)
    parts = urlsplit(address)
    return _connected(
        staff,
        secrets,
        provider=Provider.CALDAV,
        account=username,
        server=f"{parts.scheme}://{parts.netloc}",
        calendar=address,
        key=f"{parts.netloc}{parts.path}".rstrip("/"),
    )


def google_secrets(refresh_token: str) -> dict[str, Any]:
    return {"kind": "oauth", "refresh_token": refresh_token, "scopes": [SCOPE]}


def caldav_secrets(username: str, password: str) -> dict[str, Any]:
    return {"kind": "password", "username": username, "password": password}


def _connected(staff: StaffMember, secrets: dict[str, Any], **fields: str) -> CalendarConnection:
    now = timezone.now()
    made = CalendarConnection(
        staff=staff, state=State.ACTIVE, calendar_name="Work", created_at=now, connected_at=now, **fields
    )
    for name, value in credentials.sealed(secrets, made.reference).items():
        setattr(made, name, value)
    made.save()
    return made
