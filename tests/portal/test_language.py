"""In which language a portal page is shown, and how a visitor changes that."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from appointments.models import Customer
from tests import factories as make
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

SPANISH = {"HTTP_ACCEPT_LANGUAGE": "es-MX,es;q=0.9,en;q=0.5"}


def language_of(client: Client, address: str = "/portal/", **headers: str) -> str:
    answer = client.get(address, **headers)
    page = answer.content.decode()
    [shown] = {code for code in ("en", "es") if f'<html lang="{code}' in page}
    assert answer.headers["Content-Language"].startswith(shown)
    return shown


def choose(client: Client, language: str, way_back: str = "/portal/") -> str:
    answer = client.post("/portal/language/", {"language": language, "next": way_back})
    assert answer.status_code == 302
    return answer.headers["Location"]


def sign_in(client: Client, **fields: str) -> Customer:
    customer = make.customer(user=User.objects.create(username="patron"), **fields)
    client.force_login(customer.user, backend="portal.accounts.PatronBackend")
    return customer


@pytest.mark.parametrize(
    ("wanted", "shown"),
    [("es", "es"), ("es-419,es;q=0.9", "es"), ("fr,de;q=0.5", "en"), ("en-GB", "en"), ("", "en")],
)
def test_browser_decides_for_whoever_chose_nothing(client: Client, wanted: str, shown: str) -> None:
    assert language_of(client, HTTP_ACCEPT_LANGUAGE=wanted) == shown


def test_choice_beats_the_browser_and_stays(client: Client) -> None:
    assert language_of(client, **SPANISH) == "es"

    choose(client, "en")

    assert language_of(client, **SPANISH) == "en"
    cookie = client.cookies["language"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 365 * 86_400)


def test_page_offers_the_other_languages_by_their_own_names(client: Client) -> None:
    in_english, in_spanish = (
        client.get("/portal/", HTTP_ACCEPT_LANGUAGE=code).content.decode() for code in ("en", "es")
    )

    assert 'name="language" value="es" lang="es">Español</button>' in in_english
    assert 'name="language" value="en" lang="en">English</button>' in in_spanish
    assert 'value="en"' not in in_english


def test_switch_leads_back_to_the_same_page_with_its_question(client: Client) -> None:
    clinic = Clinic.open()
    page = f"/portal/facilities/{clinic.facility.pk}/?from=site"

    assert f'name="next" value="{page}"' in client.get(page).content.decode()
    assert choose(client, "es", page) == page
    assert language_of(client, page) == "es"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/portal/",
        "//evil.example/portal/",
        "/\\evil.example",
        "/portal/\\..\\schedule/",
        "/schedule/",
        "/admin/",
        "/portal/../admin/",
        "/portal//evil.example/",
        "/portal/nowhere/",
        "javascript:alert(1)",
        "",
        "\0",
    ],
)
def test_switch_leads_nowhere_but_to_the_portal(client: Client, elsewhere: str) -> None:
    assert choose(client, "es", elsewhere) == "/portal/"


def test_switch_changes_nothing_for_an_unknown_language(client: Client) -> None:
    choose(client, "xx")

    assert "language" not in client.cookies
    assert language_of(client) == "en"


def test_switch_takes_a_form_only(client: Client) -> None:
    assert client.get("/portal/language/", {"language": "es"}).status_code == 405
    assert "language" not in client.cookies


def test_signed_in_customer_reads_their_own_language(client: Client) -> None:
    sign_in(client, language="es")

    assert language_of(client, HTTP_ACCEPT_LANGUAGE="en") == "es"


def test_switch_is_remembered_for_a_signed_in_customer(client: Client) -> None:
    customer, other = sign_in(client), make.customer()

    choose(client, "es")

    customer.refresh_from_db()
    other.refresh_from_db()
    assert (customer.language, other.language) == ("es", "")


def test_staff_pages_stay_english_whatever_the_browser_wants(client: Client) -> None:
    choose(client, "es")

    assert '<html lang="en">' in client.get("/sign-in/", **SPANISH).content.decode()


def test_switch_demands_the_token_of_its_form(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)

    assert strict.post("/portal/language/", {"language": "es", "next": "/portal/"}).status_code == 403
    assert "language" not in strict.cookies
