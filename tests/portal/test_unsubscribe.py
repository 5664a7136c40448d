"""Ending e-mails: by the page, and by the one click of a mail program (RFC 8058)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from portal import codes
from portal.contacts import read_email
from reminders import consent, suppression, unsubscribing
from reminders.models import Channel, ConsentLog, Kind, Message
from securecare import links
from tests import factories as make
from tests.factories import NOW
from tests.portal.clinic import Clinic
from tests.portal.visiting import text_of
from tests.reminders.sending import message, notice

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def appointment() -> Appointment:
    clinic = Clinic.open()
    return clinic.appointment(make.customer(at=clinic.facility, email="Ada@Example.org"))


@pytest.fixture
def email(appointment) -> Message:
    return notice(of=appointment)


def address_of(row: Message) -> str:
    return unsubscribing.url(row).removeprefix(site_settings.PUBLIC_BASE_URL)


def stranger() -> Client:
    """A mail program: no cookies, no CSRF token."""
    return Client(enforce_csrf_checks=True)


# --------------------------------------------------------------------------------------------------------- the link


def test_every_email_about_an_appointment_has_its_own_link(email):
    other = notice(of=email.appointment, kind=Kind.MOVED)
    assert unsubscribing.url(email) != unsubscribing.url(other)
    assert unsubscribing.url(email).startswith(f"{site_settings.PUBLIC_BASE_URL}/portal/unsubscribe/")
    assert unsubscribing.url(email) == unsubscribing.url(Message.objects.get(pk=email.pk))


def test_texts_codes_and_warnings_have_none(email):
    text = notice(of=email.appointment, channel=Channel.PHONE)
    others = [message(kind=kind) for kind in (Kind.SIGN_IN, Kind.CONTACT, Kind.ALERT)]
    assert [unsubscribing.url(row) for row in [text, *others]] == [""] * 4


def wrong_tokens(row: Message) -> list[str]:
    right = unsubscribing.token_of(row.reference)
    other = unsubscribing.token_of(uuid4())
    return [
        "x",
        "",
        "é",
        right[:-1],
        right[:-4],
        right + "AAAA",
        right.replace(right[30], "A" if right[30] != "A" else "B"),
        right[:22] + other[22:],
        other,
        links.new_token(),
        right + "=",
        right.lower() if right != right.lower() else right.upper(),
    ]


def test_links_that_are_wrong_open_the_same_page_as_any_and_end_nothing(email):
    pages = set()
    for token in filter(None, wrong_tokens(email)):
        assert unsubscribing.message_of(token) is None
        for method in ("get", "post"):
            answer = getattr(stranger(), method)(f"/portal/unsubscribe/{token}/")
            assert answer.status_code == 404
        pages.add(text_of(answer))
    assert len(pages) == 1
    assert "There is nothing here" in pages.pop()
    assert ConsentLog.objects.count() == 0


def test_a_link_of_a_text_ends_nothing(email):
    text = notice(of=email.appointment, channel=Channel.PHONE)
    token = unsubscribing.token_of(text.reference)
    assert stranger().post(f"/portal/unsubscribe/{token}/").status_code == 404


def test_another_secret_makes_other_links(email, settings):
    address = address_of(email)
    settings.SECRET_KEY = "another-secret-of-at-least-fifty-characters-for-this-test"
    assert stranger().post(address).status_code == 404


# ------------------------------------------------------------------------------------------------------ one click


@pytest.mark.parametrize("content_type", ["multipart", "form", "none"])
def test_one_click_ends_emails_without_a_cookie_or_a_redirect(email, content_type):
    if content_type == "form":
        answer = stranger().post(
            address_of(email), "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
    else:
        answer = stranger().post(address_of(email), ONE_CLICK if content_type == "multipart" else {})
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    entry = ConsentLog.objects.get()
    assert (entry.channel, entry.address, entry.granted, entry.source, entry.customer) == (
        "email",
        "ada@example.org",
        False,
        "unsubscribe",
        email.customer,
    )
    assert entry.wording == ("Stop e-mails" if content_type == "none" else "List-Unsubscribe=One-Click")
    assert (entry.ip, entry.by) == ("127.0.0.1", None)


def test_the_second_click_changes_nothing(email):
    for _ in range(3):
        assert stranger().post(address_of(email), ONE_CLICK).status_code == 200
    assert ConsentLog.objects.count() == 1


def test_emails_that_wait_are_not_sent_any_more(email):
    stranger().post(address_of(email), ONE_CLICK)
    reminders = Message.objects.filter(appointment=email.appointment, kind=Kind.REMINDER, channel="email")
    ahead = reminders.filter(due_at__gt=timezone.now())
    assert set(ahead.values_list("state", flat=True)) == {"closed"}
    row = Message.objects.select_related("appointment__customer", "appointment__facility", "rule").get(
        pk=email.pk
    )
    assert suppression.reason(row, now=NOW) == suppression.UNSUBSCRIBED


def test_a_code_that_somebody_asks_for_is_sent_all_the_same(email):
    stranger().post(address_of(email), ONE_CLICK)
    codes.ask(contact=read_email("ada@example.org"), now=NOW, ip="192.0.2.1")
    code = Message.objects.get(kind=Kind.SIGN_IN)
    assert suppression.reason(code, now=NOW) == ""


def test_a_link_works_long_after_the_appointment(email):
    Appointment.objects.filter(pk=email.appointment_id).update(
        starts_at=NOW - timedelta(days=400), ends_at=NOW - timedelta(days=400, minutes=-30)
    )
    assert stranger().post(address_of(email), ONE_CLICK).status_code == 200
    assert not consent.may_email("ada@example.org")


# --------------------------------------------------------------------------------------------------------- the page


def test_looking_changes_nothing(email):
    address = address_of(email)
    for method in ("get", "head", "get"):
        answer = getattr(stranger(), method)(address)
        assert answer.status_code == 200
    assert stranger().options(address).status_code == 405
    assert ConsentLog.objects.count() == 0
    assert consent.may_email("ada@example.org")


def test_the_page_asks_with_one_button_and_hints_at_the_address(email):
    answer = stranger().get(address_of(email))
    page = answer.content.decode()
    main = page.partition("<main")[2].partition("</main>")[0]
    assert main.count("<button") == 1
    assert "Stop e-mails" in text_of(answer)
    assert "A…@Example.org" in page
    assert "Ada@" not in page
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_button_ends_emails_and_another_has_them_again(email):
    client = Client()
    ended = client.post(address_of(email))
    assert "E-mails about appointments no longer go to" in text_of(ended)
    assert "E-mails are off" in text_of(client.get(address_of(email)))
    again = client.post(address_of(email), {"again": "1"})
    assert "E-mails about appointments go to" in text_of(again)
    entries = list(ConsentLog.objects.order_by("id").values_list("granted", "source", "wording"))
    assert entries == [
        (False, "unsubscribe", "Stop e-mails"),
        (True, "portal_profile", "Turn e-mails on again"),
    ]
    assert consent.may_email("ada@example.org")


def test_the_page_speaks_the_reader_s_language(email):
    answer = stranger().get(address_of(email), headers={"Accept-Language": "es"})
    assert "No recibir más correos" in text_of(answer)
    stranger().post(address_of(email), headers={"Accept-Language": "es"})
    assert ConsentLog.objects.get().wording == "No recibir más correos"
