"""What is signed, in real Chromium: heard on the day grid, seen when it changes, and asked for at the door."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from appointments.models import Appointment, Customer, StaffMember
from signatures.models import SignatureRequest, SigningRules
from tests import factories as make
from tests.scheduling.desk import DAY, Desk
from tests.signatures import papers

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

both = pytest.mark.parametrize("view", ["vertical", "horizontal"])


@pytest.fixture
def desk():
    """Ada Nguyen comes to Dana Reyes at ten, and has signed one of two documents."""
    desk = Desk.open(name="Northside")
    StaffMember.objects.filter(pk=desk.staff.pk).update(display_name="Dana Reyes")
    Customer.objects.filter(pk=desk.customer.pk).update(given_name="Ada", family_name="Nguyen")
    desk.staff.refresh_from_db()
    desk.customer.refresh_from_db()
    desk.program.name = "Intake"
    desk.program.save()
    SigningRules.objects.create(program=desk.program, holds_arrival=True)
    for title in ("Consent to care", "Release of information"):
        papers.template(needed_by=desk.program, title=title)
    sign(desk.appointment(10), "Consent to care")
    return desk


@pytest.fixture
def schedule(desk, page, sign_in):
    def go(view="vertical"):
        sign_in(make.staff(at=desk.facility, role="front_desk", takes_appointments=False))
        page.goto(f"/schedule/?date={DAY}&view={view}")
        return page

    return go


def sign(appointment, title):
    now = timezone.now()
    request = SignatureRequest.objects.get(attachments__appointment=appointment, template__title=title)
    SignatureRequest.objects.filter(pk=request.pk).update(state="sent", sent_at=now)
    request.refresh_from_db()
    papers.signed(request=request, now=now)


@both
def test_card_is_heard_with_what_is_signed_and_follows_a_signature(schedule, view):
    page = schedule(view)
    card = page.get_by_role("gridcell", name="Ada Nguyen")
    page.keyboard.press("g")
    page.keyboard.press("End" if view == "horizontal" else "Home")
    for _ in range(40):
        if "Ada Nguyen" in page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"):
            break
        page.keyboard.press("ArrowDown" if view == "vertical" else "ArrowLeft")
    name = "10:00 to 10:30 AM, Dana Reyes, Ada Nguyen, Intake, scheduled"
    expect(card).to_have_attribute("aria-label", f"{name}, 1 of 2 documents signed")

    sign(Appointment.objects.get(), "Release of information")

    expect(card).to_have_attribute("aria-label", f"{name}, all documents signed")
    expect(card).to_be_focused()


def test_arrival_without_a_signature_is_asked_for_twice_by_keyboard_alone(schedule):
    page = schedule()
    page.keyboard.press("g")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Arrived", exact=True).focus()

    page.keyboard.press("Enter")

    alert = dialog.get_by_role("alert")
    expect(alert).to_contain_text("Release of information")
    expect(alert.get_by_text("Not marked as arrived yet")).to_be_focused()
    assert Appointment.objects.get().status == "scheduled"
    expect(page.locator(".htmx-settling, .htmx-added")).to_have_count(0)
    page.keyboard.press("Tab")
    expect(alert.get_by_role("button", name="Arrived all the same")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator(".card.arrived")).to_have_count(1)
    assert Appointment.objects.get().events.latest("id").overrides == ["unsigned"]
