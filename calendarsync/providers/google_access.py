"""The way to Google: connections that end, tokens that are renewed once an hour, and what each refusal stands for."""

import hashlib
import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google.auth.credentials
import google_auth_httplib2
import httplib2
from django.conf import settings
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account
from googleapiclient.errors import HttpError
from httplib2.decode import DecodeLimitError

from calendarsync.providers.base import CalendarError, Fault, Pace, unpaced

# Of events, and nothing else of the calendar or the account.
SCOPE = "https://www.googleapis.com/auth/calendar.events"
LARGEST_ANSWER = 10_000_000
PORTION = 65_536
LONGEST_WAIT = timedelta(hours=1)

NOT_REACHED = "Google cannot be reached."
NO_ANSWER = "Google did not answer."
NOT_UNDERSTOOD = "Google’s answer cannot be read."
TROUBLED = "Google is in trouble."
CROWDED = "Google asks for fewer requests."
NOT_ACCEPTED = "Google does not accept this entry: {words}"
REVOKED = "Google no longer accepts the permission that it was given. Connect the calendar again."
TOO_LITTLE = (
    "The permission does not cover events. Connect the calendar again, and leave the box at events ticked."
)
READ_ONLY = "This calendar may be read, but not written to. Choose another, or have its owner let you make changes to events."
NO_CALENDAR = "There is no such calendar any more, or it is no longer shared with this account. Connect it again, or another."
FORBIDDEN = "Google does not allow it. Connect the calendar again, or another."
NO_DELEGATION = (
    "Google does not let this site act for {subject}: an administrator of Google Workspace has to allow it."
)
NOBODY = "Google knows nobody of the name {subject}."
SITE = "Google refuses this site as a whole, whosever calendar it is. An administrator has to look at its settings for Google."
CLOCKS = "This site’s clock and Google’s differ too much. An administrator has to set it."


class Refusal(CalendarError):
    """Google's own no, by its HTTP status: some of them are part of the conversation."""

    def __init__(self, text: str, *, status: int, **given: Any) -> None:
        super().__init__(text, **given)
        self.status = status


# ------------------------------------------------------------------------------------------ connections


class NeverConnected(Exception):
    """No byte of the request left this machine."""


class _Answer(http.client.HTTPResponse):
    """Has an end: in size, and in time, however slowly it trickles in."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._ends = time.monotonic() + settings.PROVIDER_TIMEOUT_SECONDS

    def read(self, amt: int | None = None) -> bytes:
        content = bytearray()
        while portion := self.read1(PORTION):
            content += portion
            if len(content) > LARGEST_ANSWER:
                raise http.client.HTTPException("The answer is too large.")
            if time.monotonic() > self._ends:
                raise TimeoutError("The answer does not end.")
        # At its end, what is left is nothing, and the connection is free for the next request.
        return bytes(content) + super().read()


class _Connection:
    """Before httplib2's own classes: it may send a request a second time, and each waits for its turn."""

    response_class = _Answer
    pace: Pace = staticmethod(unpaced)

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except OSError as error:
            raise NeverConnected(str(error)) from error

    def request(self, *given: Any, **named: Any) -> None:
        self.pace()
        super().request(*given, **named)  # type: ignore[misc]


class Http(httplib2.Http):
    """Keeps its connections until it is closed. For one thread. It follows no redirects: Google's API has none."""

    def __init__(self, pace: Pace = unpaced) -> None:
        super().__init__(timeout=settings.PROVIDER_TIMEOUT_SECONDS, decode_limit_hard=LARGEST_ANSWER)
        self.follow_redirects = False
        usual = {"http": httplib2.HTTPConnectionWithTimeout, "https": httplib2.HTTPSConnectionWithTimeout}
        self._kinds = {
            scheme: type("Paced", (_Connection, kind), {"pace": staticmethod(pace)})
            for scheme, kind in usual.items()
        }

    def request(self, uri: str, *given: Any, **named: Any) -> Any:
        named["connection_type"] = self._kinds[urlsplit(uri).scheme]
        return super().request(uri, *given, **named)


# -------------------------------------------------------------------------------------------- permission


@dataclass
class _Slot:
    """The access token of one permission, for all threads of this process."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str | None = None
    ends_at: datetime | None = None


_slots: dict[bytes, _Slot] = {}


class Permission(google.auth.credentials.Credentials):
    """Renewed when it ends, by whichever thread comes first; the others take over what that one got. In memory only."""

    def __init__(self, secrets: Mapping[str, Any]) -> None:
        super().__init__()
        self._renew = partial(_renewed, dict(secrets))
        told = json.dumps([dict(secrets), settings.GOOGLE_TOKEN_URL], sort_keys=True)
        self._slot = _slots.setdefault(hashlib.sha256(told.encode()).digest(), _Slot())
        self.token, self.expiry = self._slot.token, self._slot.ends_at

    def refresh(self, request: Any) -> None:
        """The one we had is over, or was refused."""
        with self._slot.lock:
            if self._slot.token in (None, self.token):
                self._slot.token, self._slot.ends_at = self._renew()
            self.token, self.expiry = self._slot.token, self._slot.ends_at


def _renewed(secrets: dict[str, Any]) -> tuple[str, datetime | None]:
    subject = secrets.get("subject", "")
    permission = _delegated(subject) if secrets["kind"] == "delegated" else _given(secrets["refresh_token"])
    request = _TokenRequest(subject)
    try:
        permission.refresh(request)
    except (GoogleAuthError, ValueError, TypeError, KeyError) as error:
        raise CalendarError(NOT_UNDERSTOOD, fault=Fault.PASSING, code="token") from error
    finally:
        request.http.close()
    return str(permission.token), permission.expiry


def _given(refresh_token: str) -> oauth2.Credentials:
    return oauth2.Credentials(
        None,
        refresh_token=refresh_token,
        token_uri=settings.GOOGLE_TOKEN_URL,
        client_id=settings.GOOGLE_CLIENT_ID,
        client_secret=settings.GOOGLE_CLIENT_SECRET,
    )


def _delegated(subject: str) -> service_account.Credentials:
    try:
        info = json.loads(Path(settings.GOOGLE_SERVICE_ACCOUNT_FILE).read_text())
        return service_account.Credentials.from_service_account_info(
            {**info, "token_uri": settings.GOOGLE_TOKEN_URL}, scopes=[SCOPE], subject=subject
        )
    except (OSError, ValueError, TypeError) as error:
        raise CalendarError(SITE, fault=Fault.AWAY, code="no key file") from error


class _TokenRequest(google_auth_httplib2.Request):
    """Explains a refusal before google-auth sees it, which would sleep in the worker and ask again."""

    def __init__(self, subject: str) -> None:
        super().__init__(Http())
        self._subject = subject

    def __call__(self, *given: Any, **named: Any) -> Any:
        with explained():
            response = super().__call__(*given, **named)
        if response.status != 200:
            raise no_permission(response.status, response.data, response.headers, self._subject)
        return response


def no_permission(
    status: int, content: bytes, headers: Mapping[str, str], subject: str = ""
) -> CalendarError:
    """https://developers.google.com/identity/protocols/oauth2/web-server, "Errors"; RFC 6749, 5.2."""
    said = _json(content)
    error = str(said.get("error", ""))
    if status == 429 or error == "rate_limit_exceeded":
        return CalendarError(CROWDED, fault=Fault.CROWDED, code=error, retry_after=retry_after(headers))
    if not 400 <= status < 500 or not error or error in ("internal_failure", "temporarily_unavailable"):
        return CalendarError(
            TROUBLED, fault=Fault.PASSING, code=str(status), retry_after=retry_after(headers)
        )
    if "iat and exp" in str(said.get("error_description", "")):
        return CalendarError(CLOCKS, fault=Fault.AWAY, code=error)
    if error in ("invalid_client", "deleted_client", "disabled_client"):
        return CalendarError(SITE, fault=Fault.AWAY, code=error)
    text = REVOKED
    if subject:
        text = NOBODY if error == "invalid_grant" else NO_DELEGATION
    return CalendarError(text.format(subject=subject), fault=Fault.CALENDAR, code=error)


# ------------------------------------------------------------------------------------------- refusals

# By Google's word for it, where that tells more than the status.
REASONS: dict[str, tuple[str, Fault]] = {
    **dict.fromkeys(
        ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"], (CROWDED, Fault.CROWDED)
    ),
    **dict.fromkeys(["dailyLimitExceeded", "RESOURCE_EXHAUSTED"], (CROWDED, Fault.CROWDED)),
    **dict.fromkeys(["backendError", "internalError"], (TROUBLED, Fault.PASSING)),
    **dict.fromkeys(["accessNotConfigured", "SERVICE_DISABLED"], (SITE, Fault.AWAY)),
    "insufficientPermissions": (TOO_LITTLE, Fault.CALENDAR),
    "requiredAccessLevel": (READ_ONLY, Fault.CALENDAR),
    # Somebody else's event, of which this calendar shows a copy.
    "forbiddenForNonOrganizer": (NOT_ACCEPTED, Fault.ENTRY),
}
STATUSES: dict[int, tuple[str, Fault]] = {
    401: (REVOKED, Fault.CALENDAR),
    403: (FORBIDDEN, Fault.CALENDAR),
    404: (NO_CALENDAR, Fault.CALENDAR),
    408: (NO_ANSWER, Fault.PASSING),
    410: (TROUBLED, Fault.PASSING),
    412: (TROUBLED, Fault.PASSING),
    429: (CROWDED, Fault.CROWDED),
}
BROKEN_OFF = (
    OSError,
    http.client.HTTPException,
    httplib2.HttpLib2Error,
    DecodeLimitError,
    GoogleAuthError,
)


@contextmanager
def explained() -> Iterator[None]:
    """Turns whatever goes wrong with a request into a CalendarError."""
    try:
        yield
    except HttpError as error:
        raise refusal(error.status_code, error.content, error.resp) from error
    except NeverConnected as error:
        raise CalendarError(NOT_REACHED, fault=Fault.AWAY, code="connect") from error
    except BROKEN_OFF as error:
        raise CalendarError(NO_ANSWER, fault=Fault.PASSING, code=type(error).__name__) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # Google's client looks into answers without asking what they are.
        raise not_understood() from error


def refusal(status: int, content: bytes, headers: Mapping[str, str]) -> Refusal:
    """A page that somebody on the way put in place of Google's answer says nothing about the calendar."""
    reason, words = _reason(content)
    text, fault = REASONS.get(reason) or STATUSES.get(status) or (NOT_ACCEPTED, Fault.ENTRY)
    if not 400 <= status < 500 or (not reason and fault is not Fault.CROWDED):
        text, fault = TROUBLED, Fault.PASSING
    return Refusal(
        text.format(words=words),
        status=status if reason else 0,
        fault=fault,
        code=f"{status} {reason}".strip(),
        retry_after=retry_after(headers) if fault in (Fault.CROWDED, Fault.PASSING) else None,
    )


def not_understood() -> CalendarError:
    return CalendarError(NOT_UNDERSTOOD, fault=Fault.PASSING, code="answer")


def _reason(content: bytes) -> tuple[str, str]:
    """Google's word for it, and its sentence; both empty if it is not Google that speaks."""
    error = _json(content).get("error")
    if not isinstance(error, dict):
        return "", ""
    details = error.get("errors") or [{}]
    first = details[0] if isinstance(details, list) and isinstance(details[0], dict) else {}
    return str(first.get("reason") or error.get("status") or "error"), str(error.get("message", ""))[:160]


def _json(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """The wait that an answer asks for (RFC 9110). A date is counted from the answer's own: clocks differ."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return min(timedelta(seconds=min(int(text), 10**6)), LONGEST_WAIT)
    until, said_at = _date(text), _date(headers.get("date", ""))
    if until is None:
        return None
    return min(max(until - (said_at or datetime.now(UTC)), timedelta(0)), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
