"""Links that confirm: what looking at them never does, which of them open nothing, in which language, and how often."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments import links
from appointments.models import Appointment, AppointmentEvent, AppointmentLink
from reminders.links import manage_token
from reminders.models import Message
from scheduling import booking
from securecare.models import Session
from tests.portal.clinic import DAY, Clinic
from tests.portal.confirming import SOON, Page, booked, confirm_token, open_clinic, stamps
from tests.portal.visiting import text_of


@pytest.fixture
def clinic(db) -> Clinic:
    return open_clinic()


@pytest.fixture
def visit(clinic) -> Appointment:
    return booked(clinic, SOON)


# ------------------------------------------------------------------------------------------------ only looking


def test_a_hundred_looks_change_nothing(clinic, visit):
    """Scanners of mail open every link, some of them many times, with whatever appended."""
    pages = [Page(visit), Page(visit, "phone"), Page(booked(clinic, DAY, 9))]
    tables = (Appointment, AppointmentEvent, AppointmentLink, Message, Session)
    before = [list(table.objects.order_by("pk").values()) for table in tables]
    queries = ["", "?revision=0", "?confirm=1&revision=0&_method=POST"]
    for number in range(102):
        page, method = pages[number % 3], ("get", "head", "options")[number // 3 % 3]
        answer = getattr(page.client, method)(
            page.address + queries[number % 3], headers={"X-HTTP-Method-Override": "POST"}
        )
        assert answer.status_code == (405 if method == "options" else 200)
    for page in pages:
        for method in ("put", "patch", "delete"):
            assert getattr(page.client, method)(page.address).status_code == 405
    assert [list(table.objects.order_by("pk").values()) for table in tables] == before


def test_page_is_kept_by_no_cache_and_no_search_engine_and_told_to_nobody(visit):
    page = Page(visit)
    for answer in (page.get(), page.post(revision="9"), page.post(revision="0")):
        assert "no-store" in answer["Cache-Control"]
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["Referrer-Policy"] == "same-origin"


# -------------------------------------------------------------------------------------------- what is not found


def test_wrong_expired_revoked_and_foreign_links_are_one_same_page(clinic, visit):
    now = timezone.now()
    revoked, expired, manage = Page(visit), Page(booked(clinic, SOON, 14)), confirm_token(visit)
    AppointmentLink.objects.filter(digest=links.links.digest(revoked.token)).update(revoked_at=now)
    link = AppointmentLink.objects.filter(digest=links.links.digest(expired.token))
    link.update(expires_at=now)
    Appointment.objects.filter(links__in=link).update(
        starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1, seconds=1)
    )
    tokens = {
        "unknown": "x" * 43,
        "short": "x",
        "long": "x" * 5000,
        "not of this alphabet": "%F0%9F%A4%92%00",
        "revoked": revoked.token,
        "expired": expired.token,
        "to manage": manage_token(manage),
        "the reference": str(visit.reference),
        "the digest": links.links.digest(manage).hex(),
    }
    seen = set()
    for token in tokens.values():
        for answer in (Client().get(f"/c/{token}/"), Client().post(f"/c/{token}/", {"revision": "0"})):
            assert answer.status_code == 404
            assert "no-store" in answer["Cache-Control"]
            seen.add(text_of(answer))
    assert len(seen) == 1
    assert seen.pop().startswith("There is nothing here")
    assert stamps(visit) == (False, False)


def test_a_link_to_confirm_opens_nothing_else(visit):
    token = confirm_token(visit)
    for name in ("portal-link", "portal-link-move", "portal-link-cancel", "portal-link-ics", "portal-booked"):
        assert Client().get(reverse(name, args=[token])).status_code == 404


@pytest.mark.parametrize("address", ["/c/", "/c/x/y/", "/c/x/move/"])
def test_addresses_beside_it_are_the_portal_s_not_found(db, address):
    answer = Client(headers={"Accept-Language": "es"}).get(address)
    assert answer.status_code == 404
    assert answer["Content-Language"] == "es"
    assert answer.templates[0].name == "portal/not_found.html"


def test_a_link_lasts_until_a_day_after_wherever_the_appointment_goes(clinic, visit):
    page = Page(visit)
    booking.reschedule(
        appointment=visit,
        starts_at=clinic.at(10, day=DAY + timedelta(days=60)),
        by=visit.staff.user,
        now=timezone.now(),
    )
    AppointmentLink.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert page.get().status_code == 200


# ---------------------------------------------------------------------------------------- languages and limits


def test_page_speaks_the_reader_s_language_and_the_switch_leads_back(visit):
    page = Page(visit, client=Client())
    spanish = {"accept-language": "es-MX,es;q=0.9"}
    assert page.text(**spanish).startswith("¿Va a venir?")
    told = page.client.post("/portal/language/", {"language": "es", "next": page.address})
    assert told["Location"] == page.address
    assert text_of(page.press()).startswith("Gracias Confirmada por correo")


@pytest.mark.parametrize(
    "way_back",
    [
        "/c/../admin/",
        "/c/%2e%2e/admin/",
        "/c/%2e%2e/",
        "/c/x/y/",
        "/c\\x/",
        "//c/x/",
        "https://evil.example/c/x/",
    ],
)
def test_switch_of_the_language_leads_nowhere_else(db, way_back):
    answer = Client().post("/portal/language/", {"language": "es", "next": way_back})
    assert answer["Location"] == "/portal/"


def test_too_many_from_one_network_are_told_so_and_confirm_nothing(clinic, visit, settings):
    settings.CONFIRMATIONS_PER_ADDRESS = "2/hour"
    settings.BEHIND_PROXY = True
    page = Page(visit)

    def post(address: str, revision: str = "0"):
        return page.client.post(page.address, {"revision": revision}, headers={"X-Forwarded-For": address})

    for end in (1, 2):  # which confirm nothing themselves
        assert post(f"2001:db8:1:2::{end}", "7").status_code == 409
    refused = post("2001:db8:1:2::3")
    assert (refused.status_code, refused["Retry-After"]) == (429, "3600")
    assert (
        "Yours is not confirmed yet: please try again in an hour. Please call Northside: (212) 555-0100"
        in text_of(refused)
    )
    assert f'href="{page.address}">Back to the appointment' in refused.content.decode()
    assert "Ada" not in refused.content.decode()
    assert stamps(visit) == (False, False)
    assert page.get().status_code == 200  # looking is not limited
    assert post("2001:db8:1:3::1").status_code == 303
    assert stamps(visit) == (True, False)


def test_wrong_tokens_do_not_use_up_the_limit_of_a_network(visit, settings):
    settings.CONFIRMATIONS_PER_ADDRESS = "1/hour"
    for _ in range(3):
        assert Client().post(f"/c/{'x' * 43}/", {"revision": "0"}).status_code == 404
    assert Page(visit).post(revision="0").status_code == 303
