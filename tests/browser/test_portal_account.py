"""Signing in and the profile in Chromium, on a phone, with and without JavaScript, and axe on every page."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from appointments.models import Customer
from tests import factories as make
from tests.portal.signing_in import Received, received

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


@pytest.fixture
def family(live_server: LiveServer) -> list[Customer]:
    shared = {"email": "parent@example.org", "family_name": "Nguyen"}
    return [make.customer(given_name=name, **shared) for name in ("Ada", "Bo")]


def ask(page: Page, contact: str) -> Received:
    page.goto("/portal/sign-in/")
    page.get_by_label("E-mail or mobile number").fill(contact)
    page.get_by_role("button", name="Send me a code").click()
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    return received()


def sign_in(page: Page, contact: str) -> None:
    page.get_by_label("Six-digit code").fill(ask(page, contact).digits)
    page.get_by_role("button", name="Sign in", exact=True).click()


def assert_fits_and_is_accessible(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], page.url
    found = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == [], page.url


@pytest.mark.parametrize("with_script", [True, False])
def test_person_signs_in_for_their_child_changes_their_email_and_signs_out(
    open_page: Callable[..., Page], family: list[Customer], with_script: bool
) -> None:
    page = open_page(**PHONE, java_script_enabled=with_script)
    sign_in(page, "parent@example.org")
    page.get_by_role("button", name="Bo Nguyen").click()
    expect(page).to_have_url("/portal/account/")

    page.goto("/portal/account/profile/")
    expect(page.get_by_text("You are signed in as Bo Nguyen.")).to_be_visible()
    page.get_by_role("link", name="Change e-mail").click()
    page.get_by_label("New e-mail address").fill("bo@example.org")
    page.get_by_role("button", name="Send a code there").click()
    page.get_by_label("Six-digit code").fill(received().digits)
    page.get_by_role("button", name="Use this address").click()
    expect(page.get_by_role("status")).to_contain_text("Your e-mail address is changed.")
    family[1].refresh_from_db()
    assert family[1].email == "bo@example.org"

    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")


def test_link_of_the_message_signs_in_with_one_press_of_the_keyboard(
    open_page: Callable[..., Page], family: list[Customer]
) -> None:
    asking, elsewhere = open_page(), open_page(**PHONE)
    link = ask(asking, family[0].phone).link
    elsewhere.goto(link)
    expect(elsewhere.get_by_role("button", name="Sign me in")).to_be_focused()
    elsewhere.keyboard.press("Enter")
    expect(elsewhere).to_have_url("/portal/account/")


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_pages_of_the_account_fit_and_have_no_axe_violations(
    open_page: Callable[..., Page], family: list[Customer], colors: str, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=colors)
    letter = ask(page, "parent@example.org")
    assert_fits_and_is_accessible(page)
    page.get_by_label("Six-digit code").fill("12")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_label("Six-digit code")).to_have_attribute("aria-invalid", "true")
    assert_fits_and_is_accessible(page)
    for address in (letter.link, f"/portal/sign-in/link/{'x' * 43}/", "/portal/sign-in/"):
        page.goto(address)
        assert_fits_and_is_accessible(page)
    sign_in(page, "parent@example.org")
    assert_fits_and_is_accessible(page)
    page.get_by_role("button", name="Ada Nguyen").click()
    for address in ("profile/", "profile/contact/email/", "profile/contact/phone/"):
        page.goto(f"/portal/account/{address}")
        assert_fits_and_is_accessible(page)
    page.get_by_label("New mobile number").fill("212 555 0177")
    page.get_by_role("button", name="Send a code there").click()
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
    assert_fits_and_is_accessible(page)
    page.goto("/portal/sign-in/who/")
    assert_fits_and_is_accessible(page)
