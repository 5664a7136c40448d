"""Django system checks: settings of calendars that are incomplete or cannot work are told at once."""

import json
import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from reminders.checks import is_web_address

GOOGLE_ADDRESSES = {
    "GOOGLE_API_BASE": "https://www.googleapis.com",
    "GOOGLE_AUTH_URL": "https://accounts.google.com/o/oauth2/v2/auth",
    "GOOGLE_TOKEN_URL": "https://oauth2.googleapis.com/token",
    "GOOGLE_REVOKE_URL": "https://oauth2.googleapis.com/revoke",
}
# Google's limit; other servers like fewer, not more.
MOST_PER_SECOND = 10
# For one entry: a token, a first attempt, and three times a look and another; each of them in three time-outs at most.
TIMEOUTS_OF_A_ROW = 8 * 3
CLAIM_TOO_SHORT = (
    "An entry of a slow calendar may take longer than OUTBOX_CLAIM_SECONDS, and be begun again and again."
)
CLAIM_HINT = f"Set it to {TIMEOUTS_OF_A_ROW} times PROVIDER_TIMEOUT_SECONDS."
HOST = re.compile(
    r"(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?|\[(?P<six>[0-9A-Fa-f:.]+)\])(?::(?P<port>\d{1,5}))?"
)


@register
def check_calendars(**_options: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = [
        Error(f"Google Calendar: {problem}", id="calendarsync.E001") for problem in google_problems()
    ]
    found += [Error(problem, id="calendarsync.E002") for problem in host_problems()]
    if not 0 < settings.CALENDAR_REQUESTS_PER_SECOND <= MOST_PER_SECOND:
        problem = f"CALENDAR_REQUESTS_PER_SECOND is more than 0, and at most {MOST_PER_SECOND}."
        found.append(Error(problem, id="calendarsync.E003"))
    # Nothing is written twice by it: whoever lost a row asks the calendar nothing more. But it may never come to an end.
    if settings.OUTBOX_CLAIM_SECONDS < TIMEOUTS_OF_A_ROW * settings.PROVIDER_TIMEOUT_SECONDS:
        found.append(Warning(CLAIM_TOO_SHORT, hint=CLAIM_HINT, id="calendarsync.W001"))
    return found


def google_problems() -> Iterator[str]:
    if settings.GOOGLE_CLIENT_ID and not settings.GOOGLE_CLIENT_SECRET:
        yield "GOOGLE_CLIENT_ID is set without GOOGLE_CLIENT_SECRET."
    if settings.GOOGLE_CLIENT_SECRET and not settings.GOOGLE_CLIENT_ID:
        yield "GOOGLE_CLIENT_SECRET is set without GOOGLE_CLIENT_ID."
    if settings.GOOGLE_SERVICE_ACCOUNT_FILE:
        yield from service_account_problems(Path(settings.GOOGLE_SERVICE_ACCOUNT_FILE))
    for name, usual in GOOGLE_ADDRESSES.items():
        if not is_web_address(getattr(settings, name)):
            yield f"{name} is an address such as {usual}."


def service_account_problems(path: Path) -> Iterator[str]:
    """Nothing of the file is told: it holds a key."""
    try:
        content = json.loads(path.read_text())
    except OSError as error:
        yield f"GOOGLE_SERVICE_ACCOUNT_FILE cannot be read: {error.strerror}."
        return
    except ValueError:
        content = None
    if not is_service_account_key(content):
        yield "GOOGLE_SERVICE_ACCOUNT_FILE is not the key of a service account, as Google Cloud gives it as JSON."


def is_service_account_key(content: Any) -> bool:
    if not isinstance(content, dict) or content.get("type") != "service_account":
        return False
    from google.oauth2 import service_account  # it takes a while to import

    try:
        service_account.Credentials.from_service_account_info(content)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True


def host_problems() -> Iterator[str]:
    for entry in settings.CALDAV_PRIVATE_HOSTS:
        if not is_host(entry.strip()):
            yield f"CALDAV_PRIVATE_HOSTS: {entry!r} is not written as host or host:port, such as calendar.lan:5232."


def is_host(text: str) -> bool:
    found = HOST.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 1) <= 65_535:
        return False
    try:
        return found["six"] is None or bool(IPv6Address(found["six"]))
    except AddressValueError:
        return False
