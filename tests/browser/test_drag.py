"""Cards moved by mouse, finger and keyboard in real Chromium, in both orientations."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from appointments.models import Appointment, AppointmentEvent, StaffMember
from appointments.models.organisation import Role
from scheduling import booking
from tests import factories as make
from tests.scheduling.desk import DAY, Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

both = pytest.mark.parametrize("orientation", ["vertical", "horizontal"])


@dataclass
class Schedule:
    """The day grid in the browser, and what a hand does there."""

    page: Page
    orientation: str

    @property
    def is_vertical(self) -> bool:
        return self.orientation == "vertical"

    def card(self, name: str) -> Locator:
        return self.page.locator(".card:not(.ghost)", has_text=name)

    @property
    def ghost(self) -> Locator:
        return self.page.locator(".card.ghost")

    def slot(self) -> float:
        """Pixels of a quarter hour, between two full hours."""
        one, other = (self.page.locator(".at").nth(number).bounding_box() for number in (1, 2))
        assert one
        assert other
        axis = "y" if self.is_vertical else "x"
        return float(other[axis] - one[axis]) / 4

    def grip(self, card: Locator, part: str = "body") -> tuple[float, float]:
        box = card.bounding_box()
        assert box
        across = box["width"] if self.is_vertical else box["height"]
        length = box["height"] if self.is_vertical else box["width"]
        depth = {"start": 2, "body": length / 2, "end": length - 2}[part]
        place = (across / 3, depth) if self.is_vertical else (depth, across / 3)
        return box["x"] + place[0], box["y"] + place[1]

    def goal(
        self, start: tuple[float, float], slots: float, to: StaffMember | None, card: Locator
    ) -> tuple[float, float]:
        along = slots * self.slot()
        across = self.across(to, card) if to else 0
        return (
            (start[0] + across, start[1] + along)
            if self.is_vertical
            else (start[0] + along, start[1] + across)
        )

    def across(self, to: StaffMember, card: Locator) -> float:
        head = self.page.locator(f".head[data-staff='{to.pk}']").bounding_box()
        box = card.bounding_box()
        assert head
        assert box
        return float(head["x"] - box["x"] if self.is_vertical else head["y"] - box["y"])

    def carry(
        self, name: str, *, slots: float = 0, to: StaffMember | None = None, part: str = "body"
    ) -> None:
        """Take a card by one of its parts and hold it elsewhere."""
        card = self.card(name)
        card.scroll_into_view_if_needed()
        start = self.grip(card, part)
        self.page.mouse.move(*start)
        self.page.mouse.down()
        self.page.mouse.move(*self.goal(start, slots, to, card), steps=6)

    def drop(self) -> None:
        self.page.mouse.up()

    def walk_to(self, name: str) -> None:
        """To a card of the first person, by the keyboard alone."""
        self.page.keyboard.press("g")
        for _ in range(40):
            if name in self.page.evaluate("document.activeElement.textContent"):
                return
            self.page.keyboard.press("ArrowDown" if self.is_vertical else "ArrowRight")
        raise AssertionError(f"The arrows never reach {name}.")

    def drag(self, name: str, **how: Any) -> None:
        self.carry(name, **how)
        self.drop()


@pytest.fixture
def desk() -> Desk:
    """Dana Reyes and Priya Nair work from nine to five; Ada Nguyen comes to Dana at ten."""
    desk = Desk.open()
    StaffMember.objects.filter(pk=desk.staff.pk).update(display_name="Dana Reyes")
    desk.staff.refresh_from_db()
    desk.customer.family_name = "Nguyen"
    desk.customer.save()
    return desk


@pytest.fixture
def priya(desk: Desk) -> StaffMember:
    member = desk.colleague()
    member.display_name = "Priya Nair"
    member.save()
    return member


@pytest.fixture
def visit(desk: Desk) -> Appointment:
    found: Appointment = desk.appointment(10)
    return found


@pytest.fixture
def at_schedule(desk: Desk, priya: StaffMember, open_page: Any, sign_in: Any) -> Any:
    def go(
        orientation: str, day: date = DAY, role: str = Role.FRONT_DESK, height: int = 1200, **options: Any
    ) -> Schedule:
        page = open_page(viewport={"width": 1280, "height": height}, **options)
        sign_in(make.staff(at=desk.facility, role=role, takes_appointments=False), on=page)
        page.goto(f"/schedule/?date={day:%Y-%m-%d}&view={orientation}")
        return Schedule(page, orientation)

    return go


def place_of(appointment: Appointment) -> tuple[datetime, datetime, int]:
    found = Appointment.objects.get(pk=appointment.pk)
    return found.starts_at, found.ends_at, found.staff_id


def between(
    staff: StaffMember, start: tuple[int, int], end: tuple[int, int]
) -> tuple[datetime, datetime, int]:
    return make.at(DAY, *start), make.at(DAY, *end), staff.pk


def other_customer(desk: Desk, **fields: Any) -> Any:
    customer = make.customer(at=desk.facility, given_name="Omar", family_name="Farouk")
    return desk.appointment(customer=customer, **fields)


@both
def test_drag_moves_the_appointment_to_another_time(
    at_schedule: Any, visit: Appointment, orientation: str
) -> None:
    schedule = at_schedule(orientation)

    schedule.carry("Ada Nguyen", slots=5)
    expect(schedule.ghost).to_have_text("11:15–11:45 AM, Dana Reyes")
    schedule.drop()

    expect(schedule.page.locator("#toasts")).to_contain_text("11:15–11:45 AM, Dana Reyes")
    expect(schedule.card("Ada Nguyen")).to_contain_text("11:15")
    expect(schedule.page.locator("#dialog")).not_to_be_visible()
    assert place_of(visit) == between(visit.staff, (11, 15), (11, 45))


@both
def test_drag_to_another_person_reassigns(
    at_schedule: Any, visit: Appointment, priya: StaffMember, orientation: str
) -> None:
    schedule = at_schedule(orientation)

    schedule.drag("Ada Nguyen", to=priya)

    expect(schedule.page.locator("#toasts")).to_contain_text("10:00–10:30 AM, Priya Nair")
    assert place_of(visit) == between(priya, (10, 0), (10, 30))
    assert visit.events.latest("id").kind == AppointmentEvent.Kind.REASSIGNED


@both
def test_drag_of_an_edge_changes_the_length(at_schedule: Any, visit: Appointment, orientation: str) -> None:
    schedule = at_schedule(orientation)

    for part, slots, start, end in [
        ("end", 3, (10, 0), (11, 15)),
        ("start", -2, (9, 30), (11, 15)),
        ("end", -9, (9, 30), (9, 45)),
        ("start", 9, (9, 30), (9, 45)),
    ]:
        schedule.drag("Ada Nguyen", part=part, slots=slots)
        expect(schedule.page.locator(".card.pending, .card.ghost")).to_have_count(0)
        assert place_of(visit) == between(visit.staff, start, end)
    assert visit.events.count() == 4


@both
def test_undo_takes_the_card_back(
    at_schedule: Any, visit: Appointment, priya: StaffMember, orientation: str
) -> None:
    schedule = at_schedule(orientation)
    before = place_of(visit)
    schedule.drag("Ada Nguyen", to=priya, slots=4)
    expect(schedule.card("Ada Nguyen")).to_contain_text("11:00")

    schedule.page.get_by_role("button", name="Undo").click()

    expect(schedule.page.locator("#toasts")).to_contain_text("Moved back")
    expect(schedule.card("Ada Nguyen")).to_contain_text("10:00")
    assert place_of(visit) == before


@both
def test_drop_on_a_taken_time_returns_and_says_why(
    at_schedule: Any, desk: Desk, visit: Appointment, orientation: str
) -> None:
    other_customer(desk, hour=11)
    schedule = at_schedule(orientation)
    place = schedule.card("Ada Nguyen").get_attribute("style")

    schedule.carry("Ada Nguyen", slots=4)
    expect(schedule.ghost).to_have_text("11:00–11:30 AM, Dana Reyes · taken")
    schedule.drop()

    refusal = schedule.page.locator(".toast.refusal")
    expect(refusal).to_contain_text("This time was just taken.")
    expect(refusal.get_by_role("button")).to_have_text(["Dismiss"])
    expect(schedule.card("Ada Nguyen")).not_to_have_class(re.compile("pending"))
    assert steady(schedule.card("Ada Nguyen")) == steady_text(place)
    assert place_of(visit) == between(visit.staff, (10, 0), (10, 30))


def steady(card: Locator) -> str:
    return steady_text(card.get_attribute("style"))


def steady_text(style: str | None) -> str:
    return (style or "").replace(" ", "").rstrip(";")


@both
def test_drop_outside_hours_is_refused_until_moved_anyway(
    at_schedule: Any, desk: Desk, visit: Appointment, orientation: str
) -> None:
    other_customer(desk, hour=17, minute=30, overrides=[booking.OUTSIDE_HOURS])
    booking.reschedule(appointment=visit, starts_at=make.at(DAY, 16), by=desk.staff.user, now=timezone.now())
    schedule = at_schedule(orientation)

    schedule.drag("Ada Nguyen", slots=4)
    refusal = schedule.page.locator(".toast.refusal")
    expect(refusal).to_contain_text("outside Dana Reyes")
    assert place_of(visit) == between(visit.staff, (16, 0), (16, 30))
    refusal.get_by_role("button", name="Move anyway").click()

    expect(schedule.card("Ada Nguyen")).to_contain_text("5:00")
    assert place_of(visit) == between(visit.staff, (17, 0), (17, 30))
    assert visit.events.latest("id").overrides == [booking.OUTSIDE_HOURS]


@both
def test_drop_on_somebody_who_is_away_cannot_be_forced(
    at_schedule: Any, visit: Appointment, priya: StaffMember, orientation: str
) -> None:
    make.time_off(staff=priya, first_day=DAY, reason="Training day")
    schedule = at_schedule(orientation)
    show_everyone(schedule)

    schedule.drag("Ada Nguyen", to=priya)

    refusal = schedule.page.locator(".toast.refusal")
    expect(refusal).to_contain_text("Priya Nair does not work")
    expect(refusal.get_by_role("button")).to_have_text(["Dismiss"])
    assert place_of(visit) == between(visit.staff, (10, 0), (10, 30))


def show_everyone(schedule: Schedule) -> None:
    schedule.page.locator("#staff-menu > summary").click()
    for box in schedule.page.locator("#staff-choices input").all():
        box.check()
    schedule.page.get_by_role("button", name="Show those ticked").click()
    expect(schedule.page.locator(".head")).to_have_count(2)


def test_stale_card_is_refused_and_the_grid_shows_the_present(
    at_schedule: Any, desk: Desk, visit: Appointment
) -> None:
    schedule = at_schedule("vertical")
    schedule.carry("Ada Nguyen", slots=4)
    booking.reschedule(
        appointment=Appointment.objects.get(pk=visit.pk),
        starts_at=make.at(DAY, 15),
        by=desk.staff.user,
        now=timezone.now(),
    )

    schedule.drop()

    expect(schedule.page.locator(".toast.refusal")).to_contain_text("Someone changed this appointment")
    expect(schedule.card("Ada Nguyen")).to_contain_text("3:00")
    assert place_of(visit) == between(visit.staff, (15, 0), (15, 30))


def test_lost_connection_returns_the_card(at_schedule: Any, visit: Appointment) -> None:
    schedule = at_schedule("vertical")
    place = steady(schedule.card("Ada Nguyen"))
    schedule.page.route("**/move/", lambda route: route.abort())

    schedule.drag("Ada Nguyen", slots=4)

    expect(schedule.page.locator(".toast.refusal")).to_contain_text("No connection")
    assert steady(schedule.card("Ada Nguyen")) == place


@both
def test_escape_while_dragging_moves_and_opens_nothing(
    at_schedule: Any, visit: Appointment, orientation: str
) -> None:
    schedule = at_schedule(orientation)
    place = steady(schedule.card("Ada Nguyen"))

    schedule.carry("Ada Nguyen", slots=6)
    schedule.page.keyboard.press("Escape")
    expect(schedule.ghost).to_have_count(0)
    schedule.drop()

    assert steady(schedule.card("Ada Nguyen")) == place
    assert not schedule.page.locator("#dialog").is_visible()
    assert visit.events.count() == 1


def test_click_still_opens_the_appointment(at_schedule: Any, visit: Appointment) -> None:
    schedule = at_schedule("vertical")

    schedule.drag("Ada Nguyen", slots=0.1)

    expect(schedule.page.locator("#dialog")).to_contain_text("Ada Nguyen")
    assert visit.events.count() == 1


def test_settled_appointment_stays_where_it_is(at_schedule: Any, desk: Desk, visit: Appointment) -> None:
    booking.mark(appointment=visit, status="completed", by=desk.staff.user, now=timezone.now())
    schedule = at_schedule("vertical")

    schedule.carry("Ada Nguyen", slots=4)

    assert schedule.ghost.count() == 0
    schedule.page.keyboard.press("m")
    assert schedule.ghost.count() == 0


def test_who_may_only_look_carries_nothing(at_schedule: Any, visit: Appointment) -> None:
    schedule = at_schedule("vertical", role=Role.BILLING)

    schedule.carry("Ada Nguyen", slots=4)

    assert schedule.ghost.count() == 0


def test_grid_is_not_refreshed_under_a_hand(at_schedule: Any, desk: Desk, visit: Appointment) -> None:
    schedule = at_schedule("vertical")
    schedule.carry("Ada Nguyen", slots=3)
    other_customer(desk, hour=14)

    schedule.page.wait_for_timeout(5000)
    assert schedule.card("Omar Farouk").count() == 0
    expect(schedule.ghost).to_have_text("10:45–11:15 AM, Dana Reyes")
    schedule.page.keyboard.press("Escape")

    expect(schedule.card("Omar Farouk")).to_have_count(1, timeout=5000)


@both
def test_keyboard_carries_a_card_and_says_every_place(
    at_schedule: Any, visit: Appointment, priya: StaffMember, orientation: str
) -> None:
    schedule = at_schedule(orientation)
    page, voice = schedule.page, schedule.page.locator("#move-voice")
    later, other = ("ArrowDown", "ArrowRight") if schedule.is_vertical else ("ArrowRight", "ArrowDown")
    schedule.walk_to("Ada Nguyen")

    page.keyboard.press("m")
    expect(voice).to_contain_text("10:00–10:30 AM, Dana Reyes")
    page.keyboard.press(later)
    expect(voice).to_have_text("10:15–10:45 AM, Dana Reyes")
    page.keyboard.press(other)
    expect(voice).to_have_text("10:15–10:45 AM, Priya Nair")
    page.keyboard.press(f"Shift+{later}")
    expect(voice).to_have_text("10:15–11:00 AM, Priya Nair")
    page.keyboard.press("PageDown")
    expect(voice).to_have_text("11:15 AM–12:00 PM, Priya Nair")
    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text("Moved")
    assert place_of(visit) == between(priya, (11, 15), (12, 0))
    expect(schedule.card("Ada Nguyen")).to_contain_text("11:15")
    expect(schedule.card("Ada Nguyen")).to_be_focused()


def test_escape_ends_the_keyboard_move(at_schedule: Any, visit: Appointment) -> None:
    schedule = at_schedule("vertical")
    schedule.walk_to("Ada Nguyen")

    schedule.page.keyboard.press("m")
    schedule.page.keyboard.press("ArrowDown")
    schedule.page.keyboard.press("Escape")

    expect(schedule.ghost).to_have_count(0)
    expect(schedule.page.locator("#move-voice")).to_have_text("Not moved.")
    expect(schedule.card("Ada Nguyen")).to_be_focused()
    assert visit.events.count() == 1


@both
def test_finger_holds_to_carry_and_swipes_to_scroll(
    at_schedule: Any, visit: Appointment, orientation: str
) -> None:
    schedule = at_schedule(orientation, height=500, has_touch=True)
    scroller = schedule.page.locator("[role=grid]")
    scroller.evaluate("grid => grid.style.width = '600px'")
    touch = schedule.page.context.new_cdp_session(schedule.page)

    def finger(kind: str, *at: float) -> None:
        points = [{"x": at[0], "y": at[1]}] if at else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    scroller.evaluate("grid => grid.scrollTo(0, 0)")
    card = schedule.card("Ada Nguyen")
    start = schedule.grip(card)
    finger("touchStart", *start)
    for step in range(1, 5):
        finger("touchMove", *schedule.goal(start, -step / 2, None, card))
    finger("touchEnd")
    schedule.page.wait_for_function(
        "grid => grid.scrollTop + grid.scrollLeft > 0", arg=scroller.element_handle()
    )
    assert schedule.ghost.count() == 0
    assert visit.events.count() == 1
    scroller.evaluate("grid => grid.scrollTo(0, 0)")
    schedule.page.wait_for_timeout(300)

    start = schedule.grip(card)
    finger("touchStart", *start)
    expect(schedule.ghost).to_have_count(1)
    for step in range(1, 5):
        finger("touchMove", *schedule.goal(start, step, None, card))
    expect(schedule.ghost).to_have_text("11:00–11:30 AM, Dana Reyes")
    finger("touchEnd")

    expect(schedule.page.locator("#toasts")).to_contain_text("11:00–11:30 AM")
    assert place_of(visit) == between(visit.staff, (11, 0), (11, 30))


@both
def test_grid_scrolls_towards_the_edge_a_card_is_carried_to(
    at_schedule: Any, visit: Appointment, orientation: str
) -> None:
    schedule = at_schedule(orientation, height=500)
    scroller = schedule.page.locator("[role=grid]")
    scroller.evaluate("grid => grid.style.width = '600px'")
    scroller.evaluate("grid => grid.scrollTo(0, 0)")
    box = scroller.bounding_box()
    schedule.carry("Ada Nguyen", slots=1)

    if schedule.is_vertical:
        schedule.page.mouse.move(box["x"] + 200, box["y"] + box["height"] - 4, steps=3)
    else:
        schedule.page.mouse.move(box["x"] + box["width"] - 4, box["y"] + 60, steps=3)

    expect(schedule.ghost).to_contain_text("4:30–5:00 PM")
    schedule.drop()
    expect(schedule.page.locator("#toasts")).to_contain_text("4:30–5:00 PM")
    assert place_of(visit) == between(visit.staff, (16, 30), (17, 0))


def test_drag_over_the_repeated_hour_counts_real_time(at_schedule: Any, desk: Desk) -> None:
    """On the night New York's clocks go back, four slots after 1:00 AM EDT it is 1:00 AM EST."""
    night = date(2027, 11, 7)
    make.week(staff=desk.staff, at=desk.facility, starts=time(0), ends=time(5))
    early = make.at(night, 1)
    visit = make.appointment(
        starts_at=early,
        now=timezone.now(),
        staff=desk.staff,
        program=desk.program,
        customer=desk.customer,
    )
    schedule = at_schedule("vertical", day=night)

    schedule.carry("Ada Nguyen", slots=4)
    expect(schedule.ghost).to_have_text("1:00 AM EST–1:30 AM EST, Dana Reyes")
    schedule.drop()

    expect(schedule.page.locator("#toasts")).to_contain_text("Moved")
    assert place_of(visit)[0] == early + timedelta(hours=1)
