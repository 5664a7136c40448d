"""The double refuses what Twilio documents to refuse: else tests against it would prove nothing."""

import threading

import pytest
import requests
from twilio.request_validator import RequestValidator

from tests.contracts.conversation import CUSTOMER, text
from tests.contracts.twilio_double import TwilioDouble


def test_takes_a_message_and_keeps_it(twilio: TwilioDouble):
    answer = text(twilio, ValidityPeriod=600, StatusCallback="https://care.example.org/status/")
    assert (answer.status_code, answer.json()["status"]) == (201, "accepted")
    assert [(each["to"], each["body"]) for each in twilio.messages] == [(CUSTOMER, "Hello")]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"Boddy": "Hello"}, 20001),
        ({"ScheduleType": "tomorrow"}, 20001),
        ({"MessagingServiceSid": "MG1"}, 20001),
        ({"To": None}, 20001),
        ({"MessagingServiceSid": None}, 21603),
        ({"Body": None}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"To": "212-555-0143"}, 21211),
        ({"MessagingServiceSid": None, "From": "12125550100"}, 21212),
        ({"ValidityPeriod": 0}, 20001),
        ({"ValidityPeriod": 36_001}, 20001),
        ({"ValidityPeriod": "soon"}, 20001),
        ({"StatusCallback": "https://under_score.example.org/"}, 21609),
    ],
)
def test_refuses_what_the_contract_does_not_allow(twilio: TwilioDouble, form: dict, code: int):
    answer = text(twilio, **form)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert twilio.messages == []


def test_refuses_whoever_is_not_signed_in(twilio: TwilioDouble):
    answer = text(twilio, token="wrong")
    assert (answer.status_code, answer.json()["code"], twilio.messages) == (401, 20003, [])


def test_lists_by_number_and_leaves_out_what_waits_where_a_date_is_asked_for(twilio: TwilioDouble):
    first, second = (text(twilio, Body=body).json() for body in ("One", "Two"))
    text(twilio, To="+12125550199")
    twilio.report(first["sid"], "sent")
    address = f"{twilio.base}/2010-04-01/Accounts/{twilio.account}/Messages"
    sign_in = (twilio.account, twilio.token)

    def listed(**query: str) -> list[str]:
        found = requests.get(f"{address}.json", params=query, auth=sign_in, timeout=5).json()["messages"]
        return [each["body"] for each in found]

    assert listed(To=CUSTOMER) == ["Two", "One"]
    assert listed(To=CUSTOMER, **{"DateSent>": "2020-01-01T00:00:00Z"}) == ["One"]
    fetched = requests.get(f"{address}/{second['sid']}.json", auth=sign_in, timeout=5).json()
    assert (fetched["body"], fetched["status"]) == ("Two", "accepted")


def test_takes_from_many_at_once(twilio: TwilioDouble):
    threads = [threading.Thread(target=text, args=[twilio], kwargs={"Body": str(at)}) for at in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(each["body"]) for each in twilio.messages) == list(range(20))


def test_makes_the_troubles_it_is_told_to(twilio: TwilioDouble):
    twilio.trouble(status=429, body={"code": 20429}, headers={"Retry-After": "7"})
    requests.post(f"{twilio.base}/_double/trouble", json={"drop": True, "after": True}, timeout=5)
    busy = text(twilio, Body="One")
    with pytest.raises(requests.ConnectionError):
        text(twilio, Body="Two")
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
    assert text(twilio, Body="Three").status_code == 201
    kept = requests.get(f"{twilio.base}/_double/messages", timeout=5).json()["messages"]
    assert [each["body"] for each in kept] == ["Two", "Three"]


def test_signs_its_callbacks_as_twilio_does(twilio: TwilioDouble):
    """Sent to the double itself, which answers 404 to it: what counts is that the official check takes the signature."""
    sid = text(twilio, StatusCallback="https://care.example.org/status/?message=x").json()["sid"]
    answer = twilio.report(sid, "undelivered", error_code=30005, at=twilio.base)
    assert answer is not None
    form = twilio.callback(twilio.messages[0])
    assert (form["MessageStatus"], form["ErrorCode"]) == ("undelivered", "30005")
    url = "https://care.example.org/status/?message=x"
    signature = answer.request.headers["X-Twilio-Signature"]
    assert RequestValidator(twilio.token).validate(url, form, signature)
    assert not RequestValidator(twilio.token).validate(url, {**form, "MessageStatus": "delivered"}, signature)
