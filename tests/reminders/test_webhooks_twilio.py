"""Twilio's webhooks through the real views: who is let in, and that nothing is kept of those who are not."""

import base64
import logging
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from django.test import Client

from reminders.models import Channel, ConsentLog, DeliveryReport, InboundText, Message
from reminders.webhooks.twilio import LONGEST, cause_of
from tests import factories as make
from tests.contracts import signing
from tests.reminders import hooks
from tests.reminders.hooks import BASE, FORM, INBOUND, OLD_TOKEN, SIGNED, STATUS, TOKEN, answers, raw, twilio
from tests.reminders.sending import message

pytestmark = pytest.mark.django_db

NUMBER = "+12125550143"
TEXT = {
    "MessageSid": "SM0123456789abcdef0123456789abcdef",
    "AccountSid": "AC0123456789abcdef0123456789abcdef",
    "From": NUMBER,
    "To": "+12125550100",
    "Body": "STOP",
    "NumMedia": "0",
}
SENT = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": NUMBER, "From": "+12125550100"}


@pytest.fixture(autouse=True)
def _account(settings) -> None:
    settings.PUBLIC_BASE_URL = BASE
    settings.TWILIO_AUTH_TOKENS = [TOKEN, OLD_TOKEN]


@pytest.fixture
def texted() -> Message:
    return message(channel=Channel.PHONE, address=NUMBER)


def status_of(row: Message) -> str:
    return f"{STATUS}?message={row.reference}"


def kept() -> tuple[int, int, int]:
    return InboundText.objects.count(), DeliveryReport.objects.count(), ConsentLog.objects.count()


# ---------------------------------------------------------------------------------------------------- who is let in


def test_a_signed_text_is_kept_and_acted_upon():
    assert answers(twilio(INBOUND, TEXT)) == []
    text = InboundText.objects.get()
    assert (text.provider_id, text.address, text.meaning) == (TEXT["MessageSid"], NUMBER, "stop")
    assert kept() == (1, 0, 1)


def test_a_signed_status_is_kept(texted):
    assert twilio(status_of(texted), SENT).status_code == 204
    report = DeliveryReport.objects.get()
    assert (report.message, report.transport, report.status, report.delivery, report.event_id) == (
        texted,
        "twilio",
        "delivered",
        "delivered",
        "SM1:delivered",
    )


@pytest.mark.parametrize("token", [TOKEN, OLD_TOKEN])
def test_a_token_that_is_being_replaced_still_signs(token):
    assert answers(twilio(INBOUND, TEXT, token=token)) == []
    assert kept() == (1, 0, 1)


@pytest.mark.parametrize(
    "extra",
    [
        {"Tomorrow": "unknown today", "Another+One": "a & b"},
        {"Body": "Sí 🌱 ¿mañana? +1 a=b&c"},
        {"Body": " STOP \n"},
        {"ProfileName": ["Ada", "Ben", "Ada"]},
        {"Body": ""},
    ],
)
def test_every_field_counts_known_or_not(extra):
    assert answers(twilio(INBOUND, TEXT | extra)) is not None
    assert InboundText.objects.count() == 1
    dropped = {name: value for name, value in (TEXT | extra).items() if name != next(iter(extra))}
    signature = signing.twilio_signature(BASE + INBOUND, TEXT | extra, TOKEN)
    assert raw(INBOUND, urlencode(dropped), {SIGNED: signature}, content_type=FORM).status_code == 403
    assert InboundText.objects.count() == 1


def forged(texted: Message) -> dict[str, object]:
    """Requests that look right but for one thing."""
    right = signing.twilio_signature(BASE + INBOUND, TEXT, TOKEN)
    other = str(uuid4())
    return {
        "no signature": raw(INBOUND, urlencode(TEXT), {}, content_type=FORM),
        "empty signature": raw(INBOUND, urlencode(TEXT), {SIGNED: ""}, content_type=FORM),
        "not ASCII": raw(INBOUND, urlencode(TEXT), {SIGNED: "é" * 28}, content_type=FORM),
        "wrong token": twilio(INBOUND, TEXT, token="wrong"),
        "empty token": twilio(INBOUND, TEXT, token=""),
        "changed field": raw(
            INBOUND, urlencode(TEXT | {"From": "+12125550999"}), {SIGNED: right}, content_type=FORM
        ),
        "added field": raw(
            INBOUND, urlencode(TEXT | {"OptOutType": "START"}), {SIGNED: right}, content_type=FORM
        ),
        "other path": twilio(INBOUND, SENT | TEXT, signed=BASE + STATUS),
        "other query": twilio(status_of(texted), SENT, signed=f"{BASE}{STATUS}?message={other}"),
        "no query": twilio(status_of(texted), SENT, signed=BASE + STATUS),
        "plain http": twilio(INBOUND, TEXT, signed="http://care.example.org" + INBOUND),
        "the host it was asked by": twilio(INBOUND, TEXT, signed="http://testserver" + INBOUND),
        "the hash of a body": twilio(f"{INBOUND}?bodySHA256={'0' * 64}", TEXT, signed=BASE + INBOUND),
        "upside down": raw(
            INBOUND,
            urlencode(TEXT),
            {SIGNED: base64.b64encode(base64.b64decode(right)[::-1]).decode()},
            content_type=FORM,
        ),
    }


def test_what_is_forged_is_refused_and_nothing_is_kept(texted):
    refused = {name: response.status_code for name, response in forged(texted).items()}
    assert set(refused.values()) == {403}, refused
    assert kept() == (0, 0, 0)
    texted.refresh_from_db()
    assert (texted.state, texted.delivery) == ("pending", "")


@pytest.mark.parametrize("tokens", [[], [""]])
def test_without_a_token_nothing_is_let_in(settings, tokens):
    settings.TWILIO_AUTH_TOKENS = tokens
    assert twilio(INBOUND, TEXT).status_code == 403
    assert twilio(INBOUND, TEXT, token="").status_code == 403
    assert kept() == (0, 0, 0)


def test_only_forms_are_read():
    json_signed = signing.twilio_signature(BASE + INBOUND, {}, TOKEN)
    for content_type in ("application/json", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = raw(INBOUND, "{}", {SIGNED: json_signed}, content_type=content_type)
        assert answer.status_code == 415
    # The charset is refused before the view is asked.
    latin = raw(INBOUND, urlencode(TEXT), {SIGNED: json_signed}, content_type=f"{FORM}; charset=latin-1")
    assert latin.status_code == 415
    assert kept() == (0, 0, 0)


def test_only_posts_are_answered(texted):
    for path in (INBOUND, status_of(texted)):
        signature = signing.twilio_signature(BASE + path, {}, TOKEN)
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
            answer = Client().generic(method, path, headers={SIGNED: signature})
            assert answer.status_code == 405
    assert kept() == (0, 0, 0)


def test_what_is_too_large_is_not_looked_at():
    assert twilio(INBOUND, TEXT | {"Body": "x" * LONGEST}).status_code == 413
    assert twilio(INBOUND, TEXT | {"Body": "x" * 3_000_000}).status_code == 400
    assert twilio(INBOUND, {f"f{n}": "" for n in range(1_500)}).status_code == 400
    assert kept() == (0, 0, 0)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (INBOUND, {name: value for name, value in TEXT.items() if name != "MessageSid"}),
        (INBOUND, TEXT | {"MessageSid": "SM;DROP"}),
        (INBOUND, TEXT | {"MessageSid": "S" * 65}),
        (STATUS, {"MessageSid": "SM1"}),
        (STATUS, {"MessageStatus": "delivered"}),
    ],
)
def test_signed_forms_without_what_they_are_about_are_refused(path, form):
    assert twilio(path, form).status_code == 400
    assert kept() == (0, 0, 0)


def test_the_port_of_the_address_makes_no_difference():
    assert answers(twilio(INBOUND, TEXT, signed="https://care.example.org:443" + INBOUND)) == []
    assert kept() == (1, 0, 1)


# --------------------------------------------------------------------------------------------------- once, and safely


def test_a_text_that_is_delivered_twice_counts_once():
    ada = make.customer(phone=NUMBER)
    first = twilio(INBOUND, TEXT | {"Body": "ALTO"})
    [answer] = answers(first)
    before = kept()
    assert answers(twilio(INBOUND, TEXT | {"Body": "ALTO"})) == [answer]
    assert kept() == before == (1, 0, 1)
    assert ConsentLog.objects.get().customer == ada


def test_a_status_that_is_delivered_twice_counts_once(texted):
    for _ in range(3):
        assert twilio(status_of(texted), SENT).status_code == 204
    assert kept() == (0, 1, 0)


@pytest.mark.parametrize(
    "query",
    ["", "?message=", "?message=nonsense", "?message=0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10", "?other=1"],
)
def test_a_status_of_no_message_of_ours_is_accepted_and_logged_without_its_number(query, caplog):
    caplog.set_level(logging.INFO)
    assert twilio(STATUS + query, SENT).status_code == 204
    assert kept() == (0, 0, 0)
    assert "twilio reports on a message that is not ours: 'SM1'" in caplog.text
    assert NUMBER not in caplog.text


def test_a_status_is_found_by_the_provider_s_name_too(texted):
    Message.objects.filter(pk=texted.pk).update(provider_id="SM1", state="done", settled_at=make.NOW)
    assert twilio(STATUS, SENT).status_code == 204
    assert DeliveryReport.objects.get().message == texted


def test_a_status_does_not_settle_an_email():
    email = message()
    assert twilio(status_of(email), SENT).status_code == 204
    assert kept() == (0, 0, 0)


def test_what_comes_from_no_number_is_accepted_and_not_kept():
    for sender in ("", "72345", "SecureCare", "whatsapp:+12125550143", "+0123", "+1212555014312345"):
        assert answers(twilio(INBOUND, TEXT | {"From": sender})) == []
    assert kept() == (0, 0, 0)


def test_a_text_leaves_no_trace_in_the_log(caplog):
    caplog.set_level(logging.DEBUG)
    twilio(INBOUND, TEXT | {"Body": "My diagnosis is private", "MessageSid": "SM77"})
    assert InboundText.objects.filter(provider_id="SM77").exists()
    for secret in ("diagnosis", NUMBER, TOKEN):
        assert secret not in caplog.text


def test_a_text_of_nulls_and_halves_of_letters_is_kept():
    body = "STOP\x00"
    assert answers(twilio(INBOUND, TEXT | {"Body": body})) == []
    assert ConsentLog.objects.get().wording == "STOP"
    broken = raw(INBOUND, b"Body=%ED%A0%80&MessageSid=SM9", {SIGNED: "x"}, content_type=FORM)
    assert broken.status_code == 403


# ----------------------------------------------------------------------------------------------------- what it means


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        ("accepted", ""),
        ("queued", ""),
        ("sending", ""),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "delivered"),
        ("undelivered", "failed"),
        ("failed", "failed"),
        ("canceled", "failed"),
        ("something-new", ""),
    ],
)
def test_statuses_in_our_words(texted, status, delivery):
    assert twilio(status_of(texted), SENT | {"MessageStatus": status}).status_code == 204
    report = DeliveryReport.objects.get()
    assert (report.status, report.delivery) == (status, delivery)


def test_a_code_is_kept_with_words_for_it(texted):
    failed = SENT | {"MessageStatus": "undelivered", "ErrorCode": "30005"}
    assert twilio(status_of(texted), failed).status_code == 204
    report = DeliveryReport.objects.get()
    assert (report.code, report.detail) == ("30005", "The number is unknown, or no longer in service.")


def test_the_setting_gives_codes_another_cause(settings):
    assert [cause_of(code).value for code in ("30003", "30005", "99999", "")] == [
        "retry",
        "address",
        "message",
        "message",
    ]
    settings.TWILIO_CODES = {"30003": "address", "99999": "retry"}
    assert [cause_of(code).value for code in ("30003", "30005", "99999")] == ["address", "address", "retry"]


def test_our_own_callback_address_leads_here(texted):
    from reminders.transports.twilio import status_path

    assert status_path(texted.reference) == status_of(texted) == hooks.STATUS + f"?message={texted.reference}"
