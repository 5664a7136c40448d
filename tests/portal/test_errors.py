"""What goes wrong on the portal is told in its own words and the visitor's language; staff read theirs."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from django.urls import get_resolver

from portal.views import errors
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db


def read(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


@pytest.mark.parametrize("address", ["/portal/nowhere/", "/portal/book/x/", "/portal/book/999999999/"])
def test_unknown_portal_address_shows_the_portals_page(client: Client, address: str) -> None:
    answer = client.get(address)

    assert answer.status_code == 404
    assert "There is nothing here" in read(answer)
    assert 'href="/portal/"' in answer.content.decode()
    assert not re.search("schedule|facility you are not a member of", read(answer))


def test_unknown_portal_address_speaks_the_visitors_language(client: Client) -> None:
    answer = client.get("/portal/nowhere/", HTTP_ACCEPT_LANGUAGE="es")

    assert '<html lang="es">' in answer.content.decode()
    assert answer.headers["Content-Language"] == "es"


def test_unknown_staff_address_still_speaks_of_the_schedule(client: Client) -> None:
    answer = client.get("/nowhere/")

    assert answer.status_code == 404
    assert "Back to the schedule" in read(answer)


def test_address_without_its_last_slash_still_finds_its_page(client: Client) -> None:
    assert client.get("/portal/book").headers["Location"] == "/portal/book/"


def test_form_without_its_token_says_that_nothing_was_booked() -> None:
    clinic = Clinic.open()

    answer = Client(enforce_csrf_checks=True).post(f"/portal/book/{clinic.program.pk}/", {"at": "x"})

    assert answer.status_code == 403
    assert "Nothing was booked or changed." in read(answer)
    assert "Go back, reload the page, and send it again." in read(answer)
    assert "schedule" not in read(answer)
    assert "no-store" in answer.headers["Cache-Control"]


def test_staff_form_without_its_token_still_speaks_of_the_schedule() -> None:
    answer = Client(enforce_csrf_checks=True).post("/sign-in/", {"username": "x"})

    assert (answer.status_code, "Back to the schedule" in read(answer)) == (403, True)


@pytest.mark.parametrize("language", ["en", "es"])
def test_failure_on_the_portal_needs_no_database(language: str, django_assert_num_queries: Any) -> None:
    request = RequestFactory().get("/portal/account/", HTTP_ACCEPT_LANGUAGE=language)

    with django_assert_num_queries(0):
        answer = errors.server_error(request)

    assert answer.status_code == 500
    assert f'<html lang="{language}">' in answer.content.decode()
    assert 'href="/portal/"' in answer.content.decode()


def test_failure_on_a_staff_page_speaks_of_the_schedule() -> None:
    request = RequestFactory().get("/schedule/")
    request.user = AnonymousUser()

    assert "Back to the schedule" in read(errors.server_error(request))


def test_failure_is_told_by_the_running_site(client: Client) -> None:
    """Through Django's own handling: a page whose view fails."""
    assert get_resolver().resolve_error_handler(500) is errors.server_error
    assert get_resolver().resolve_error_handler(404) is errors.not_found
