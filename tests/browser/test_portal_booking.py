"""A customer on a phone, with and without JavaScript: book, be seen at the desk, move, cancel; and axe on every page on the way."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from appointments import branding
from appointments.models import Appointment, Organisation
from tests import factories as make
from tests.portal.clinic import DAY, Clinic
from tests.portal.visiting import link_to

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "timezone_id": "America/New_York",
}
WITHIN = 5_000


@pytest.fixture
def clinic(live_server: LiveServer) -> Clinic:
    return Clinic.open(
        name="Northside",
        address="120 Mill Street, Albany, NY",
        program={
            "name": "Counseling",
            "description": "One to one with a counselor.",
            "public_note": "Bring a photo ID.",
            "min_notice_hours": 2,
        },
    )


class Visitor:
    """What a customer does on the portal with their thumb."""

    def __init__(self, page: Page, clinic: Clinic) -> None:
        self.page = page
        self.clinic = clinic
        self.seen: Callable[[Page], None] = lambda page: None

    def press(self, name: str) -> None:
        self.seen(self.page)
        self.page.get_by_role("button", name=name).last.click()

    def follow(self, name: str) -> None:
        self.seen(self.page)
        self.page.get_by_role("link", name=name).first.click()

    def find_the_program(self) -> None:
        self.page.goto("/portal/")
        self.seen(self.page)
        self.page.get_by_label("What do you need").fill("counsel")
        self.press("Search")
        self.follow("See times")
        expect(self.page.get_by_role("heading", name="Pick a time")).to_be_visible()

    def pick(self, hour: str) -> None:
        day = f"{DAY:%A, %B} {DAY.day}"
        self.page.get_by_role("link", name=re.compile(f"^{day}: ")).click()
        expect(self.page.get_by_role("heading", name=day)).to_be_visible()
        self.page.get_by_role("radio", name=re.compile(f"^{hour}")).check()
        self.press("Continue")

    def tell_who_it_is_for(self) -> None:
        expect(self.page.get_by_role("heading", name="Your details")).to_be_visible()
        for label, text in {
            "First name": "Ada",
            "Last name": "Nguyen",
            "E-mail": "ada@example.org",
            "Month": "4",
            "Day": "12",
            "Year": "1991",
            "Mobile number": "(212) 555-0143",
        }.items():
            self.page.get_by_label(label).fill(text)
        self.press("Review")

    def book(self, hour: str) -> None:
        self.find_the_program()
        self.pick(hour)
        self.tell_who_it_is_for()
        expect(self.page.get_by_text("By entering it you agree to appointment texts")).to_be_visible()
        self.press("Book it")
        expect(self.page.get_by_role("heading", name="You’re booked")).to_be_visible()

    def move(self, hour: str) -> None:
        self.follow("I need another time")
        self.pick(hour)
        self.press("Move it")
        expect(self.page.get_by_role("heading", name="Your appointment")).to_be_visible()

    def cancel(self) -> None:
        self.follow("I can’t make it")
        self.page.get_by_label("Why?").fill("I found another time elsewhere")
        self.press("Cancel this appointment")
        expect(self.page.get_by_role("heading", name="This appointment is cancelled")).to_be_visible()


def card_at_the_desk(desk: Page) -> Locator:
    return desk.locator(".card:not(.ghost):not(.cancelled)", has_text="Ada Nguyen")


@pytest.mark.parametrize("with_script", [True, False])
def test_customer_books_moves_and_cancels_and_the_desk_sees_it(
    open_page: Callable[..., Page], sign_in: Callable[..., None], clinic: Clinic, with_script: bool
) -> None:
    desk = open_page(viewport={"width": 1280, "height": 1100})
    sign_in(make.staff(at=clinic.facility, role="front_desk", takes_appointments=False), on=desk)
    desk.goto(f"/schedule/?date={DAY:%Y-%m-%d}&view=vertical")
    card = card_at_the_desk(desk)
    expect(card).to_have_count(0)
    visitor = Visitor(open_page(**PHONE, java_script_enabled=with_script), clinic)

    visitor.book("10:45 AM")
    expect(card).to_contain_text("10:45", timeout=WITHIN)
    booked = Appointment.objects.get()
    assert (booked.starts_at, booked.staff, booked.email) == (
        clinic.at(10, 45),
        clinic.staff,
        "ada@example.org",
    )

    visitor.move("2:30 PM")
    expect(card).to_contain_text("2:30", timeout=WITHIN)
    booked.refresh_from_db()
    assert (booked.starts_at, booked.revision) == (clinic.at(14, 30), 1)

    visitor.cancel()
    expect(card).to_have_count(0, timeout=WITHIN)
    booked.refresh_from_db()
    assert (booked.status, booked.cancel_reason) == ("cancelled", "I found another time elsewhere")
    assert [event.actor for event in booked.events.all()] == ["customer"] * 3


def test_continue_names_the_chosen_time_and_the_own_clock_stands_beside_it(
    open_page: Callable[..., Page], clinic: Clinic
) -> None:
    page = open_page(**{**PHONE, "timezone_id": "America/Denver"})
    page.goto(f"/portal/book/{clinic.program.pk}/?day={DAY:%Y-%m-%d}")
    expect(page.get_by_text("Times in Eastern Time")).to_be_visible()
    pill = page.locator("label.pill", has_text="10:45 AM").filter(has_text="8:45 AM")
    pill.click()
    expect(page.get_by_role("button", name="Continue with 10:45 AM")).to_be_visible()


def test_time_taken_meanwhile_costs_nothing_that_was_typed(
    open_page: Callable[..., Page], clinic: Clinic
) -> None:
    visitor = Visitor(open_page(**PHONE), clinic)
    visitor.find_the_program()
    visitor.pick("10:45 AM")
    visitor.tell_who_it_is_for()
    clinic.appointment(make.customer(at=clinic.facility), 10, 45)
    visitor.press("Book it")
    expect(visitor.page.get_by_role("heading", name="Choose another time")).to_be_visible()
    expect(visitor.page.get_by_label("First name")).to_have_value("Ada")
    assert_fits_and_is_accessible(visitor.page)
    visitor.page.locator("button[name=other]").first.click()
    visitor.press("Book it")
    expect(visitor.page.get_by_role("heading", name="You’re booked")).to_be_visible()
    assert Appointment.objects.filter(customer__given_name="Ada", contact_email="").count() == 2


def test_keyboard_alone_books(open_page: Callable[..., Page], clinic: Clinic) -> None:
    page = open_page(**PHONE)
    page.goto(f"/portal/book/{clinic.program.pk}/?day={DAY:%Y-%m-%d}")
    page.locator("input[name=at]").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your details")).to_be_visible()
    page.get_by_label("First name").focus()
    for text in ("Ada", "Nguyen", "ada@example.org", "4", "12", "1991"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    expect(page.get_by_label("Mobile number")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Is this right?")).to_be_visible()
    page.get_by_role("button", name="Book it").press("Enter")
    expect(page.get_by_role("heading", name="You’re booked")).to_be_visible()


# ------------------------------------------------------------------------------------------------ every page


def assert_fits_and_is_accessible(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], page.url  # type: ignore[index]
    found = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == [], page.url


@pytest.mark.parametrize(
    ("width", "colors", "language"), [(360, "light", "es"), (360, "dark", "en"), (1440, "light", "en")]
)
def test_every_page_fits_and_has_no_axe_violations(
    open_page: Callable[..., Page],
    clinic: Clinic,
    live_server: LiveServer,
    width: int,
    colors: str,
    language: str,
) -> None:
    clinic.colleague(display_name="Marcus Bell")
    Organisation.objects.update_or_create(pk=1, defaults={"embedding_origins": "https://www.example.org"})
    branding.forget()
    booked = clinic.appointment(
        make.customer(at=clinic.facility), 10, 45, public_note="We look at the letter together."
    )
    token, program = link_to(booked), clinic.program.pk
    at = f"{clinic.at(11):%Y-%m-%dT%H:%M:%SZ}"
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=colors, locale=language)
    for address in (
        "/portal/",
        "/portal/?q=nothing-like-it",
        f"/portal/facilities/{clinic.facility.pk}/",
        f"/portal/book/{program}/",
        f"/portal/book/{program}/?staff={clinic.staff.pk}",
        f"/portal/book/{program}/details/?at={at}&staff=",
        f"/portal/embed/book/{program}/",
        f"/portal/embed/facilities/{clinic.facility.pk}/",
        f"/portal/a/{token}/",
        f"/portal/a/{token}/booked/",
        f"/portal/a/{token}/move/",
        f"/portal/a/{token}/cancel/",
        "/portal/a/unknown/",
    ):
        page.goto(address)
        assert page.locator("html").get_attribute("lang") == language
        assert_fits_and_is_accessible(page)


def test_pages_that_forms_lead_to_fit_and_have_no_axe_violations(
    open_page: Callable[..., Page], clinic: Clinic
) -> None:
    visitor = Visitor(open_page(**PHONE, color_scheme="dark"), clinic)
    visitor.find_the_program()
    visitor.pick("10:45 AM")
    visitor.press("Review")
    expect(visitor.page.get_by_role("heading", name="There is a problem")).to_be_visible()
    assert_fits_and_is_accessible(visitor.page)
    visitor.seen = assert_fits_and_is_accessible
    visitor.book("3:00 PM")
    visitor.move("4:00 PM")
    visitor.cancel()
    assert_fits_and_is_accessible(visitor.page)


# --------------------------------------------------------------------------------------------------- weight


def test_first_visit_weighs_less_than_sixty_kilobytes(
    browser: Browser, clinic: Clinic, live_server: LiveServer
) -> None:
    """Everything that the booking page loads, as it is served without compression."""
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.goto(f"/portal/book/{clinic.program.pk}/", wait_until="networkidle")
    context.close()
    assert len(sizes) > 3
    assert {url for url in sizes if not url.startswith(live_server.url)} == set()
    assert sum(sizes.values()) < 60_000, sizes
