"""E-mails by the official client over real HTTP, to a double that keeps to SendGrid's specification."""

import base64
import logging
import time
from datetime import timedelta

import pytest

from reminders import transports
from reminders.models import Channel
from reminders.transports.base import Fault, NotKnownYet, Receipt
from tests.contracts.sendgrid_double import SendGridDouble, refusal
from tests.factories import NOW
from tests.reminders.envelopes import INVITATION, REFERENCE, email, failed, sent

UNSUBSCRIBE = "https://care.example.org/portal/unsubscribe/token/"


def test_email_carries_all_it_should(sendgrid: SendGridDouble):
    receipt = sent(email(unsubscribe_url=UNSUBSCRIBE))
    [message] = sendgrid.messages
    assert receipt == Receipt(message["x_message_id"])
    assert message["mail"] == {
        "personalizations": [
            {"to": [{"email": "ada@example.org"}], "custom_args": {"message": str(REFERENCE)}}
        ],
        "from": {"name": "Northside Care", "email": "appointments@northside.example.org"},
        "subject": "Your appointment at Café Northside",
        "content": [
            {"type": "text/plain", "value": "Dear Zoë, on Tuesday at 9:00."},
            {"type": "text/html", "value": "<p>Dear Zoë, on <b>Tuesday</b> at 9:00.</p>"},
        ],
        "attachments": [
            {
                "content": base64.b64encode(INVITATION.encode()).decode(),
                "filename": "invite.ics",
                "type": "text/calendar; method=REQUEST",
                "disposition": "attachment",
            }
        ],
        "headers": {
            "Message-ID": f"<{REFERENCE}@northside.example.org>",
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{UNSUBSCRIBE}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }


def test_plain_email_carries_no_more(sendgrid: SendGridDouble):
    sent(email(html="", invitation="", sender=""))
    mail = sendgrid.messages[0]["mail"]
    assert [part["type"] for part in mail["content"]] == ["text/plain"]
    assert mail["from"] == {"name": "Northside", "email": "appointments@northside.example.org"}
    assert (set(mail["headers"]), "attachments" in mail) == ({"Message-ID", "Auto-Submitted"}, False)


@pytest.mark.parametrize(("method", "named"), [("CANCEL", "CANCEL"), ("PUBLISH", "PUBLISH")])
def test_invitation_is_named_by_its_own_method(sendgrid: SendGridDouble, method: str, named: str):
    sent(email(invitation=INVITATION.replace("REQUEST", method)))
    assert sendgrid.messages[0]["mail"]["attachments"][0]["type"] == f"text/calendar; method={named}"


def test_connection_is_kept_from_email_to_email(sendgrid: SendGridDouble, settings):
    settings.PROVIDER_TIMEOUT_SECONDS = 9  # a transport of its own
    transport = transports.of(Channel.EMAIL)
    for _ in range(3):
        transport.send(email())
    assert (len(sendgrid.messages), sendgrid.connections) == (3, 1)


# ---------------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("status", "field", "fault"),
    [
        (400, None, Fault.MESSAGE),
        (400, "personalizations.0.to.0.email", Fault.ADDRESS),
        (400, "from.email", Fault.ACCOUNT),
        (401, None, Fault.ACCOUNT),
        (403, "from", Fault.ACCOUNT),
        (404, None, Fault.ACCOUNT),
        (413, None, Fault.MESSAGE),
    ],
)
def test_refusals_say_what_is_to_blame(
    sendgrid: SendGridDouble, status: int, field: str | None, fault: Fault
):
    sendgrid.trouble(status=status, body=refusal(status, "No, thank you.", field).body)
    error = failed(email())
    assert (error.permanent, error.fault, error.code) == (True, fault, str(status))
    assert (str(error), error.may_have_been_sent) == (f"SendGrid answered {status}: No, thank you.", False)


@pytest.mark.parametrize("address", ["nobody", "no body@example.org", "ada@nowhere", "Ada <ada@example.org>"])
def test_address_that_is_none_is_to_blame_itself(sendgrid: SendGridDouble, address: str):
    error = failed(email(to=address))
    assert (error.permanent, error.fault) == (True, Fault.ADDRESS)


def test_wrong_key_stops_the_account(sendgrid: SendGridDouble, settings):
    settings.SENDGRID_API_KEY = "SG.wrong"
    assert failed(email()).fault is Fault.ACCOUNT


def test_email_without_subject_is_refused_for_good(sendgrid: SendGridDouble):
    error = failed(email(subject=""))
    assert (error.permanent, error.fault, sendgrid.messages) == (True, Fault.MESSAGE, [])


@pytest.mark.parametrize(
    ("reset", "least", "most"),
    [(30, 25, 30), (-60, 0, 0), (10**6, 3600, 3600), (10**30, 3600, 3600)],
)
def test_too_many_requests_wait_for_the_reset(sendgrid: SendGridDouble, reset: int, least: int, most: int):
    sendgrid.trouble(status=429, headers={"X-RateLimit-Reset": str(int(time.time()) + reset)})
    error = failed(email())
    assert (error.permanent, error.may_have_been_sent) == (False, False)
    assert timedelta(seconds=least) <= error.retry_after <= timedelta(seconds=most)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e9", "²"])
def test_waiting_time_that_cannot_be_read_is_none(sendgrid: SendGridDouble, value: str):
    headers = {
        "X-RateLimit-Reset": value.encode().decode("latin-1"),
        "Retry-After": value.encode().decode("latin-1"),
    }
    sendgrid.trouble(status=429, headers=headers)
    assert failed(email()).retry_after is None


def test_waiting_time_may_be_a_date(sendgrid: SendGridDouble):
    sendgrid.trouble(status=503, headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})
    error = failed(email())
    assert (error.may_have_been_sent, error.retry_after) == (False, timedelta(hours=1))


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500, "body": "[]"},
        {"status": 502, "body": "<html>Bad gateway</html>"},
        {"status": 504},
        {"status": 200, "body": "<html>Please sign in to the network</html>"},
        {"drop": True, "after": True},
        {"drop": True},
        {"delay": 0.2, "after": True},
    ],
)
def test_faults_on_the_way_leave_it_open(sendgrid: SendGridDouble, settings, trouble: dict):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1
    sendgrid.trouble(**trouble)
    error = failed(email())
    assert (error.permanent, error.may_have_been_sent) == (False, True)


@pytest.mark.parametrize("body", ["{", "[]", '{"errors": null}', '{"errors": ["no"]}', '{"errors": [{}]}'])
def test_refusal_in_words_that_cannot_be_read_is_one(sendgrid: SendGridDouble, body: str):
    sendgrid.trouble(status=400, body=body)
    error = failed(email())
    assert (error.permanent, error.fault) == (True, Fault.MESSAGE)


def test_nobody_listening_means_that_nothing_was_sent(sendgrid: SendGridDouble, settings):
    settings.SENDGRID_API_BASE = "http://127.0.0.1:9"
    error = failed(email())
    assert (error.permanent, error.may_have_been_sent) == (False, False)


def test_redirect_is_not_followed(sendgrid: SendGridDouble):
    sendgrid.trouble(status=302, headers={"Location": f"{sendgrid.base}/elsewhere"})
    error = failed(email())
    assert (error.permanent, error.fault, sendgrid.asked) == (True, Fault.ACCOUNT, 1)


# ----------------------------------------------------------------------------------------------------- finding


def test_whether_it_was_sent_is_open_while_an_event_may_come(sendgrid: SendGridDouble, settings):
    settings.SENDGRID_EVENT_MINUTES = 15
    transport = transports.of(Channel.EMAIL)
    with pytest.raises(NotKnownYet) as caught:
        transport.find(email(), handed_over_at=NOW, now=NOW + timedelta(minutes=14))
    assert caught.value.retry_after == timedelta(minutes=1)
    assert transport.find(email(), handed_over_at=NOW, now=NOW + timedelta(minutes=15)) is None
    assert sendgrid.asked == 0


def test_log_holds_neither_key_nor_words(sendgrid: SendGridDouble, caplog):
    caplog.set_level(logging.INFO)
    sent(email())
    assert [record.getMessage() for record in caplog.records] == []
    for name in ("python_http_client.client", "twilio.http_client", "urllib3.connectionpool"):
        assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
