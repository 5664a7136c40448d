"""Addresses for calendars that subscribe, in Chromium: made with a press, copied with another, on a phone and in the dark."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as site
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests import factories as make
from tests.calendarsync.feeding import events_in
from tests.portal.clinic import Clinic
from tests.portal.visiting import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "color_scheme": "dark",
    "permissions": ["clipboard-read", "clipboard-write"],
}


def is_sound(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def make_and_copy(page: Page, *, make: str, copy: str) -> str:
    is_sound(page)
    page.get_by_role("button", name=make).click()
    expect(page.get_by_role("textbox", name="Address")).to_be_focused()
    is_sound(page)
    page.get_by_role("button", name=copy).click()
    expect(page.get_by_role("status").filter(has_text="Copied.")).to_be_visible()
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_an_address_is_made_copied_and_read(
    open_page: Callable[..., Page], live_server: LiveServer, settings: Any, sign_in: Callable[..., None]
):
    """By a staff member and by their customer: each address holds the one appointment."""
    settings.PUBLIC_BASE_URL = live_server.url
    clinic = Clinic.open(name="Northside")
    customer = make.customer(at=clinic.facility, given_name="Ada", family_name="Nguyen")
    clinic.appointment(customer)

    desk = open_page(**PHONE)
    sign_in(clinic.staff, on=desk)
    desk.goto("/calendars/")
    desk.get_by_role("link", name="Get an address").click()
    staff_s = make_and_copy(desk, make="Make an address", copy="Copy")

    phone = open_page(**PHONE)
    session = signed_in(customer).cookies[site.SESSION_COOKIE_NAME].value
    phone.context.add_cookies([{"name": site.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    phone.goto("/portal/account/")
    phone.get_by_role("link", name="Put your appointments into your calendar").click()
    own = make_and_copy(phone, make="Make my address", copy="Copy the address")

    read = [events_in(phone.request.get(address).body()) for address in (staff_s, own)]
    assert [[str(event["summary"]) for event in events] for events in read] == [
        ["A. N."],
        ["Northside appointment"],
    ]
