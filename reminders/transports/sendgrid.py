"""E-mails through SendGrid's own client.

SendGrid has no key that makes a repetition harmless and cannot be asked for a message. Ours travels in `custom_args`, so that
the signed event tells whether an interrupted attempt arrived.
"""

import base64
import json
import urllib.request
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

import requests
from python_http_client import client as http
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers import mail as parts

from reminders.transports import mail, web
from reminders.transports.base import Envelope, Fault, NotKnownYet, Receipt, TransportError

REFERENCE = "message"
ACCEPTED = 202
LONGEST_ID = 64
ACCOUNT = {401, 403, 404, 405, 415}


class SendGrid:
    """For one thread: `reminders.transports.of` builds one for each."""

    name = "sendgrid"

    def __init__(self, *, key: str, base: str, email_from: str, event_minutes: float, timeout: float) -> None:
        self._client = SendGridAPIClient(key, host=base)
        self._client.client = KeptClient.of(self._client.client, timeout=timeout)
        self._email_from = email_from
        self._event_within = timedelta(minutes=event_minutes)

    def send(self, envelope: Envelope) -> Receipt:
        with web.explained("SendGrid"):
            try:
                answer = self._client.send(self._mail(envelope))
            except HTTPError as error:
                raise _explained(error) from error
            except ValueError as error:
                # The client's own check of what it is given, before anything is sent.
                raise TransportError(web.excerpt(error), permanent=True) from error
        if answer.status_code != ACCEPTED:
            raise TransportError(
                f"SendGrid answered {answer.status_code}.", permanent=False, may_have_been_sent=True
            )
        return Receipt((answer.headers.get("X-Message-Id") or "")[:LONGEST_ID])

    def find(self, envelope: Envelope, *, handed_over_at: datetime, now: datetime) -> Receipt | None:
        """An event settles the message by itself. As long as one may still come it is not known."""
        if (left := handed_over_at + self._event_within - now) > timedelta(0):
            raise NotKnownYet(left)
        return None

    def _mail(self, envelope: Envelope) -> parts.Mail:
        message = parts.Mail()
        name, address = mail.sender(envelope, self._email_from)
        message.from_email = parts.From(address, name or None)
        message.subject = envelope.letter.subject
        message.add_personalization(_personalization(envelope))
        message.add_content(parts.Content("text/plain", envelope.letter.text))
        if envelope.letter.html:
            message.add_content(parts.Content("text/html", envelope.letter.html))
        for header in mail.headers(envelope, self._email_from).items():
            message.add_header(parts.Header(*header))
        if envelope.letter.invitation:
            message.add_attachment(_invitation(envelope.letter.invitation))
        message.tracking_settings = _no_tracking()
        return message


class KeptClient(http.Client):
    """The official client over a connection that stays: its own opens one, and reads all certificates, for each e-mail."""

    session: requests.Session

    @classmethod
    def of(cls, plain: http.Client, *, timeout: float) -> "KeptClient":
        kept = cls(plain.host, plain.request_headers, version=plain._version, timeout=timeout)
        kept.session = web.KeptSession()
        return kept

    def _build_client(self, name: str | None = None) -> "KeptClient":
        deeper = KeptClient(
            self.host,
            self.request_headers,
            version=self._version,
            url_path=[*self._url_path, *([name] if name else [])],
            timeout=self.timeout,
        )
        deeper.session = self.session
        return deeper

    def _make_request(
        self, opener: Any, request: urllib.request.Request, timeout: float | None = None
    ) -> "Answer":
        answer = self.session.request(
            request.get_method(),
            request.full_url,
            data=request.data,
            headers=dict(request.header_items()),
            auth=_as_given,
            timeout=timeout or self.timeout,
            allow_redirects=False,
        )
        if not answer.ok or answer.is_redirect:
            raise _http_error(answer)
        return Answer(answer)


class Answer:
    """What the client expects of urllib."""

    def __init__(self, answer: requests.Response) -> None:
        self._answer = answer

    def getcode(self) -> int:
        return self._answer.status_code

    def read(self) -> bytes:
        return self._answer.content

    def info(self) -> Any:
        return self._answer.headers


def _as_given(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The key is in the headers; without this a .netrc file would replace it."""
    return request


def _http_error(answer: requests.Response) -> HTTPError:
    return HTTPError(answer.status_code, answer.reason, answer.content, answer.headers)


def _personalization(envelope: Envelope) -> parts.Personalization:
    """Our reference goes here and not to the top: there the specification and the client disagree about its type."""
    if "@" not in envelope.to or parseaddr(envelope.to)[1] != envelope.to:
        # The client falls over it.
        raise TransportError("This is no e-mail address.", permanent=True, fault=Fault.ADDRESS)
    one = parts.Personalization()
    one.add_to(parts.To(envelope.to))
    one.add_custom_arg(parts.CustomArg(REFERENCE, str(envelope.reference)))
    return one


def _invitation(text: str) -> parts.Attachment:
    return parts.Attachment(
        parts.FileContent(base64.b64encode(text.encode()).decode()),
        parts.FileName(mail.INVITATION_NAME),
        parts.FileType(mail.calendar_type(text)),
        parts.Disposition("attachment"),
    )


def _no_tracking() -> parts.TrackingSettings:
    """SendGrid would lead every link through its own servers, and what it opens with it, and add an unsubscribe link of
    its own."""
    return parts.TrackingSettings(
        click_tracking=parts.ClickTracking(enable=False, enable_text=False),
        open_tracking=parts.OpenTracking(enable=False),
        subscription_tracking=parts.SubscriptionTracking(enable=False),
    )


def _explained(error: HTTPError) -> TransportError:
    status, faults = error.status_code, _faults(error)
    words = web.excerpt("; ".join(message for _, message in faults) or error.reason)
    is_permanent = status < 500 and status != 429
    return TransportError(
        f"SendGrid answered {status}: {words}",
        permanent=is_permanent,
        code=str(status),
        fault=_blame(status, [field for field, _ in faults]) if is_permanent else Fault.MESSAGE,
        retry_after=None if is_permanent else web.retry_after(error.headers),
        may_have_been_sent=status >= 500 and status != 503,
    )


def _blame(status: int, fields: list[str]) -> Fault:
    if status in ACCOUNT or status < 400 or any(field.startswith("from") for field in fields):
        return Fault.ACCOUNT
    if any(".to" in field and field.endswith("email") for field in fields):
        return Fault.ADDRESS
    return Fault.MESSAGE


def _faults(error: HTTPError) -> list[tuple[str, str]]:
    """Field and message of each fault that SendGrid names."""
    try:
        named = json.loads(error.body)["errors"]
        return [(str(each.get("field") or ""), str(each.get("message") or "")) for each in named]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []
