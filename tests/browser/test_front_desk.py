"""A day at the desk, with the sample organization and a sign-in it prints: book, drag, undo, reassign, cancel."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from appointments.models import Appointment, StaffMember
from scheduling.demo import people, seeding
from securecare import localtime

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def monday() -> date:
    """A Monday past the three weeks that the sample organization has appointments in."""
    now = timezone.now()
    seeding.seed(now=now)
    today = localtime.local_date(now, "America/New_York")
    return today + timedelta(days=21 - today.weekday())


def test_front_desk_books_drags_undoes_reassigns_and_cancels(
    open_page: Callable[..., Page], monday: date
) -> None:
    page = open_page(viewport={"width": 1440, "height": 1200})
    sign_in(page)
    for orientation in ("vertical", "horizontal"):
        page.goto(f"/schedule/?date={monday:%Y-%m-%d}&view={orientation}")
        desk = Desk(page, orientation)
        desk.book("Dana Reyes", "Ada Nguyen", "Tutoring", hour="10")
        visit = Appointment.objects.latest("pk")
        desk.drag_to("Marcus Bell", "Ada Nguyen")
        assert placed(visit).staff.display_name == "Marcus Bell"
        desk.undo("Ada Nguyen")
        assert placed(visit).staff.display_name == "Dana Reyes"
        desk.reassign("Ada Nguyen", "Jonah Fields")
        assert placed(visit).staff.display_name == "Jonah Fields"
        desk.cancel("Ada Nguyen", "Moved away")
        assert placed(visit).status == Appointment.Status.CANCELLED
        kinds = list(visit.events.values_list("kind", flat=True))
        assert kinds == ["booked", "reassigned", "reassigned", "reassigned", "cancelled"]


def placed(appointment: Appointment) -> Appointment:
    return Appointment.objects.select_related("staff").get(pk=appointment.pk)


def sign_in(page: Page) -> None:
    page.goto("/sign-in/")
    page.get_by_label("User name").fill("amy")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#day-grid")).to_be_visible()


class Desk:
    """What a front-desk person does with the mouse on the grid."""

    def __init__(self, page: Page, orientation: str) -> None:
        self.page = page
        self.is_vertical = orientation == "vertical"

    def card(self, name: str) -> Locator:
        return self.page.locator(".card:not(.ghost):not(.cancelled)", has_text=name)

    def head(self, name: str) -> dict[str, float]:
        staff = StaffMember.objects.get(display_name=name)
        box = self.page.locator(f".head[data-staff='{staff.pk}']").bounding_box()
        assert box
        return {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}

    def book(self, staff: str, customer: str, program: str, *, hour: str) -> None:
        mark = self.page.locator(".at", has_text=re.compile(rf"^{hour}:00 AM")).bounding_box()
        head = self.head(staff)
        assert mark
        if self.is_vertical:
            self.page.mouse.click(head["x"], mark["y"] + 14)
        else:
            self.page.mouse.click(mark["x"] + 14, head["y"])
        form = self.page.locator("#booking:not(.htmx-settling)")
        expect(form.locator("[name=staff] option:checked")).to_have_text(staff)
        form.get_by_role("combobox", name="Customer").press_sequentially(customer)
        self.page.get_by_role("option", name=re.compile(customer)).first.click()
        form.get_by_label("Program").select_option(label=program)
        form.get_by_role("button", name="Book", exact=True).click()
        expect(self.page.locator("#toasts")).to_contain_text(f"Booked: {customer}")
        expect(self.card(customer)).to_be_visible()

    def drag_to(self, staff: str, name: str) -> None:
        box = self.card(name).bounding_box()
        head = self.head(staff)
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(*((head["x"], y) if self.is_vertical else (x, head["y"])), steps=8)
        self.page.mouse.up()
        expect(self.page.locator(".toast").last).to_contain_text(staff)

    def undo(self, name: str) -> None:
        self.page.get_by_role("button", name="Undo").last.click()
        expect(self.page.locator(".toast").last).to_contain_text("Moved back")
        expect(self.card(name)).to_be_visible()

    def reassign(self, name: str, staff: str) -> None:
        dialog = self.open(name)
        dialog.get_by_role("link", name="Reschedule or reassign").click()
        form = self.page.locator("#appointment-move:not(.htmx-settling)")
        form.get_by_label("Staff member").select_option(label=staff)
        form.get_by_role("button", name="Save").click()
        expect(self.page.locator("#dialog")).not_to_be_visible()

    def cancel(self, name: str, reason: str) -> None:
        self.open(name).get_by_role("link", name="Cancel appointment").click()
        form = self.page.locator("#appointment-cancel:not(.htmx-settling)")
        form.get_by_label("Reason").fill(reason)
        form.get_by_role("button", name="Cancel appointment").click()
        expect(self.page.locator("#dialog")).not_to_be_visible()
        expect(self.card(name)).to_have_count(0)

    def open(self, name: str) -> Locator:
        expect(self.card(name)).not_to_have_class(re.compile("pending"))
        self.card(name).click()
        dialog = self.page.locator("#appointment:not(.htmx-settling)")
        expect(dialog).to_be_visible()
        return dialog
