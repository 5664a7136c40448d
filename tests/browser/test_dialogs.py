"""Booking, changing and finding in real Chromium: by mouse, by keyboard alone, without JavaScript, and when somebody was faster."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from appointments.models import Appointment, Customer
from scheduling import booking
from tests import factories as make
from tests.scheduling.desk import DAY, Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk():
    desk = Desk.open()
    Customer.objects.filter(pk=desk.customer.pk).update(given_name="Rosa", family_name="Silva")
    desk.customer.refresh_from_db()
    return desk


@pytest.fixture
def at_desk(desk, page, sign_in):
    """A browser in which a provider of the facility is signed in."""
    sign_in(make.staff(at=desk.facility, takes_appointments=False))
    return page


def shown(page, part):
    """The part, once HTMX has taken it in."""
    found = page.locator(f"#{part}:not(.htmx-settling)")
    expect(found).to_be_visible()
    return found


def open_booking(page, desk):
    page.goto(f"/customers/{desk.customer.pk}/")
    page.get_by_role("link", name="Book", exact=True).click()
    return shown(page, "booking")


def fill(form, desk, time="10:00"):
    form.get_by_label("Program").select_option(label=desk.program.name)
    form.get_by_label("Staff member").select_option(label=desk.staff.display_name)
    form.get_by_label("Date", exact=True).fill(DAY.isoformat())
    form.get_by_label(re.compile("^Time")).fill(time)


def somebody_else_moves(desk, appointment, hour=15):
    booking.reschedule(
        appointment=Appointment.objects.get(pk=appointment.pk),
        starts_at=make.at(DAY, hour),
        by=desk.staff.user,
        now=timezone.now(),
    )


def test_book_by_mouse_and_see_it_on_the_customers_page(at_desk, desk):
    form = open_booking(at_desk, desk)
    fill(form, desk)
    expect(form.locator(".lands")).to_contain_text("10:00–10:30 AM")
    form.get_by_role("button", name="Book", exact=True).click()
    expect(at_desk.locator("#toasts")).to_contain_text("Booked: Rosa Silva")
    expect(at_desk.locator("#dialog")).not_to_be_visible()
    expect(at_desk.locator("#customer-visits")).to_contain_text("10:00–10:30 AM")
    assert Appointment.objects.get().starts_at == make.at(DAY, 10)


def test_book_by_keyboard_alone(at_desk, desk):
    page = at_desk
    page.goto(f"/customers/{desk.customer.pk}/")
    page.get_by_role("link", name="Book", exact=True).focus()
    page.keyboard.press("Enter")
    shown(page, "booking")
    search = page.get_by_role("combobox", name="Customer")
    while not search.evaluate("element => element === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("rosa s", delay=20)
    expect(page.get_by_role("option", name=re.compile("Rosa Silva"))).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(search).to_have_attribute("aria-activedescendant", f"customer-option-{desk.customer.pk}")
    page.keyboard.press("Enter")
    expect(search).to_have_value("Rosa Silva")
    expect(page.locator("#customer-options")).to_be_hidden()
    expect(page.locator(".chosen")).to_contain_text("Rosa Silva")
    press_to(page, "program", desk.program.name)
    expect(page.locator("[name=minutes]")).to_have_value("30")
    press_to(page, "staff", desk.staff.display_name)
    tab_to(page, "date")
    page.keyboard.type(f"{DAY:%m%d%Y}")
    tab_to(page, "time")
    page.keyboard.type("1015AM")
    tab_to(page, "minutes")
    expect(page.locator(".lands")).to_contain_text("10:15–10:45 AM")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Booked: Rosa Silva")
    made = Appointment.objects.get()
    assert (made.starts_at, made.customer) == (make.at(DAY, 10, 15), desk.customer)
    expect(page.get_by_role("link", name="Book", exact=True)).to_be_focused()


def tab_to(page, name):
    for _ in range(20):
        if page.evaluate("document.activeElement.name") == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {name}.")


def press_to(page, name, label):
    """Choose in a select as its letters are typed."""
    tab_to(page, name)
    page.keyboard.type(label)
    expect(page.locator(f"[name={name}] option:checked")).to_have_text(label)


def test_escape_closes_the_list_first_and_the_dialog_then(at_desk, desk):
    form = open_booking(at_desk, desk)
    search = form.get_by_role("combobox", name="Customer")
    search.fill("silva")
    expect(at_desk.locator("#customer-options [role=option]")).to_have_count(1)
    search.press("Escape")
    expect(at_desk.locator("#customer-options")).to_be_hidden()
    expect(at_desk.locator("#dialog")).to_be_visible()
    search.press("Escape")
    expect(at_desk.locator("#dialog")).not_to_be_visible()


def test_name_typed_over_the_chosen_one_chooses_nobody(at_desk, desk):
    form = open_booking(at_desk, desk)
    fill(form, desk)
    form.get_by_role("combobox", name="Customer").fill("Somebody Else")
    form.get_by_role("button", name="Book", exact=True).click()
    expect(form).to_contain_text("Nobody found. Check the name, or tick “New customer”.")
    assert not Appointment.objects.exists()


def test_lost_race_keeps_what_was_typed_and_takes_another_time_with_one_click(at_desk, desk):
    form = open_booking(at_desk, desk)
    fill(form, desk)
    form.get_by_text("Notes").click()
    form.get_by_label("Note", exact=False).first.fill("Bring the blue folder")
    expect(form.locator(".lands")).to_contain_text("10:00–10:30 AM")
    desk.appointment(10, customer=make.customer(at=desk.facility))
    form.get_by_role("button", name="Book", exact=True).click()
    expect(form.get_by_role("alert")).to_have_text("This time was just taken. Choose another time.")
    expect(form.get_by_label("Note", exact=False).first).to_have_value("Bring the blue folder")
    form.get_by_role("button", name="10:30 AM", exact=True).click()
    expect(at_desk.locator("#toasts")).to_contain_text("10:30 AM")
    made = Appointment.objects.get(customer=desk.customer)
    assert (made.starts_at, made.public_note) == (make.at(DAY, 10, 30), "Bring the blue folder")


def test_warning_comes_before_sending_and_an_offer_is_filled_in(at_desk, desk):
    desk.appointment(10, customer=make.customer(at=desk.facility))
    form = open_booking(at_desk, desk)
    fill(form, desk)
    form.get_by_label(re.compile("^Time")).press("Tab")
    expect(form).to_contain_text(f"{desk.staff} already has an appointment at this time.")
    form.get_by_role("button", name="9:30 AM", exact=True).click()
    expect(form.get_by_label(re.compile("^Time"))).to_have_value("09:30")
    expect(form.locator(".lands")).to_be_focused()
    assert not Appointment.objects.filter(customer=desk.customer).exists()


def test_enter_in_a_field_books_the_typed_time_and_no_offered_one(at_desk, desk):
    form = open_booking(at_desk, desk)
    fill(form, desk, "18:00")
    form.get_by_label(re.compile("^Time")).press("Tab")
    expect(form.locator(".offers")).to_be_visible()
    form.get_by_label("Book outside working hours").check()
    expect(form.get_by_label("Book outside working hours")).to_be_checked()
    form.get_by_label("Length in minutes").press("Enter")
    expect(at_desk.locator("#toasts")).to_contain_text("6:00 PM")
    assert Appointment.objects.get().starts_at == make.at(DAY, 18)


def test_new_customer_is_booked_inline(at_desk, desk):
    form = open_booking(at_desk, desk)
    form.get_by_role("combobox", name="Customer").fill("Omar Farouk")
    form.get_by_label("New customer").check()
    expect(form.get_by_label("Given name")).to_have_value("Omar")
    form.get_by_label("Birth date").fill("1968-02-17")
    form.get_by_label("Phone").fill("(212) 555-0143")
    fill(form, desk)
    form.get_by_role("button", name="Book", exact=True).click()
    expect(at_desk.locator("#toasts")).to_contain_text("Booked: Omar Farouk")
    assert Appointment.objects.get().customer.phone == "+12125550143"


def open_appointment(page, desk):
    page.goto(f"/customers/{desk.customer.pk}/")
    page.locator("#customer-visits a").first.click()
    return shown(page, "appointment")


def test_mark_and_undo_from_the_toast(at_desk, desk):
    booked = desk.appointment(10)
    open_appointment(at_desk, desk).get_by_role("button", name="Arrived").click()
    expect(at_desk.locator("#customer-visits .tag")).to_have_text("Arrived")
    at_desk.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(at_desk.locator("#customer-visits .tag")).to_have_text("Scheduled")
    booked.refresh_from_db()
    assert booked.version == 2


def test_stale_mark_shows_the_new_state_and_may_be_applied_again(at_desk, desk):
    booked = desk.appointment(10)
    card = open_appointment(at_desk, desk)
    somebody_else_moves(desk, booked)
    card.get_by_role("button", name="Arrived").click()
    expect(card.get_by_role("alert")).to_contain_text("changed this appointment in the meantime")
    expect(card).to_contain_text("3:00–3:30 PM")
    card.get_by_role("button", name="Arrived").click()
    expect(at_desk.locator("#toasts")).to_contain_text("Rosa Silva: arrived.")
    booked.refresh_from_db()
    assert (booked.status, booked.starts_at) == ("arrived", make.at(DAY, 15))


def test_stale_move_keeps_what_was_typed(at_desk, desk):
    booked = desk.appointment(10)
    open_appointment(at_desk, desk).get_by_role("link", name="Reschedule or reassign").click()
    form = shown(at_desk, "appointment-move")
    form.get_by_label(re.compile("^Time")).fill("13:00")
    somebody_else_moves(desk, booked)
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("changed this appointment in the meantime")
    expect(form).to_contain_text("3:00–3:30 PM")
    expect(form.get_by_label(re.compile("^Time"))).to_have_value("13:00")
    form.get_by_role("button", name="Save").click()
    expect(at_desk.locator("#toasts")).to_contain_text("1:00–1:30 PM")
    at_desk.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(at_desk.locator("#toasts")).to_contain_text("Moved back")
    booked.refresh_from_db()
    assert booked.starts_at == make.at(DAY, 15)


def test_cancel_with_a_reason(at_desk, desk):
    booked = desk.appointment(10)
    open_appointment(at_desk, desk).get_by_role("link", name="Cancel appointment").click()
    form = shown(at_desk, "appointment-cancel")
    form.get_by_role("button", name="Cancel appointment").click()
    expect(form).to_contain_text("Enter the reason")
    form.get_by_label("Reason").fill("Customer is ill")
    form.get_by_role("button", name="Cancel appointment").click()
    expect(at_desk.locator("#customer-visits .tag")).to_have_text("Cancelled")
    booked.refresh_from_db()
    assert booked.cancel_reason == "Customer is ill"


def test_private_note_is_fetched_only_by_its_button(at_desk, desk):
    desk.appointment(10, private_note="Fears the stairs")
    card = open_appointment(at_desk, desk)
    assert "stairs" not in at_desk.content()
    card.get_by_role("link", name="Show").click()
    expect(card.get_by_label("Private note")).to_have_value("Fears the stairs")


def test_found_time_opens_the_booking_form(at_desk, desk):
    at_desk.goto(f"/customers/{desk.customer.pk}/")
    at_desk.get_by_role("link", name="Find a time").click()
    form = shown(at_desk, "find-time")
    form.get_by_label("From").fill(DAY.isoformat())
    form.get_by_label("Program").select_option(label=desk.program.name)
    form.get_by_role("link", name=f"1:30 PM, {desk.staff}").first.click()
    booking_form = shown(at_desk, "booking")
    expect(booking_form.get_by_label(re.compile("^Time"))).to_have_value("13:30")
    booking_form.get_by_role("button", name="Book", exact=True).click()
    expect(at_desk.locator("#toasts")).to_contain_text("Booked: Rosa Silva")
    assert Appointment.objects.get().starts_at == make.at(DAY, 13, 30)


@pytest.mark.parametrize("where", ["booking", "appointment", "find-time", "appointment-move"])
def test_dialogs_have_no_axe_violations(at_desk, desk, where):
    if where == "booking":
        desk.appointment(10, customer=make.customer())
        fill(open_booking(at_desk, desk), desk, "10:00")
        at_desk.keyboard.press("Tab")
        expect(at_desk.locator(".offers")).to_be_visible()
    elif where == "find-time":
        at_desk.goto(f"/schedule/find/?program={desk.program.pk}")
    else:
        desk.appointment(10)
        card = open_appointment(at_desk, desk)
        card.get_by_text("History").click()
        if where == "appointment-move":
            card.get_by_role("link", name="Reschedule or reassign").click()
            shown(at_desk, where)
    found = Axe().run(at_desk, context=f"#{where}")
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found.response["violations"]] == []


def test_book_without_javascript(desk, open_page, sign_in):
    page = open_page(java_script_enabled=False)
    sign_in(make.staff(at=desk.facility, takes_appointments=False), on=page)
    page.goto(f"/schedule/book/?staff={desk.staff.pk}&at={make.at(DAY, 10):%Y-%m-%dT%H:%M:%SZ}")
    page.get_by_label("Customer", exact=True).fill("silva")
    page.get_by_role("button", name="Book").click()
    page.get_by_label(re.compile("Rosa Silva")).check()
    page.get_by_role("button", name="Book").click()
    expect(page.get_by_text("Booked: Rosa Silva")).to_be_visible()
    assert Appointment.objects.get().starts_at == make.at(DAY, 10)
