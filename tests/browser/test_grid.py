"""The day grid in real Chromium: cells under the keyboard, booking from a slot, others' changes, pickers, narrow windows."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect

from appointments.models import Appointment, Customer, StaffMember
from scheduling import booking
from scheduling.models import SchedulerView
from securecare import localtime
from tests import factories as make
from tests.scheduling.desk import DAY, Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

both = pytest.mark.parametrize("view", ["vertical", "horizontal"])
every = pytest.mark.parametrize("view", ["vertical", "horizontal", "list"])


@pytest.fixture
def desk():
    """Dana Reyes and Priya Nair work from nine to five; Ada Nguyen comes to Dana at ten."""
    desk = Desk.open(name="Northside")
    StaffMember.objects.filter(pk=desk.staff.pk).update(display_name="Dana Reyes")
    Customer.objects.filter(pk=desk.customer.pk).update(given_name="Ada", family_name="Nguyen")
    desk.staff.refresh_from_db()
    desk.customer.refresh_from_db()
    desk.program.name = "Intake"
    desk.program.save()
    priya = desk.colleague()
    StaffMember.objects.filter(pk=priya.pk).update(display_name="Priya Nair")
    return desk


@pytest.fixture
def schedule(desk, page, sign_in):
    def go(view="vertical", role="front_desk", day=DAY):
        sign_in(make.staff(at=desk.facility, role=role, takes_appointments=False))
        page.goto(f"/schedule/?date={day}&view={view}")
        return page

    return go


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)
    return focused(page)


def another(desk, hour, name="Omar Farouk", **fields):
    given, family = name.split()
    customer = make.customer(at=desk.facility, given_name=given, family_name=family)
    return desk.appointment(hour, customer=customer, **fields)


def test_arrows_walk_over_cells_that_say_what_they_are(schedule, desk):
    made = desk.appointment(10)
    Appointment.objects.filter(pk=made.pk).update(email_confirmed_at=timezone.now())
    make.time_off(
        staff=StaffMember.objects.get(display_name="Priya Nair"),
        first_day=DAY,
        starts="14:00",
        reason="Training day",
    )
    page = schedule()

    assert press(page, "g") == "9:00 AM, Dana Reyes, free"
    card = "10:00 to 10:30 AM, Dana Reyes, Ada Nguyen, Intake, scheduled, confirmed by e-mail"
    assert press(page, *["ArrowDown"] * 4) == card
    assert press(page, "ArrowDown") == "10:30 AM, Dana Reyes, free"
    assert press(page, "ArrowUp") == card
    assert press(page, "ArrowRight") == "10:15 AM, Priya Nair, free"
    assert (
        press(page, "PageDown", "PageDown", "PageDown", "PageDown")
        == "2:15 PM, Priya Nair, time off: Training day"
    )
    assert press(page, "Home") == "2:15 PM, Dana Reyes, free"
    assert press(page, "Control+End") == "4:45 PM, Priya Nair, time off: Training day"
    assert press(page, "ArrowDown", "ArrowRight") == "4:45 PM, Priya Nair, time off: Training day"
    assert press(page, "Control+Home") == "9:00 AM, Dana Reyes, free"


def test_arrows_turn_with_the_grid(schedule, desk):
    desk.appointment(10)
    page = schedule("horizontal")

    assert press(page, "g") == "9:00 AM, Dana Reyes, free"
    assert press(page, "ArrowDown") == "9:00 AM, Priya Nair, free"
    assert press(page, "End") == "4:45 PM, Priya Nair, free"
    assert press(page, "ArrowUp", "Home", "PageDown") == (
        "10:00 to 10:30 AM, Dana Reyes, Ada Nguyen, Intake, scheduled"
    )
    assert press(page, "ArrowRight") == "10:30 AM, Dana Reyes, free"


@both
def test_grid_is_one_tab_stop_and_knows_where_its_cells_are(schedule, desk, view):
    desk.appointment(10)
    page = schedule(view)

    press(page, "g", "ArrowRight", "ArrowDown")
    place = page.evaluate(
        """() => {
        const cell = document.activeElement, grid = cell.closest('[role=grid]');
        return [cell.role, cell.ariaColIndex, cell.parentElement.role, cell.parentElement.ariaRowIndex,
                grid.ariaRowCount, grid.ariaColCount, grid.querySelectorAll('[tabindex="0"]').length,
                grid.querySelectorAll('a:not([tabindex="-1"])').length];
        }"""
    )

    counts = {"vertical": ["33", "3"], "horizontal": ["3", "33"]}[view]
    assert place == ["gridcell", "3", "row", "3", *counts, 1, 0]
    page.keyboard.press("Tab")
    assert not page.evaluate("document.querySelector('[role=grid]').contains(document.activeElement)")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.role") == "gridcell"


def test_overlapping_cards_are_reached_one_after_the_other(schedule, desk):
    gone = another(desk, 10, "Omar Farouk", minutes=60)
    booking.cancel(appointment=gone, reason="", by=desk.staff.user, now=timezone.now())
    desk.appointment(10)
    page = schedule()

    press(page, "g", *["ArrowDown"] * 4)
    assert "Ada Nguyen" in focused(page)
    assert "Omar Farouk, Intake, cancelled" in press(page, "ArrowRight")
    assert "Priya Nair, free" in press(page, "ArrowRight")
    assert "Omar Farouk" in press(page, "ArrowLeft")
    assert "Ada Nguyen" in press(page, "ArrowLeft")


@both
def test_enter_on_a_free_slot_books_there_and_comes_back_to_it(schedule, desk, view):
    page = schedule(view)
    down, right = ("ArrowDown", "ArrowRight") if view == "vertical" else ("ArrowRight", "ArrowDown")
    press(page, "g", down, right, "Enter")

    expect(page.get_by_label("Staff member")).to_have_value(
        str(StaffMember.objects.get(display_name="Priya Nair").pk)
    )
    expect(page.get_by_label(re.compile("^Time"))).to_have_value("09:15")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    assert focused(page) == "9:15 AM, Priya Nair, free"


@both
def test_click_on_a_free_slot_books_there(schedule, desk, view):
    page = schedule(view)
    lines = page.locator(".lines").bounding_box()
    along, across = 10.5 / 32, 0.25
    x, y = (across, along) if view == "vertical" else (along, across)
    at = (lines["x"] + lines["width"] * x, lines["y"] + lines["height"] * y)

    page.mouse.move(*at)
    expect(page.locator(".hint")).to_have_text("11:30 AM")
    page.mouse.click(*at)

    expect(page.get_by_label(re.compile("^Time"))).to_have_value("11:30")
    expect(page.get_by_label("Staff member")).to_have_value(str(desk.staff.pk))


def test_card_opens_the_appointment_by_mouse_and_by_keyboard(schedule, desk):
    desk.appointment(10)
    page = schedule()

    page.locator(".card", has_text="Ada Nguyen").click()
    expect(page.locator("#dialog h2")).to_contain_text("Ada Nguyen")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    assert "Ada Nguyen" in focused(page)

    press(page, "Enter")
    expect(page.locator("#dialog h2")).to_contain_text("Ada Nguyen")


def test_who_may_only_look_opens_cards_and_books_nothing(schedule, desk):
    desk.appointment(10)
    page = schedule(role="billing")

    press(page, "g", "Enter")
    lines = page.locator(".lines").bounding_box()
    page.mouse.click(lines["x"] + 20, lines["y"] + 20)
    page.wait_for_timeout(300)
    expect(page.locator("#dialog")).to_be_hidden()

    page.locator(".card", has_text="Ada Nguyen").click()
    expect(page.locator("#dialog h2")).to_contain_text("Ada Nguyen")


@every
def test_what_somebody_else_books_appears_within_five_seconds(schedule, desk, view):
    page = schedule(view)
    name = "Omar Farouk"
    expect(page.get_by_text(name)).to_have_count(0)

    another(desk, 11, name)

    expect(page.get_by_text(name)).to_have_count(1, timeout=5000)
    expect(page.locator("#chip-scheduled")).to_contain_text("1")


def test_refresh_keeps_the_cursor_the_scroll_and_an_open_dialog(schedule, desk):
    for hour in range(9, 17):
        another(desk, hour, f"Visitor {'ABCDEFGHIJKLMNOPQ'[hour]}")
    page = schedule()
    page.set_viewport_size({"width": 1000, "height": 600})
    press(page, "g", *["PageDown"] * 6)
    here, scrolled = focused(page), page.evaluate("document.querySelector('.grid').scrollTop")
    assert scrolled > 0

    another(desk, 9, "Omar Farouk", staff=StaffMember.objects.get(display_name="Priya Nair"))
    expect(page.locator(".card", has_text="Omar Farouk")).to_have_count(1, timeout=5000)
    assert (focused(page), page.evaluate("document.querySelector('.grid').scrollTop")) == (here, scrolled)

    page.keyboard.press("n")
    search = page.get_by_role("combobox", name="Customer")
    search.fill("Rosa")
    another(desk, 11, "Late Comer", staff=StaffMember.objects.get(display_name="Priya Nair"))
    expect(page.locator(".card", has_text="Late Comer")).to_have_count(1, timeout=5000)
    expect(search).to_have_value("Rosa")
    expect(search).to_be_focused()


def test_refresh_keeps_the_place_in_the_list(schedule, desk):
    for hour in range(9, 17):
        another(desk, hour, f"Visitor {'ABCDEFGHIJKLMNOPQ'[hour]}")
    page = schedule("list")
    page.set_viewport_size({"width": 1000, "height": 500})
    link = page.get_by_role("link", name="Open 3:00–3:30 PM, Visitor P")
    link.focus()
    scrolled = page.evaluate("document.querySelector('.day-list').scrollTop")
    assert scrolled > 0

    another(desk, 9, "Omar Farouk", staff=StaffMember.objects.get(display_name="Priya Nair"))

    expect(page.get_by_text("Omar Farouk")).to_have_count(1, timeout=5000)
    expect(link).to_be_focused()
    assert page.evaluate("document.querySelector('.day-list').scrollTop") == scrolled

    page.keyboard.press("Enter")
    expect(page.locator("#dialog h2")).to_contain_text("Visitor P")
    another(desk, 10, "Late Comer", staff=StaffMember.objects.get(display_name="Priya Nair"))
    expect(page.get_by_text("Late Comer")).to_have_count(1, timeout=5000)
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


def test_day_sheet_prints_a_page_for_each_person(schedule, desk):
    desk.appointment(10)
    page = schedule()
    page.goto(f"/schedule/sheet/?date={DAY}")
    expect(page.get_by_role("button", name="Print")).to_be_visible()

    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf())) == 2
    page.emulate_media(media="print")
    expect(page.locator(".bar")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


def test_nothing_is_rendered_while_nothing_changes(schedule, desk):
    page = schedule()
    answers = []
    page.on("response", lambda answer: answers.append(answer.status) if "known=" in answer.url else None)

    page.wait_for_timeout(4500)

    assert set(answers) == {204}


def test_lost_connection_is_said_quietly_and_ends(schedule, desk):
    page = schedule()
    page.context.set_offline(True)
    expect(page.locator("[data-live]")).to_contain_text("Offline", timeout=9000)
    expect(page.locator(".toast")).to_have_count(0)

    page.context.set_offline(False)

    expect(page.locator("[data-live]")).to_have_text("Live", timeout=9000)


def test_other_tab_does_not_turn_this_one(schedule, desk, open_page):
    page = schedule()
    other = page.context.new_page()
    other.goto(f"/schedule/?date={DAY}&view=horizontal")
    expect(other.locator(".grid.horizontal")).to_be_visible()

    another(desk, 11, "Omar Farouk")

    expect(page.locator(".card", has_text="Omar Farouk")).to_have_count(1, timeout=5000)
    expect(page.locator(".grid.vertical")).to_be_visible()
    assert SchedulerView.objects.get().orientation == "horizontal"


def test_staff_picker_searches_and_shows_whom_it_is_told(schedule, desk):
    page = schedule()

    page.keyboard.press("/")
    expect(page.get_by_label("Search staff")).to_be_focused()
    page.keyboard.type("reyes")
    expect(page.get_by_label("Priya Nair")).to_be_hidden()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show those ticked").click()

    expect(page.locator(".head")).to_have_text([re.compile("Priya Nair")])
    expect(page.locator("#staff-menu > summary")).to_be_focused()

    page.locator("#staff-menu > summary").click()
    page.get_by_role("button", name="Everyone working this day").click()
    expect(page.locator(".head")).to_have_count(2)


def test_status_chip_keeps_the_focus_and_the_held_time(schedule, desk):
    desk.appointment(10)
    page = schedule()

    chip = page.locator("#chip-scheduled")
    chip.focus()
    page.keyboard.press("Enter")

    expect(chip).to_have_attribute("aria-pressed", "false")
    expect(chip).to_be_focused()
    expect(page.get_by_text("Ada Nguyen")).to_have_count(0)
    assert press(page, "g", *["ArrowDown"] * 4).endswith("taken, hidden by the filter")


def test_keys_are_listed_and_can_be_switched_off(schedule, desk):
    page = schedule()
    page.keyboard.press("?")
    expect(page.locator("#dialog h2")).to_have_text("Keys on the schedule")
    page.get_by_label("Switch off the single-letter keys").check()
    page.keyboard.press("Escape")

    page.keyboard.press("h")
    page.wait_for_timeout(300)
    expect(page.locator(".grid.vertical")).to_be_visible()

    page.keyboard.press("?")
    page.get_by_label("Switch off the single-letter keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("h")
    expect(page.locator(".grid.horizontal")).to_be_visible()


def test_keys_step_through_days_and_typing_is_left_alone(schedule, desk):
    page = schedule()
    page.keyboard.press("]")
    page.wait_for_url(f"**date={DAY + timedelta(days=1)}*")
    page.keyboard.press("[")
    page.wait_for_url(f"**date={DAY}*")

    page.keyboard.press("n")
    page.get_by_role("combobox", name="Customer").press_sequentially("tvl")
    expect(page.get_by_role("combobox", name="Customer")).to_have_value("tvl")
    expect(page.locator(".grid.vertical")).to_be_visible()


def test_now_line_stands_where_the_server_says_whatever_the_browsers_zone(schedule, desk, page):
    now = timezone.now()
    today = localtime.local_date(now, desk.facility.zone)
    sent = {"user": make.staff(at=desk.facility, takes_appointments=False)}
    SchedulerView.objects.create(user=sent["user"].user, whole_day=True, staff=[desk.staff.pk])
    schedule(day=today)
    page.get_by_role("button", name="Whole day").click()
    expect(page.locator("#whole-day")).to_have_attribute("aria-pressed", "true")

    line, lines = page.locator(".now").bounding_box(), page.locator(".lines").bounding_box()

    opens, closes = localtime.day_bounds(today, desk.facility.zone)
    share = (line["y"] - lines["y"]) / lines["height"]
    assert abs(share - (now - opens) / (closes - opens)) < 0.01


@both
@pytest.mark.parametrize("width", [360, 1440])
def test_slots_are_targets_of_24_pixels_and_nothing_spills(schedule, desk, page, view, width):
    desk.appointment(10, minutes=15)
    page.set_viewport_size({"width": width, "height": 800})
    schedule(view)

    lines = page.locator(".lines").bounding_box()
    along, across = ("height", "width") if view == "vertical" else ("width", "height")
    assert lines[along] / 32 >= 24
    assert lines[across] / 2 >= 24
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, a, summary, input')].filter((each) => {
          const box = each.getBoundingClientRect();
          return box.width && each.checkVisibility() && !each.closest('.card, .skip, p, .menu:not([open]) .panel')
            && (box.width < 24 || box.height < 24);
        }).map((each) => each.outerHTML)"""
    )
    assert small == []


@every
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(schedule, desk, page, view, scheme):
    desk.appointment(10, minutes=15)
    for hour, status in ((11, "arrived"), (12, "completed"), (13, "no_show")):
        made = another(desk, hour, "Omar Farouk")
        Appointment.objects.filter(pk=made.pk).update(
            status=status,
            **({"arrived_at": timezone.now(), "arrived_by": desk.staff.user} if status == "arrived" else {}),
        )
    gone = another(desk, 14, "Grace Kim", minutes=60)
    booking.cancel(appointment=gone, reason="", by=desk.staff.user, now=timezone.now())
    waiting = another(desk, 14, "June Park")
    Appointment.objects.filter(pk=waiting.pk).update(status="pending_reassignment")
    make.time_off(staff=desk.staff, first_day=DAY, starts="16:00", reason="Training day")
    page.emulate_media(color_scheme=scheme)
    schedule(view)
    page.get_by_role("heading", level=1).wait_for()

    found = Axe().run(page)

    assert [
        (each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found.response["violations"]
    ] == []


def test_schedule_works_without_javascript(desk, open_page, sign_in, live_server):
    page = open_page(java_script_enabled=False)
    desk.appointment(10)
    sign_in(make.staff(at=desk.facility, role="front_desk", takes_appointments=False), on=page)
    page.goto(f"/schedule/?date={DAY}&view=list")

    page.locator("#staff-menu > summary").click()
    page.get_by_role("checkbox", name="Priya Nair").uncheck()
    page.get_by_role("button", name="Show those ticked").click()
    expect(page.locator(".day-list h2")).to_have_count(1)
    page.get_by_role("link", name="Book 9:00–10:00 AM, Dana Reyes").click()
    expect(page.get_by_label(re.compile("^Time"))).to_have_value("09:00")

    page.goto(f"/schedule/?date={DAY}&view=vertical")
    page.get_by_role("link", name="Ada Nguyen").click()
    expect(page.locator("h1, h2").first).to_contain_text("Ada Nguyen")
