"""Twilio's Messages over real HTTP, as strict as its specification and documentation.

https://www.twilio.com/docs/messaging/api/message-resource; the specification is in `specs/`.
"""

import base64
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from tests.contracts.doubles import Answer, Asked, Double
from tests.contracts.signing import twilio_signature
from tests.contracts.specification import Specification

CREATE = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
E164 = re.compile(r"\+[1-9]\d{6,14}")
LONGEST_BODY = 1600
LONGEST_VALIDITY = 36_000


class Refused(Exception):
    def __init__(self, code: int, words: str, status: int = 400) -> None:
        more = f"https://www.twilio.com/docs/errors/{code}"
        self.answer = Answer(status, {"code": code, "message": words, "more_info": more, "status": status})


class TwilioDouble(Double):
    account = "AC" + "0123456789abcdef" * 2
    token = "token-of-the-double"
    service = "MG" + "0123456789abcdef" * 2
    number = "+12125550100"

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.refusals: dict[str, int] = {}

    def reset(self) -> None:
        super().reset()
        self.refusals = {}

    def refuse(self, number: str, code: int) -> None:
        """Messages to this number are answered with an error code, such as 21610 after STOP."""
        self.refusals[number] = code

    @cached_property
    def specification(self) -> Specification:
        return Specification("twilio_api_v2010.messages.json")

    def respond(self, asked: Asked) -> Answer:
        try:
            return self._checked(asked)
        except Refused as refused:
            return refused.answer

    def _checked(self, asked: Asked) -> Answer:
        self._check_sign_in(asked)
        collection = f"/2010-04-01/Accounts/{self.account}/Messages"
        if asked.method == "POST" and asked.path == f"{collection}.json":
            answer = self._create(asked)
        elif asked.method == "GET" and asked.path == f"{collection}.json":
            answer = self._list(asked)
        elif asked.method == "GET" and asked.path.startswith(f"{collection}/"):
            answer = self._fetch(asked.path.removeprefix(f"{collection}/").removesuffix(".json"))
        else:
            raise Refused(20404, f"The requested resource {asked.path} was not found", 404)
        if not self.is_light:
            self.specification.check_answer(asked, answer)
        return answer

    def _check_sign_in(self, asked: Asked) -> None:
        expected = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if asked.headers.get("Authorization") != f"Basic {expected}":
            raise Refused(20003, "Authenticate", 401)

    # ------------------------------------------------------------------------------------------- create

    def _create(self, asked: Asked) -> Answer:
        form = asked.form
        if not self.is_light:
            self._check_form(asked, form)
        if (code := self.refusals.get(form["To"])) is not None:
            raise Refused(code, f"Refused as the test asked for: {form['To']}")
        message = self._resource(form)
        self.accept({**message, "form": form, "created_at": datetime.now(UTC).isoformat()})
        return Answer(201, message)

    def _check_form(self, asked: Asked, form: dict[str, str]) -> None:
        if unknown := set(form) - self.specification.form_fields(CREATE):
            raise Refused(20001, f"Unknown parameters: {sorted(unknown)}")
        self._check_conditions(form)
        if problem := self.specification.problem(asked):
            raise Refused(20001, problem)
        self._check_values(form)

    def _check_conditions(self, form: dict[str, str]) -> None:
        """The specification's own extension: of each group one is needed."""
        codes = {"from": (21603, "A 'From' number"), "body": (21602, "Message body")}
        for group in self.specification.conditions(CREATE):
            if not any(form.get(_camel(name)) for name in group):
                code, what = codes[group[0]]
                raise Refused(code, f"{what} is required to send a message.")

    def _check_values(self, form: dict[str, str]) -> None:
        if len(form.get("Body", "")) > LONGEST_BODY:
            raise Refused(21617, f"The concatenated message body exceeds the {LONGEST_BODY} character limit.")
        if not E164.fullmatch(form["To"]):
            raise Refused(21211, f"The 'To' number {form['To']} is not a valid phone number.")
        if "From" in form and not E164.fullmatch(form["From"]):
            raise Refused(21212, f"The 'From' number {form['From']} is not a valid phone number.")
        if "ValidityPeriod" in form and not 1 <= int(form["ValidityPeriod"]) <= LONGEST_VALIDITY:
            raise Refused(20001, f"ValidityPeriod is from 1 to {LONGEST_VALIDITY}")
        if "StatusCallback" in form and not _is_callback(form["StatusCallback"]):
            raise Refused(21609, f"The StatusCallback URL {form['StatusCallback']} is not a valid URL.")

    def _resource(self, form: dict[str, str]) -> dict[str, Any]:
        sid, now = f"SM{secrets.token_hex(16)}", format_datetime(datetime.now(UTC))
        by_service = form.get("MessagingServiceSid")
        uri = f"/2010-04-01/Accounts/{self.account}/Messages/{sid}"
        return {
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": form.get("Body", ""),
            "date_created": now,
            # It still waits: only what has left has a date.
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": form.get("From"),
            "messaging_service_sid": by_service,
            "num_media": "0",
            "num_segments": "0" if by_service else "1",
            "price": None,
            "price_unit": None,
            "sid": sid,
            "status": "accepted" if by_service else "queued",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": form["To"],
            "uri": f"{uri}.json",
        }

    # --------------------------------------------------------------------------------------------- read

    def _list(self, asked: Asked) -> Answer:
        if not self.is_light and (problem := self.specification.problem(asked)):
            raise Refused(20001, problem)
        size = int(asked.query.get("PageSize", 50))
        found = [each for each in reversed(self.messages) if _matches(each, asked.query)][:size]
        return Answer(
            200,
            {
                "messages": [_public(each) for each in found],
                "start": 0,
                "end": max(len(found) - 1, 0),
                "page": 0,
                "page_size": size,
                "uri": asked.target,
                "first_page_uri": asked.target,
                "next_page_uri": None,
                "previous_page_uri": None,
            },
        )

    def _fetch(self, sid: str) -> Answer:
        found = [each for each in self.messages if each["sid"] == sid]
        if not found:
            raise Refused(20404, f"The requested resource {sid} was not found", 404)
        return Answer(200, _public(found[0]))

    # ---------------------------------------------------------------------------------------- reporting

    def report(
        self, sid: str, status: str, *, error_code: int | None = None, at: str = ""
    ) -> requests.Response | None:
        """A message moves on, and its status callback says so. `at` is where its host really is, if it is not there."""
        with self._lock:
            message = next(each for each in self._accepted if each["sid"] == sid)
            message |= {"status": status, "error_code": error_code}
            message["date_sent"] = message["date_sent"] or format_datetime(datetime.now(UTC))
        if not (url := message["form"].get("StatusCallback")):
            return None
        return self.post(url, self.callback(message), at=at)

    def callback(self, message: dict[str, Any]) -> dict[str, str]:
        given = {
            "MessageSid": message["sid"],
            "SmsSid": message["sid"],
            "AccountSid": self.account,
            "MessagingServiceSid": message["messaging_service_sid"],
            "From": message["from"] or self.number,
            "To": message["to"],
            "MessageStatus": message["status"],
            "SmsStatus": message["status"],
            "ErrorCode": message["error_code"],
            "ApiVersion": "2010-04-01",
        }
        return {name: str(value) for name, value in given.items() if value is not None}

    def inbound(self, body: str, *, of: str, **more: str) -> dict[str, str]:
        """The form of a text that somebody wrote to us; `OptOutType` comes with `more`."""
        sid = f"SM{secrets.token_hex(16)}"
        return {
            "MessageSid": sid,
            "SmsSid": sid,
            "SmsMessageSid": sid,
            "AccountSid": self.account,
            "MessagingServiceSid": self.service,
            "From": of,
            "To": self.number,
            "Body": body,
            "NumMedia": "0",
            "NumSegments": "1",
            "ApiVersion": "2010-04-01",
            **more,
        }

    def post(self, url: str, form: dict[str, str], *, at: str = "") -> requests.Response:
        """A signed post to a webhook, signed for `url` even if it is reached `at` another base address."""
        target = f"{at}{urlsplit(url)._replace(scheme='', netloc='').geturl()}" if at else url
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": twilio_signature(url, form, self.token),
            "I-Twilio-Idempotency-Token": secrets.token_hex(16),
        }
        return requests.post(target, data=urlencode(form), headers=headers, timeout=15)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _is_callback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "_" not in (parts.hostname or "")


def _public(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in ("form", "created_at")}


def _matches(message: dict[str, Any], query: dict[str, str]) -> bool:
    if any(message[name.lower()] != query[name] for name in ("To", "From") if name in query):
        return False
    sent = message["date_sent"]
    since, until = query.get("DateSent>"), query.get("DateSent<")
    if sent is None:
        # The documents do not say where a message without a date stands; whoever asks must not count on it.
        return not (since or until)
    at = parsedate_to_datetime(sent)
    return (not since or at >= _instant(since)) and (not until or at <= _instant(until))


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
