"""Texts by the official client over real HTTP, to a double that keeps to Twilio's specification."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from reminders import transports
from reminders.models import Channel
from reminders.transports import web
from reminders.transports.base import Fault, NotKnownYet, Receipt, TransportError
from reminders.transports.twilio import is_local, validity
from tests.contracts.twilio_double import TwilioDouble
from tests.reminders.envelopes import NUMBER, REFERENCE, WORDS, failed, sent, text

A_MINUTE = timedelta(minutes=1)


def found(envelope=None, *, began: datetime | None = None, later: timedelta = A_MINUTE) -> Receipt | None:
    began = began or datetime.now(UTC)
    transport = transports.of(Channel.PHONE)
    return transport.find(envelope or text(), handed_over_at=began, now=began + later)


# ----------------------------------------------------------------------------------------------------- sending


def test_text_goes_out_by_the_messaging_service(twilio: TwilioDouble, settings):
    settings.PUBLIC_BASE_URL = "https://care.example.org"
    receipt = sent(text())
    [message] = twilio.messages
    assert receipt == Receipt(message["sid"])
    assert message["form"] == {
        "To": NUMBER,
        "Body": WORDS,
        "MessagingServiceSid": twilio.service,
        "ValidityPeriod": "7200",
        "StatusCallback": f"https://care.example.org/webhooks/twilio/status/?message={REFERENCE}",
    }


def test_text_goes_out_from_the_number_where_there_is_no_service(twilio: TwilioDouble, settings):
    settings.TWILIO_MESSAGING_SERVICE_SID = ""
    settings.TWILIO_FROM = twilio.number
    sent(text(is_wanted_for=None))
    form = twilio.messages[0]["form"]
    assert (form["From"], set(form) & {"MessagingServiceSid", "ValidityPeriod"}) == (twilio.number, set())


@pytest.mark.parametrize(
    ("wanted_for", "seconds"),
    [
        (timedelta(0), 1),
        (timedelta(seconds=-5), 1),
        (timedelta(seconds=90, milliseconds=900), 90),
        (timedelta(hours=10), 36_000),
        (timedelta(days=3), 36_000),
    ],
)
def test_validity_stays_within_what_twilio_takes(wanted_for: timedelta, seconds: int):
    assert validity(wanted_for) == seconds


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://care.localhost", True),
        ("https://care.example.org", False),
        ("https://10.1.2.3", False),
    ],
)
def test_no_callback_is_asked_for_at_an_address_of_this_machine(address: str, local: bool):
    assert is_local(address) is local


def test_providers_own_rule_for_callbacks_is_kept(settings):
    """Twilio itself refuses a callback to localhost; a double on this machine can reach it."""
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKENS = TwilioDouble.account, ["x"]
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    to_twilio = transports.of(Channel.PHONE)
    assert "status_callback" not in to_twilio._message(text())
    settings.TWILIO_API_BASE = "http://127.0.0.1:9"
    assert "status_callback" in transports.of(Channel.PHONE)._message(text())


def test_connection_is_kept_from_text_to_text_but_not_through_silence(twilio: TwilioDouble, settings):
    """Routers forget idle connections without a word, and what is sent into one seems lost on the way."""
    settings.PROVIDER_TIMEOUT_SECONDS = 9  # a transport of its own
    transport = transports.of(Channel.PHONE)
    for _ in range(3):
        transport.send(text())
    assert twilio.connections == 1
    transport._http.session.used_at -= web.IDLE_SECONDS + 1
    transport.send(text())
    assert (twilio.connections, len(twilio.messages)) == (2, 4)


# ---------------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (21211, Fault.ADDRESS),
        (21614, Fault.ADDRESS),
        (21635, Fault.ADDRESS),
        (21612, Fault.ADDRESS),
        (21610, Fault.OPT_OUT),
        (21617, Fault.MESSAGE),
        (21606, Fault.ACCOUNT),
        (21703, Fault.ACCOUNT),
        (29999, Fault.MESSAGE),
    ],
)
def test_codes_say_what_is_to_blame(twilio: TwilioDouble, code: int, fault: Fault):
    twilio.refuse(NUMBER, code)
    error = failed(text())
    assert (error.permanent, error.code, error.fault) == (True, str(code), fault)
    assert (error.may_have_been_sent, error.retry_after) == (False, None)


def test_setting_changes_what_a_code_means(twilio: TwilioDouble, settings):
    settings.TWILIO_CODES = {"29999": "retry", "21211": "message"}
    twilio.refuse(NUMBER, 29999)
    twilio.refuse("+12125550199", 21211)
    again, refused = failed(text()), failed(text(to="+12125550199"))
    assert (again.permanent, refused.permanent, refused.fault) == (False, True, Fault.MESSAGE)


@pytest.mark.parametrize("tokens", [["wrong"], [""], []])
def test_wrong_token_stops_the_account(twilio: TwilioDouble, settings, tokens: list[str]):
    settings.TWILIO_AUTH_TOKENS = tokens
    error = failed(text())
    assert (error.permanent, error.fault, error.code) == (True, Fault.ACCOUNT, "20003")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"Retry-After": "7"}, timedelta(seconds=7)), ({}, None), ({"Retry-After": "soon"}, None)],
)
def test_too_many_requests_wait_as_long_as_twilio_says(twilio: TwilioDouble, headers: dict, wait):
    twilio.trouble(status=429, headers=headers, body={"code": 20429, "message": "Too Many Requests"})
    error = failed(text())
    assert (error.permanent, error.may_have_been_sent, error.retry_after) == (False, False, wait)
    assert sent(text()).provider_id == twilio.messages[0]["sid"]


def test_wait_of_another_answer_is_not_taken_for_this_ones(twilio: TwilioDouble):
    twilio.trouble(status=429, headers={"Retry-After": "7"}, body={"code": 20429})
    twilio.trouble(drop=True)
    assert failed(text()).retry_after == timedelta(seconds=7)
    assert failed(text()).retry_after is None


@pytest.mark.parametrize(
    ("trouble", "may_have_been_sent"),
    [
        ({"status": 500, "body": {"code": 20500, "message": "Internal"}}, True),
        ({"status": 502, "body": "<html>Bad gateway</html>"}, True),
        ({"status": 504, "body": ""}, True),
        ({"status": 503, "body": {"code": 20503, "message": "Unavailable"}}, False),
        ({"status": 201, "body": "{"}, True),
        ({"status": 201, "body": "[]"}, True),
        ({"status": 201, "body": "null"}, True),
        ({"status": 201, "body": '{"status": "queued"}'}, True),
        ({"status": 201, "body": '{"sid": 5}'}, True),
        ({"status": 201, "body": '{"sid": "%s"}' % ("x" * 500)}, True),
        ({"drop": True, "after": True}, True),
        ({"drop": True}, True),
        ({"delay": 0.2, "after": True}, True),
    ],
)
def test_faults_on_the_way_are_tried_again(twilio: TwilioDouble, settings, trouble: dict, may_have_been_sent):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1
    twilio.trouble(**trouble)
    error = failed(text())
    assert (error.permanent, error.may_have_been_sent) == (False, may_have_been_sent)


def test_nobody_listening_means_that_nothing_was_sent(twilio: TwilioDouble, settings):
    settings.TWILIO_API_BASE = "http://127.0.0.1:9"
    error = failed(text())
    assert (error.permanent, error.may_have_been_sent) == (False, False)


def test_redirect_is_not_followed(twilio: TwilioDouble):
    """It would take the credentials elsewhere."""
    twilio.trouble(status=307, headers={"Location": f"{twilio.base}/elsewhere"})
    error = failed(text())
    assert (error.permanent, error.fault, twilio.asked) == (True, Fault.ACCOUNT, 1)


# ----------------------------------------------------------------------------------------------------- finding


def test_text_whose_answer_was_lost_is_found(twilio: TwilioDouble):
    twilio.trouble(drop=True, after=True)
    failed(text())
    assert found() == Receipt(twilio.messages[0]["sid"])


def test_text_that_never_arrived_is_not_found(twilio: TwilioDouble):
    sent(text(body="Northside: another text."))
    sent(text(to="+12125550199"))
    assert found() is None


def test_earlier_text_in_the_same_words_is_another(twilio: TwilioDouble):
    sent(text())
    assert found(began=datetime.now(UTC) + timedelta(minutes=5)) is None


def test_text_is_found_whatever_twilio_does_to_its_punctuation(twilio: TwilioDouble):
    """A trial account writes before it, smart encoding exchanges quotes and dashes."""
    sent(text(body="Sent from your Twilio trial account - Northside: don't forget - 9:00"))
    assert found(text(body="Northside: don’t forget – 9:00")) is not None
    assert found(text(body="Northside: don’t forget – 9:30")) is None


def test_list_is_not_asked_before_it_can_know(twilio: TwilioDouble):
    with pytest.raises(NotKnownYet) as caught:
        found(later=timedelta(seconds=5))
    assert (caught.value.retry_after, twilio.asked) == (timedelta(seconds=15), 0)


@pytest.mark.parametrize(
    "trouble", [{"status": 500}, {"drop": True}, {"status": 200, "body": "{"}, {"status": 200, "body": "[]"}]
)
def test_list_that_cannot_be_had_leaves_it_open(twilio: TwilioDouble, trouble: dict):
    twilio.trouble(method="GET", **trouble)
    with pytest.raises(TransportError) as caught:
        found()
    assert (caught.value.permanent, caught.value.may_have_been_sent) == (False, True)


def test_list_that_is_refused_stops_the_account(twilio: TwilioDouble, settings):
    settings.TWILIO_AUTH_TOKENS = ["wrong"]
    with pytest.raises(TransportError) as caught:
        found()
    error = caught.value
    assert (error.permanent, error.fault, error.may_have_been_sent) == (True, Fault.ACCOUNT, True)


def test_list_nobody_serves_leaves_it_open(settings):
    settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKENS = TwilioDouble.account, ["x"]
    settings.TWILIO_API_BASE = "http://127.0.0.1:9"
    with pytest.raises(TransportError) as caught:
        found()
    assert caught.value.may_have_been_sent


# -------------------------------------------------------------------------------------------- threads and logs


def test_threads_do_not_see_each_others_waiting_times(twilio: TwilioDouble):
    twilio.trouble(status=429, headers={"Retry-After": "7"}, body={"code": 20429}, share=0.5, times=None)
    waits: list[timedelta | None] = []
    ids: list[str] = []

    def work() -> None:
        for _ in range(10):
            try:
                ids.append(sent(text()).provider_id)
            except TransportError as error:
                waits.append(error.retry_after)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == sorted(message["sid"] for message in twilio.messages)
    assert (set(waits), len(waits) + len(ids)) == ({timedelta(seconds=7)}, 40)


def test_log_holds_neither_number_nor_words(twilio: TwilioDouble, caplog):
    caplog.set_level(logging.INFO)
    sent(text())
    found()
    assert [record.getMessage() for record in caplog.records] == []
