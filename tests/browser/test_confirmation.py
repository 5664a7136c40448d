"""Confirming in Chromium: from the message's row to the customer's phone and back to the grid, and the filter of those who have not."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from appointments import confirmation
from appointments.models import Appointment
from reminders import delivery
from reminders.models import Message
from scheduling import booking
from scheduling.models import SchedulerView
from scheduling.selection import remember
from tests import factories as make
from tests.portal.clinic import DAY, Clinic
from tests.portal.confirming import booked, confirm_token, open_clinic

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "has_touch": True,
    "timezone_id": "America/New_York",
}


@pytest.fixture
def clinic(live_server: LiveServer, settings: Any) -> Clinic:
    """Open around the clock."""
    settings.PUBLIC_BASE_URL = live_server.url
    clinic = open_clinic()
    clinic.staff.shifts.all().delete()
    make.week(staff=clinic.staff, at=clinic.facility, starts=time(0), ends=time(0))
    return clinic


def soon(clinic: Clinic, *, hours: int = 3, **customer: Any) -> Appointment:
    """Within 24 hours, whenever the tests run."""
    now = timezone.now()
    hour = datetime.fromtimestamp(now.timestamp() // 3600 * 3600, UTC)
    return make.appointment(
        starts_at=hour + timedelta(hours=hours),
        staff=clinic.staff,
        program=clinic.program,
        customer=make.customer(at=clinic.facility, **customer),
        now=now,
    )


def desk(clinic: Clinic) -> Any:
    return make.staff(at=clinic.facility, role="front_desk", takes_appointments=False)


def schedule(page: Page, visit: Appointment, view: str = "vertical") -> None:
    page.goto(f"/schedule/?date={visit.local_date}&view={view}")


def card(page: Page, visit: Appointment) -> Any:
    return page.locator(f".card:has(a[href='/appointments/{visit.reference}/'])")


def link_in_message(page: Page, visit: Appointment) -> str:
    """As staff find it under Messages, once it was sent."""
    sent = Message.objects.get(appointment=visit, channel="email", kind="booked")
    delivery.deliver(sent.pk, now=sent.due_at)
    page.goto("/messages/")
    page.locator(f"a[href='/messages/{sent.reference}/']").click()
    expect(page.get_by_role("heading", name="Text", exact=True)).to_be_visible()
    return str(page.locator(".letter a[href*='/c/']").get_attribute("href"))


def assert_fits_and_is_accessible(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"], page.url
    found = Axe().run(page)
    assert [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]] == [], page.url


# ------------------------------------------------------------------------------------------------ from end to end


@pytest.mark.parametrize("with_script", [True, False])
def test_link_of_a_message_confirms_with_one_tap_and_the_grid_shows_it(
    page: Page,
    open_page: Callable[..., Page],
    sign_in: Callable[..., None],
    clinic: Clinic,
    with_script: bool,
) -> None:
    visit = soon(clinic, given_name="Ada", family_name="Nguyen")
    sign_in(desk(clinic))
    link = link_in_message(page, visit)

    phone = open_page(**PHONE, java_script_enabled=with_script)
    phone.goto(link)
    expect(phone.get_by_role("heading", name="Will you be there?")).to_be_visible()
    button = phone.get_by_role("button", name="Yes, I will be there")
    box = button.bounding_box()
    assert (box["width"] >= 300, box["height"] >= 48) == (True, True)
    button.tap()
    expect(phone.get_by_role("heading", name="Thank you")).to_be_visible()
    expect(phone).to_have_url(link)
    expect(phone.get_by_role("status")).to_contain_text("Confirmed by e-mail on")
    phone.reload()
    expect(phone.get_by_role("heading", name="Thank you")).to_be_visible()

    schedule(page, visit)
    card(page, visit).hover()
    expect(card(page, visit)).to_have_attribute("title", re.compile("scheduled, confirmed by e-mail$"))
    page.get_by_role("button", name="Unconfirmed, 24 h").click()
    expect(card(page, visit)).to_have_count(0)
    expect(page.locator(".card.hid")).to_have_count(1)


def test_button_has_the_focus_and_one_key_confirms(open_page: Callable[..., Page], clinic: Clinic) -> None:
    page = open_page(**PHONE)
    page.goto(f"/c/{confirm_token(soon(clinic), 'phone')}/")
    expect(page.get_by_role("button", name="Yes, I will be there")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Confirmed by text message on")


def test_time_that_changed_is_read_before_it_is_confirmed(
    open_page: Callable[..., Page], clinic: Clinic
) -> None:
    visit = soon(clinic)
    page = open_page(**PHONE)
    page.goto(f"/c/{confirm_token(visit)}/")
    booking.reschedule(
        appointment=visit,
        starts_at=visit.starts_at + timedelta(hours=1),
        by=clinic.staff.user,
        now=timezone.now(),
    )
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The time has changed. It is now on")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("button", name="Yes, I will be there").tap()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()


@pytest.mark.parametrize("with_script", [True, False])
def test_who_cannot_come_cancels_from_there(
    open_page: Callable[..., Page], clinic: Clinic, with_script: bool
) -> None:
    visit = soon(clinic)
    link = f"/c/{confirm_token(visit)}/"
    page = open_page(**PHONE, java_script_enabled=with_script)
    page.goto(link)
    page.get_by_role("link", name="I need another time").tap()
    expect(page.get_by_role("heading", name="Pick another time")).to_be_visible()
    page.goto(link)
    page.get_by_role("link", name="I can’t make it").tap()
    page.get_by_role("button", name="Cancel this appointment").tap()
    expect(page.get_by_role("heading", name="This appointment is cancelled")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("heading", name="This appointment is cancelled")).to_be_visible()
    visit.refresh_from_db()
    assert visit.is_cancelled


def test_page_turns_spanish_and_confirms_in_spanish(open_page: Callable[..., Page], clinic: Clinic) -> None:
    page = open_page(**PHONE)
    page.goto(f"/c/{confirm_token(soon(clinic))}/")
    page.get_by_role("button", name="Español").tap()
    expect(page.get_by_role("heading", name="¿Va a venir?")).to_be_visible()
    assert_fits_and_is_accessible(page)
    page.get_by_role("button", name="Sí, ahí estaré").tap()
    expect(page.get_by_role("heading", name="Gracias")).to_be_visible()


@pytest.mark.parametrize("colors", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_every_state_fits_and_has_no_axe_violations(
    open_page: Callable[..., Page], clinic: Clinic, settings: Any, colors: str, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=colors)
    visit = soon(clinic)
    link = f"/c/{confirm_token(visit)}/"

    def look(heading: str, address: str = link) -> None:
        page.goto(address)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        assert_fits_and_is_accessible(page)

    look("Will you be there?")
    booking.reschedule(
        appointment=visit,
        starts_at=visit.starts_at + timedelta(hours=1),
        by=clinic.staff.user,
        now=timezone.now(),
    )
    look("Will you be there?")
    confirmation.confirm(appointment=visit, channel="phone", now=timezone.now())
    look("Thank you")
    booking.cancel(appointment=visit, reason="", by=clinic.staff.user, now=timezone.now())
    look("This appointment is cancelled")
    look("It is too early to confirm", f"/c/{confirm_token(booked(clinic, DAY))}/")
    look("There is nothing here", f"/c/{'x' * 43}/")
    settings.CONFIRMATIONS_PER_ADDRESS = "1/day"
    other = soon(clinic, hours=6)
    page.goto(f"/c/{confirm_token(other)}/")
    for _ in range(2):
        Appointment.objects.filter(pk=other.pk).update(email_confirmed_at=None)
        page.goto(f"/c/{confirm_token(other)}/")
        page.get_by_role("button", name="Yes, I will be there").click()
    expect(page.get_by_role("heading", name="Too many at once")).to_be_visible()
    assert_fits_and_is_accessible(page)


# -------------------------------------------------------------------------------------------------- the filter


@pytest.mark.parametrize("view", ["vertical", "horizontal", "list"])
@pytest.mark.parametrize("with_script", [True, False])
def test_filter_leaves_those_who_have_not_confirmed(
    open_page: Callable[..., Page],
    sign_in: Callable[..., None],
    clinic: Clinic,
    view: str,
    with_script: bool,
) -> None:
    ada, bo = visits_on_one_day(clinic)
    confirmation.confirm(appointment=bo, channel="email", now=timezone.now())
    page = open_page(java_script_enabled=with_script)
    sign_in(desk(clinic), on=page)
    schedule(page, ada, view)
    place = page.locator("#day-grid")
    expect(place.get_by_text("Bo Okafor")).to_be_visible()
    chip = page.get_by_role("button", name="Unconfirmed, 24 h 1")
    chip.click()
    expect(place.get_by_text("Bo Okafor")).to_have_count(0)
    expect(place.get_by_text("Ada Nguyen")).to_be_visible()
    expect(page.get_by_text("Only these are shown")).to_be_visible()
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    expect(place.get_by_text("Bo Okafor")).to_be_visible()


def visits_on_one_day(clinic: Clinic) -> tuple[Appointment, Appointment]:
    """Ada's and Bo's, both within 24 hours: the next two hours unless midnight is near, when it is the next day."""
    first = next(hours for hours in (1, 2, 3) if day_in(clinic, hours) == day_in(clinic, hours + 1))
    ada = soon(clinic, hours=first, given_name="Ada", family_name="Nguyen")
    return ada, soon(clinic, hours=first + 1, given_name="Bo", family_name="Okafor")


def day_in(clinic: Clinic, hours: int) -> Any:
    hour = datetime.fromtimestamp(timezone.now().timestamp() // 3600 * 3600, UTC)
    return (hour + timedelta(hours=hours)).astimezone(clinic.facility.zone).date()


def test_key_narrows_and_who_confirms_meanwhile_leaves_by_themselves(
    page: Page, sign_in: Callable[..., None], clinic: Clinic
) -> None:
    ada, bo = visits_on_one_day(clinic)
    sign_in(desk(clinic))
    schedule(page, ada)
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="Unconfirmed, 24 h 2")).to_have_attribute("aria-pressed", "true")
    confirmation.confirm(appointment=bo, channel="phone", now=timezone.now())
    page.evaluate("document.dispatchEvent(new Event('appointment-changed'))")
    expect(card(page, bo)).to_have_count(0)
    expect(card(page, ada)).to_be_visible()
    expect(page.get_by_role("button", name="Unconfirmed, 24 h 1")).to_be_visible()


@pytest.mark.parametrize(("width", "colors"), [(360, "dark"), (1440, "light")])
def test_filter_fits_and_has_no_axe_violations(
    open_page: Callable[..., Page], sign_in: Callable[..., None], clinic: Clinic, colors: str, width: int
) -> None:
    ada, bo = visits_on_one_day(clinic)
    confirmation.confirm(appointment=bo, channel="phone", now=timezone.now())
    page = open_page(viewport={"width": width, "height": 800}, color_scheme=colors)
    member = desk(clinic)
    sign_in(member, on=page)
    remember(user=member.user, unconfirmed=True)
    for view in SchedulerView.Orientation.values:
        schedule(page, ada, view)
        assert_fits_and_is_accessible(page)
    page.goto("/schedule/keys/")
    assert_fits_and_is_accessible(page)
