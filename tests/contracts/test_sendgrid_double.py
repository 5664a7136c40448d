"""The double refuses what SendGrid documents to refuse: else tests against it would prove nothing."""

from typing import Any

import pytest
from sendgrid.helpers.eventwebhook import EventWebhook

from tests.contracts.conversation import encoded, mail, send
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.signing import SIGNATURE, TIMESTAMP

TEXT, HTML = {"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}


def to(*addresses: str, **more: Any) -> list[dict[str, Any]]:
    return [{"to": [{"email": address} for address in addresses], **more}]


def test_takes_an_email_and_keeps_it(sendgrid: SendGridDouble):
    given = mail(content=[TEXT, HTML], headers={"Message-ID": "<1@example.org>"})
    answer = send(sendgrid, given)
    assert (answer.status_code, answer.content) == (202, b"")
    assert [(each["x_message_id"], each["mail"]) for each in sendgrid.messages] == [
        (answer.headers["X-Message-Id"], given)
    ]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"subjects": "Hello"}, None),
        ({"tracking_settings": {"click_tracking": {"enabled": False}}}, None),
        ({"custom_args": {"message": "1"}}, None),
        ({"from": None}, "from.email"),
        ({"subject": None}, "subject"),
        ({"content": None}, "content"),
        ({"content": [HTML, TEXT]}, "content"),
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": to("nobody")}, "personalizations.0.to.0.email"),
        ({"personalizations": to("a@example.org", "A@example.org")}, "personalizations.0"),
        (
            {"personalizations": to("a@example.org", custom_args={"message": 1})},
            "personalizations.0.custom_args",
        ),
        ({"attachments": [{"content": "no base64!", "filename": "a.ics"}]}, "attachments.0.content"),
        ({"headers": {"Reply-To": "b@example.org"}}, "headers.Reply-To"),
        ({"headers": {"X-Note": "é"}}, "headers.X-Note"),
    ],
)
def test_refuses_what_the_contract_does_not_allow(sendgrid: SendGridDouble, changed: dict, field: str | None):
    answer = send(sendgrid, mail(**changed))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert sendgrid.messages == []


def test_takes_an_attachment_in_base64(sendgrid: SendGridDouble):
    part = {
        "content": encoded("BEGIN:VCALENDAR"),
        "filename": "a.ics",
        "type": "text/calendar; method=REQUEST",
    }
    assert send(sendgrid, mail(attachments=[part])).status_code == 202


@pytest.mark.parametrize(
    ("given", "key", "status"), [(mail(), "SG.wrong", 401), (b"{", "", 400), ([], "", 400)]
)
def test_refuses_strangers_and_what_is_no_email(sendgrid: SendGridDouble, given: Any, key: str, status: int):
    assert (send(sendgrid, given, key=key).status_code, sendgrid.messages) == (status, [])


def test_signs_its_events_as_sendgrid_does(sendgrid: SendGridDouble):
    send(sendgrid, mail(personalizations=to("ada@example.org", custom_args={"message": "1"})))
    event = sendgrid.event(sendgrid.messages[0], "bounce", reason="550 unknown")
    asked = sendgrid.post(f"{sendgrid.base}/elsewhere", [event]).request
    assert (event["message"], event["event"], event["reason"]) == ("1", "bounce", "550 unknown")
    check = EventWebhook(sendgrid.public_key).verify_signature
    assert check(asked.body.decode(), asked.headers[SIGNATURE], asked.headers[TIMESTAMP])
    assert not check(asked.body.decode() + " ", asked.headers[SIGNATURE], asked.headers[TIMESTAMP])
