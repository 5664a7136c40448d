"""SendGrid's signed event webhook through the real view."""

import base64
import json
import logging
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from reminders.models import Channel, ConsentLog, DeliveryReport, Message
from reminders.transports import sendgrid as transport
from reminders.webhooks.sendgrid import LONGEST, REFERENCE
from tests import factories as make
from tests.contracts import signing
from tests.contracts.signing import SIGNATURE, TIMESTAMP
from tests.reminders.hooks import BASE, EVENTS, raw, sendgrid
from tests.reminders.sending import message

pytestmark = pytest.mark.django_db

KEY, PUBLIC = signing.new_sendgrid_key()
OTHER_KEY, OTHER_PUBLIC = signing.new_sendgrid_key()
HOUR = 3600


@pytest.fixture(autouse=True)
def _account(settings) -> None:
    settings.PUBLIC_BASE_URL = BASE
    settings.SENDGRID_WEBHOOK_KEYS = [PUBLIC]


@pytest.fixture
def mailed() -> Message:
    return message(channel=Channel.EMAIL, address="ada@example.org")


def event(of: Message | None, said: str = "delivered", **fields) -> dict:
    return {
        "email": "ada@example.org",
        "timestamp": int(time.time()),
        "event": said,
        "sg_event_id": f"{said}-1",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        "message": str(of.reference) if of else str(uuid4()),
        **fields,
    }


def kept() -> tuple[int, int]:
    return DeliveryReport.objects.count(), ConsentLog.objects.count()


def test_a_signed_batch_is_kept(mailed):
    batch = [
        event(mailed, "processed"),
        event(mailed, "delivered", response="250 OK", timestamp=1_795_000_000),
    ]
    assert sendgrid(batch, KEY).status_code == 204
    reports = {report.status: report for report in DeliveryReport.objects.all()}
    assert {name: report.delivery for name, report in reports.items()} == {
        "processed": "sent",
        "delivered": "delivered",
    }
    assert reports["delivered"].detail == "250 OK"
    assert reports["delivered"].at <= reports["delivered"].received_at
    mailed.refresh_from_db()
    assert (mailed.state, mailed.delivery, mailed.provider_id) == ("done", "delivered", "14c5d75ce93")


def test_when_it_happened_is_what_sendgrid_says_but_not_the_future(mailed):
    stamp = int(time.time())
    sendgrid([event(mailed, "processed", timestamp=stamp - HOUR), event(mailed, timestamp=stamp + HOUR)], KEY)
    first, second = DeliveryReport.objects.order_by("pk")
    assert first.at == datetime.fromtimestamp(stamp - HOUR, UTC)
    assert second.at == second.received_at


def test_a_key_that_is_being_replaced_still_opens(settings, mailed):
    settings.SENDGRID_WEBHOOK_KEYS = [PUBLIC, OTHER_PUBLIC]
    assert sendgrid([event(mailed)], OTHER_KEY).status_code == 204
    assert kept() == (1, 0)


def rsa_key() -> str:
    public = rsa.generate_private_key(65537, 2048).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def test_without_a_key_or_with_a_bad_one_nothing_is_let_in(settings, mailed):
    for keys in ([], [""], ["no base64 at all"], [base64.b64encode(b"no key").decode()], [rsa_key()]):
        settings.SENDGRID_WEBHOOK_KEYS = keys
        assert sendgrid([event(mailed)], KEY).status_code == 403
    settings.SENDGRID_WEBHOOK_KEYS = ["no base64 at all", PUBLIC]
    assert sendgrid([event(mailed)], KEY).status_code == 204


def test_what_is_forged_is_refused_and_nothing_is_kept(mailed):
    body = json.dumps([event(mailed)]).encode()
    right = signing.sendgrid_headers(body, KEY)
    later = str(int(right[TIMESTAMP]) + 1)
    der = base64.b64decode(right[SIGNATURE])
    wrong = {
        "no headers": ({}, body),
        "no signature": ({TIMESTAMP: right[TIMESTAMP]}, body),
        "no timestamp": ({SIGNATURE: right[SIGNATURE]}, body),
        "another timestamp": (right | {TIMESTAMP: later}, body),
        "no number": (right | {TIMESTAMP: "today"}, body),
        "a huge number": (right | {TIMESTAMP: "9" * 30}, body),
        "no base64": (right | {SIGNATURE: "%%%"}, body),
        "not ASCII": (right | {SIGNATURE: "é"}, body),
        "no DER": (right | {SIGNATURE: base64.b64encode(b"nothing").decode()}, body),
        "empty": (right | {SIGNATURE: ""}, body),
        "cut off": (right | {SIGNATURE: base64.b64encode(der[:-3]).decode()}, body),
        "another key": (signing.sendgrid_headers(body, OTHER_KEY), body),
        "another body": (right, body.replace(b"delivered", b"bounce")),
        "written anew": (right, json.dumps(json.loads(body), indent=1).encode()),
        "no text": (right, b"\xff\xfe" + body),
    }
    refused = {
        name: raw(EVENTS, posted, headers, content_type="application/json").status_code
        for name, (headers, posted) in wrong.items()
    }
    assert set(refused.values()) == {403}, refused
    assert kept() == (0, 0)
    mailed.refresh_from_db()
    assert mailed.state == "pending"


@pytest.mark.parametrize(
    ("age", "status"),
    [(0, 204), (25 * HOUR, 204), (26 * HOUR + 60, 403), (-9 * 60, 204), (-11 * 60, 403)],
)
def test_a_signature_grows_old(mailed, age, status):
    assert sendgrid([event(mailed)], KEY, age=age).status_code == status
    assert kept() == ((1, 0) if status == 204 else (0, 0))


def test_a_batch_that_is_replayed_changes_nothing(mailed):
    body = json.dumps([event(mailed, "delivered"), event(mailed, "spamreport")]).encode()
    headers = signing.sendgrid_headers(body, KEY)
    for _ in range(3):
        assert raw(EVENTS, body, headers, content_type="application/json").status_code == 204
    assert kept() == (2, 1)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"{}", b'"text"', b"1", b"[" * 100_000, b'[{"a": 1', b"\xff\xfe"],
)
def test_signed_nonsense_is_refused(body):
    assert sendgrid(body, KEY).status_code in (400, 403)
    assert kept() == (0, 0)


def test_one_event_that_cannot_be_read_does_not_lose_the_others(mailed, caplog):
    nonsense = [
        None,
        1,
        "text",
        [],
        {},
        {"event": "delivered"},
        event(mailed, sg_event_id=""),
        event(mailed, sg_event_id=7),
        event(mailed, sg_event_id="x" * 200),
        event(mailed, sg_event_id="a\x00b"),
        event(mailed, timestamp="soon"),
        event(mailed, timestamp=10**30),
        event(mailed, timestamp=None),
        event(mailed, message="no reference"),
        event(mailed, message=["x"]),
    ]
    batch = [event(mailed, "processed"), *nonsense, event(mailed, "delivered")]
    assert sendgrid(batch, KEY).status_code == 204
    assert set(DeliveryReport.objects.values_list("status", flat=True)) == {"processed", "delivered"}
    assert caplog.text.count("An event of SendGrid's cannot be read") == len(nonsense)
    assert "ada@example.org" not in caplog.text


def test_words_that_no_database_keeps_are_cleaned(mailed):
    odd = event(
        mailed, "deferred", reason="full\x00 \ud800 box\r\n", status="4.2.2\x00", sg_message_id="a\x00b.c"
    )
    assert sendgrid([odd], KEY).status_code == 204
    report = DeliveryReport.objects.get()
    assert (report.detail, report.code) == ("full  box", "4.2.2")


def test_events_of_no_message_of_ours_are_accepted_and_logged(mailed, caplog):
    caplog.set_level(logging.INFO)
    strangers = [
        event(None),
        {**event(None), "message": "", "sg_message_id": ""},
        event(message(channel="phone")),
    ]
    assert sendgrid(strangers, KEY).status_code == 204
    assert kept() == (0, 0)
    assert caplog.text.count("sendgrid reports on a message that is not ours") == 3
    assert "ada@example.org" not in caplog.text


def test_an_event_without_our_reference_is_found_by_the_provider_s_name(mailed):
    Message.objects.filter(pk=mailed.pk).update(provider_id="14c5d75ce93", state="done", settled_at=make.NOW)
    found = event(None)
    del found["message"]
    assert sendgrid([found], KEY).status_code == 204
    assert DeliveryReport.objects.get().message == mailed


def test_only_posts_of_a_bearable_size_are_read(mailed):
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        assert Client().generic(method, EVENTS).status_code == 405
    assert sendgrid(b"[" + b" " * LONGEST + b"]", KEY).status_code == 413


@pytest.mark.parametrize(
    ("said", "fields", "delivery"),
    [
        ("processed", {}, "sent"),
        ("deferred", {"response": "450 busy"}, "delayed"),
        ("delivered", {}, "delivered"),
        ("bounce", {"type": "bounce", "status": "5.1.1"}, "failed"),
        ("bounce", {"type": "blocked"}, "failed"),
        ("dropped", {"reason": "Bounced Address"}, "failed"),
        ("spamreport", {}, "delivered"),
        ("open", {}, ""),
        ("click", {}, ""),
        ("something_new", {}, ""),
    ],
)
def test_events_in_our_words(mailed, said, fields, delivery):
    assert sendgrid([event(mailed, said, **fields)], KEY).status_code == 204
    assert DeliveryReport.objects.get().delivery == delivery


def test_our_reference_travels_under_the_name_that_is_looked_for():
    assert transport.REFERENCE == REFERENCE
