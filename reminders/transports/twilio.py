"""Texts through Twilio's own client.

Creating a message is not idempotent at Twilio: after a lost answer its list is asked before anything is sent again.
"""

import ipaddress
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django.urls import reverse
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from reminders.transports import web
from reminders.transports.base import Envelope, Fault, NotKnownYet, Receipt, TransportError

RETRY = "retry"
# What Twilio's error codes mean: to be tried again, or what is to blame. Twilio asks not to rely on them, so the setting
# TWILIO_CODES replaces single ones, and an unknown one is the fault of the message alone.
# https://www.twilio.com/docs/api/errors
CODES: dict[str, str] = {
    **dict.fromkeys(["20429", "20500", "20503", "21611", "63038"], RETRY),
    # The credentials, the account, its sender, or our address for callbacks: nothing at all is sent.
    **dict.fromkeys(["20003", "20005", "20006", "20008", "20403", "20404"], Fault.ACCOUNT.value),
    **dict.fromkeys(["21212", "21601", "21603", "21606", "21607", "21609"], Fault.ACCOUNT.value),
    **dict.fromkeys(["21659", "21660", "21661", "21701", "21703", "21704", "21705"], Fault.ACCOUNT.value),
    # The number: none, no mobile one, or in a country that is not served.
    **dict.fromkeys(["21211", "21214", "21217", "21265", "21266", "21408"], Fault.ADDRESS.value),
    **dict.fromkeys(["21608", "21612", "21614", "21635"], Fault.ADDRESS.value),
    "21610": Fault.OPT_OUT.value,
}
MEANINGS = {RETRY, *(fault.value for fault in Fault)}

LONGEST_VALIDITY = 36_000
# A new message is in the list after a moment, and our clock and Twilio's differ a little.
LISTED_WITHIN = timedelta(seconds=20)
CLOCKS_DIFFER = timedelta(minutes=1)
MOST_LISTED = 50


class Twilio:
    """For one thread: `reminders.transports.of` builds one for each."""

    name = "twilio"

    def __init__(
        self,
        *,
        account: str,
        token: str,
        base: str,
        public_base: str,
        service: str = "",
        number: str = "",
        codes: Mapping[str, str] | None = None,
        timeout: float,
    ) -> None:
        self._http = BaseUrlHttpClient(base, timeout=timeout)
        # Of the environment, the client would take over settings that we do not have.
        self._client = Client(account, token, http_client=self._http, environment={"-": ""})
        self._sender = {"messaging_service_sid": service} if service else {"from_": number}
        self._callback = "" if is_local(public_base) and not is_local(base) else public_base
        self._codes = {**CODES, **(codes or {})}

    def send(self, envelope: Envelope) -> Receipt:
        with web.explained("Twilio"):
            try:
                return _receipt(self._client.messages.create(**self._message(envelope)))
            except TwilioException as error:
                raise self._explained(error) from error
            except (ValueError, TypeError, AttributeError) as error:
                raise _not_understood() from error

    def find(self, envelope: Envelope, *, handed_over_at: datetime, now: datetime) -> Receipt | None:
        """Asks for the latest texts to the number; the same words since then are the same message.

        Not by `date_sent`: a text that still waits at Twilio has none.
        """
        if (passed := now - handed_over_at) < LISTED_WITHIN:
            raise NotKnownYet(LISTED_WITHIN - passed)
        since = handed_over_at - CLOCKS_DIFFER
        for listed in self._latest(envelope.to):
            if _is_ours(listed) and _created_at(listed) >= since and same_words(envelope, listed.body):
                return _receipt(listed)
        return None

    def _latest(self, number: str) -> list[Any]:
        with web.explained("Twilio", asked=True):
            try:
                return self._client.messages.list(to=number, limit=MOST_LISTED, page_size=MOST_LISTED)
            except TwilioException as error:
                raise self._explained(error, asked=True) from error
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                raise _not_understood() from error

    def _message(self, envelope: Envelope) -> dict[str, Any]:
        message: dict[str, Any] = {"to": envelope.to, "body": envelope.letter.text, **self._sender}
        if envelope.is_wanted_for is not None:
            message["validity_period"] = validity(envelope.is_wanted_for)
        if self._callback:
            message["status_callback"] = self._callback + status_path(envelope.reference)
        return message

    def _explained(self, error: TwilioException, *, asked: bool = False) -> TransportError:
        """`asked`: nothing was sent, but it stays open whether an earlier attempt was."""
        # Of a list that cannot be had, the client says no more than that.
        status = getattr(error, "status", self._http.status)
        code = str(getattr(error, "code", status))
        words = getattr(error, "msg", "") or getattr(error, "title", "") or next(iter(error.args), "")
        meaning = self._codes.get(code) or _meaning_of_status(status)
        is_lost = status >= 500 and status != 503
        return TransportError(
            f"Twilio answered {status}, code {code}: {web.excerpt(words)}",
            permanent=meaning != RETRY,
            code=code,
            fault=Fault.MESSAGE if meaning == RETRY else Fault(meaning),
            retry_after=web.retry_after(self._http.headers) if meaning == RETRY else None,
            may_have_been_sent=asked or (is_lost and meaning == RETRY),
        )


class BaseUrlHttpClient(TwilioHttpClient):
    """Talks to the base address of the settings, and remembers the last answer's status and headers."""

    def __init__(self, base: str, *, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self.session = web.KeptSession()
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._base = urlsplit(base)

    def request(self, method: str, url: str, *given: Any, **named: Any) -> Response:
        wanted = urlsplit(url)
        path = self._base.path.rstrip("/") + wanted.path
        url = urlunsplit((self._base.scheme, self._base.netloc, path, wanted.query, ""))
        answer = super().request(method, url, *given, **named)
        self.status, self.headers = answer.status_code, answer.headers or {}
        return answer


def validity(wanted_for: timedelta) -> int:
    """Seconds after which Twilio lets a text go that it could not send."""
    return min(max(int(wanted_for.total_seconds()), 1), LONGEST_VALIDITY)


def status_path(reference: UUID) -> str:
    return f"{reverse('twilio-status')}?message={reference}"


def is_local(address: str) -> bool:
    """Twilio refuses a callback to an address that only this machine knows."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def same_words(envelope: Envelope, body: str | None) -> bool:
    """A trial account puts words before a text, and smart encoding exchanges its punctuation."""
    ours, theirs = _letters(envelope.letter.text), _letters(body or "")
    return bool(ours) and theirs.endswith(ours)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _meaning_of_status(status: int) -> str:
    if status == 429 or status >= 500:
        return RETRY
    return Fault.ACCOUNT.value if status in (401, 403) or status < 400 else Fault.MESSAGE.value


def _is_ours(listed: Any) -> bool:
    return (listed.direction or "").startswith("outbound")


def _created_at(listed: Any) -> datetime:
    created: datetime | None = listed.date_created
    return created or datetime.max.replace(tzinfo=UTC)


def _receipt(message: Any) -> Receipt:
    if not re.fullmatch(r"(SM|MM)[0-9a-fA-F]{32}", message.sid or ""):
        raise TypeError("A message without its id.")
    return Receipt(message.sid)


def _not_understood() -> TransportError:
    return TransportError("Twilio's answer cannot be read.", permanent=False, may_have_been_sent=True)
