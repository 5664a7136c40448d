"""Work hours and reassignment in real Chromium: with and without JavaScript, by keyboard, and when somebody was faster."""

from datetime import time, timedelta
from urllib.parse import urljoin

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from appointments.models import Appointment
from scheduling import booking, staffing
from scheduling.models import Shift
from scheduling.staffing.time_off import Away
from tests import factories as make
from tests.scheduling.desk import DAY, Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
LIST = "/schedule/reassignment/"


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def signed_in(desk, page, live_server):
    """A browser in which a manager of the facility is signed in."""
    session = desk.signed_in("manager").cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}
    page.context.add_cookies([cookie])
    page.goto(f"{live_server.url}/hours/")
    return page


def visit(page, path):
    page.goto(urljoin(page.url, path))


def open_week(page, desk):
    visit(page, reverse("hours-week", args=[desk.staff.pk, desk.facility.pk]))


def strand(desk, *hours):
    made = [desk.appointment(hour, customer=make.customer(at=desk.facility)) for hour in hours]
    staffing.enter_time_off(
        staff=desk.staff, away=Away(DAY, DAY), reason="Leave", by=desk.staff.user, now=timezone.now()
    )
    return [Appointment.objects.get(pk=appointment.pk) for appointment in made]


def status(appointment):
    return Appointment.objects.get(pk=appointment.pk).status


def shifts(desk, weekday):
    found = Shift.objects.filter(staff=desk.staff, weekday=weekday, valid_until=None).order_by("starts")
    return list(found.values_list("starts", "ends"))


def test_split_shift_is_added_checked_and_saved(signed_in, desk):
    page = signed_in
    made = desk.appointment(12)
    open_week(page, desk)
    page.get_by_label("From", exact=True).fill((DAY - timedelta(days=6)).isoformat())
    page.get_by_label("Monday, shift 1, until").fill("12:00")
    page.get_by_role("button", name="Add a shift on Monday").click()
    added = page.get_by_label("Monday, shift 2, from")
    expect(added).to_be_focused()
    added.fill("13:00")
    page.get_by_label("Monday, shift 2, until").fill("17:00")
    page.get_by_role("button", name="Same Monday to Friday").click()
    expect(page.get_by_label("Friday, shift 2, from")).to_have_value("13:00")
    for day in ("Saturday", "Sunday"):
        for edge, at in (("from", "09:00"), ("until", "12:00")):
            page.get_by_label(f"{day}, shift 1, {edge}").fill(at)
    page.get_by_role("button", name="Check first").click()
    expect(page.locator(".effect")).to_contain_text("1 appointment would be left without working hours")
    expect(page.locator(".effect h2")).to_be_focused()
    assert status(made) == "scheduled"
    page.get_by_role("button", name="Save, leaving 1 to reassign").click()
    expect(page.locator("#messages")).to_contain_text("1 appointment waits for reassignment.")
    assert status(made) == "pending_reassignment"
    assert shifts(desk, 4) == [(time(9), time(12)), (time(13), time(17))]


def test_enter_in_the_week_saves_and_adds_no_row(signed_in, desk):
    open_week(signed_in, desk)
    field = signed_in.get_by_label("Tuesday, shift 1, until")
    field.fill("16:00")
    field.press("Enter")
    expect(signed_in.locator("#messages")).to_contain_text("hours at Northside are set")
    assert shifts(desk, 1) == [(time(9), time(16))]


def test_stale_week_keeps_what_was_typed(signed_in, desk):
    open_week(signed_in, desk)
    signed_in.get_by_label("Tuesday, shift 1, until").fill("15:15")
    staffing.set_week(
        staff=desk.staff,
        facility=desk.facility,
        shifts=[staffing.PlannedShift(3, time(8), time(11))],
        first_day=DAY,
        by=desk.staff.user,
        now=timezone.now(),
    )
    signed_in.locator("#save-week").click()
    expect(signed_in.locator(".notice.error")).to_contain_text("Someone changed these hours in the meantime.")
    expect(signed_in.get_by_label("Tuesday, shift 1, until")).to_have_value("15:15")


def test_week_works_without_javascript(browser, signed_in, desk):
    context = browser.new_context(java_script_enabled=False, storage_state=signed_in.context.storage_state())
    page = context.new_page()
    page.goto(signed_in.url)
    open_week(page, desk)
    page.get_by_role("button", name="Add a shift on Monday").click()
    page.get_by_label("Monday, shift 2, from").fill("18:00")
    page.get_by_label("Monday, shift 2, until").fill("20:00")
    page.locator("#save-week").click()
    expect(page.locator("#messages")).to_contain_text("hours at Northside are set")
    assert shifts(desk, 0) == [(time(9), time(17)), (time(18), time(20))]
    context.close()


def test_bulk_reassigns_and_the_count_in_the_bar_follows(signed_in, desk):
    colleague = desk.colleague()
    first, second, third = strand(desk, 10, 11, 12)
    desk.appointment(12, staff=colleague, customer=make.customer(at=desk.facility))
    visit(signed_in, LIST)
    signed_in.get_by_label("Select all").check()
    expect(signed_in.locator("[data-chosen]")).to_have_text("2 selected.")
    signed_in.get_by_role("button", name="Reassign selected to best match").click()
    expect(signed_in.locator(".outcomes li")).to_have_count(2)
    expect(signed_in.locator(".bar .count")).to_contain_text("1")
    assert [status(one) for one in (first, second, third)] == [
        "scheduled",
        "scheduled",
        "pending_reassignment",
    ]


def test_list_follows_a_cancellation_from_its_dialog(signed_in, desk):
    made = strand(desk, 10)[0]
    visit(signed_in, LIST)
    signed_in.locator(".stranded").get_by_role("link", name="Cancel").click()
    dialog = signed_in.locator("#dialog")
    dialog.get_by_label("Reason").fill("Staff member is ill")
    dialog.get_by_role("button", name="Cancel appointment").click()
    expect(signed_in.locator("#reassignment-list")).to_contain_text("Nothing waits for reassignment")
    assert status(made) == "cancelled"


def test_another_time_is_taken_through_the_move_form(signed_in, desk):
    made = strand(desk, 10)[0]
    visit(signed_in, LIST)
    tomorrow = DAY + timedelta(days=1)
    signed_in.get_by_role("link", name=f"{tomorrow:%a, %b %-d}, 10:00 AM").click()
    signed_in.locator("#dialog").get_by_role("button", name="Save").click()
    expect(signed_in.locator("#reassignment-list")).to_contain_text("Nothing waits for reassignment")
    assert Appointment.objects.get(pk=made.pk).starts_at == make.at(tomorrow, 10)


def test_ticks_survive_a_refresh_but_not_a_change_of_what_was_ticked(signed_in, desk):
    desk.colleague()
    first, second = strand(desk, 10, 11)
    visit(signed_in, LIST)
    for one in (first, second):
        signed_in.locator(f"#row-{one.reference}").check()
    booking.edit_notes(
        appointment=second, by=desk.staff.user, now=timezone.now(), public_note="Bring your card"
    )
    signed_in.evaluate("document.dispatchEvent(new CustomEvent('appointment-changed'))")
    expect(signed_in.locator("[data-chosen]")).to_have_text("1 selected.")
    expect(signed_in.locator(f"#row-{first.reference}")).to_be_checked()
    expect(signed_in.locator(f"#row-{second.reference}")).not_to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_pages_fit_and_have_no_barriers(signed_in, desk, scheme, width):
    desk.colleague()
    strand(desk, 10, 11)
    make.time_off(staff=desk.staff, first_day=DAY + timedelta(days=3), state="requested")
    asked = desk.staff.time_off.get(state="requested")
    signed_in.set_viewport_size({"width": width, "height": 900})
    signed_in.emulate_media(color_scheme=scheme)
    for path in (
        LIST,
        "/hours/",
        "/hours/closures/",
        reverse("hours-person", args=[desk.staff.pk]),
        reverse("hours-time-off", args=[desk.staff.pk]),
        reverse("hours-week", args=[desk.staff.pk, desk.facility.pk]),
        reverse("hours-decide", args=[asked.pk]),
    ):
        visit(signed_in, path)
        overflow = signed_in.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        found = Axe().run(signed_in).response["violations"]
        problems = [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found]
        assert (path, overflow, problems) == (path, 0, [])
