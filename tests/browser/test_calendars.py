"""Calendars of staff in Chromium: connected to a real CalDAV server, followed by it within seconds, and disconnected again."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from appointments.models import Appointment, Customer, Program, StaffMember
from calendarsync import syncing
from calendarsync.models import CalendarConnection, CalendarSync
from scheduling import booking
from scheduling.demo import people, seeding
from securecare import localtime
from tests import factories as make
from tests.calendarsync.harness import CaldavHarness, Standing
from tests.calendarsync.worker import forget_hints, running_worker
from tests.contracts.radicale import USERS, RadicaleRoad
from tests.scheduling.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WITHIN = 10


@pytest.fixture
def server(radicale: RadicaleRoad, live_server: LiveServer, settings: Any) -> Iterator[RadicaleRoad]:
    """Where Dana has two calendars."""
    settings.PUBLIC_BASE_URL = live_server.url
    forget_hints()
    for name in ("Work", "Family"):
        radicale.calendar("dana", name)
    yield radicale
    forget_hints()


@pytest.fixture
def desk() -> Desk:
    """Dana Reyes works from nine to five; Ada Nguyen comes at ten."""
    desk = Desk.open()
    StaffMember.objects.filter(pk=desk.staff.pk).update(display_name="Dana Reyes")
    desk.staff.refresh_from_db()
    Customer.objects.filter(pk=desk.customer.pk).update(family_name="Nguyen")
    return desk


def standing(server: RadicaleRoad) -> list[Standing]:
    """On the server, in the calendar that is connected."""
    return CaldavHarness(server).standing(CalendarConnection.objects.get(calendar__startswith=server.base))


def eventually(find: Callable[[], Any], wanted: Any) -> None:
    """Within ten seconds of now."""
    end = time.monotonic() + WITHIN
    while (found := find()) != wanted and time.monotonic() < end:
        time.sleep(0.1)
    assert found == wanted


def give_credentials(page: Page, server: RadicaleRoad) -> None:
    page.get_by_role("link", name="Connect by CalDAV").click()
    page.get_by_label("Server address").fill(server.base)
    page.get_by_label("User name").fill("dana")
    page.get_by_label("App password").fill(USERS["dana"])
    page.get_by_role("button", name="Look for calendars").click()
    expect(page.get_by_role("heading", name="Choose the calendar")).to_be_visible()


def choose(page: Page, name: str) -> None:
    page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def disconnect(page: Page) -> None:
    page.locator("summary", has_text="Disconnect").click()
    page.get_by_role("button", name="Disconnect and remove the entries").click()
    expect(page.get_by_text("The entries are being removed.")).to_be_visible()


# ------------------------------------------------------------------------------------------------ from end to end


@pytest.fixture
def monday() -> datetime:
    """Ten o'clock of a Monday past the three weeks of the sample organization, which is loaded."""
    now = timezone.now()
    seeding.seed(now=now)
    today = localtime.local_date(now, "America/New_York")
    return make.at(today + timedelta(days=21 - today.weekday()), 10)


def coming(page: Page, at: datetime) -> tuple[Appointment, Locator]:
    """An appointment of Dana's with hours free after it, and its card."""
    dana = StaffMember.objects.get(user__username="dana")
    visit = booking.book(
        customer=Customer.objects.get(given_name="Ada", family_name="Nguyen"),
        staff=dana,
        program=Program.objects.get(name="Tutoring"),
        starts_at=at,
        minutes=30,
        by=dana.user,
        now=timezone.now(),
    )
    return visit, page.locator(".card:not(.ghost)", has_text="Ada Nguyen")


def test_demo_staff_member_connects_moves_an_appointment_and_disconnects(
    open_page: Callable[..., Page], server: RadicaleRoad, monday: datetime
) -> None:
    page = open_page(viewport={"width": 1440, "height": 1200})
    visit, card = coming(page, monday)
    page.goto("/sign-in/?next=/calendars/")
    page.get_by_label("User name").fill("dana")
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    give_credentials(page, server)
    choose(page, "Work")
    ahead = CalendarSync.objects.filter(reason="backfill", appointment__staff=visit.staff).count()
    assert ahead > 20
    progress = page.locator(".filling")
    expect(progress).to_contain_text(f"Adding appointments: 0 of {ahead}")
    with running_worker():
        expect(progress).to_have_count(0)
        expect(page.locator(".standing")).to_contain_text("Up to date")
        assert len(standing(server)) == ahead

        def times() -> list[datetime]:
            return [event.starts_at for event in standing(server) if event.appointment == visit.reference]

        page.goto(f"/schedule/?date={visit.local_date}&view=vertical")
        drag_down(page, card, quarters=4)
        expect(card).to_contain_text("11:00")
        eventually(times, [monday + timedelta(hours=1)])
        move_by_keyboard(card, "ArrowUp")
        expect(card).to_contain_text("10:45")
        eventually(times, [monday + timedelta(minutes=45)])

        page.goto("/calendars/")
        disconnect(page)
        eventually(lambda: standing(server), [])
        expect(page.get_by_role("heading", name="See your appointments in your own calendar")).to_be_visible()


def drag_down(page: Page, card: Locator, *, quarters: int) -> None:
    box, marks = card.bounding_box(), [page.locator(".at").nth(n).bounding_box() for n in (1, 2)]
    assert box
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    slot = (marks[1]["y"] - marks[0]["y"]) / 4
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + quarters * slot, steps=6)
    page.mouse.up()


def move_by_keyboard(card: Locator, key: str) -> None:
    card.get_by_role("link").focus()
    for each in ("m", key, "Enter"):
        card.page.keyboard.press(each)


def test_everything_works_without_javascript(
    open_page: Callable[..., Page], sign_in: Callable[..., None], server: RadicaleRoad, desk: Desk
) -> None:
    visit = desk.appointment(10)
    page = open_page(java_script_enabled=False)
    sign_in(desk.staff, on=page)
    page.goto("/calendars/")
    give_credentials(page, server)
    choose(page, "Family")
    expect(page.locator(".filling")).to_contain_text("Adding appointments: 0 of 1")

    def carried_out() -> list[Standing]:
        syncing.drain(CalendarConnection.objects.get().pk, clock=timezone.now)
        page.reload()
        return standing(server)

    [entry] = carried_out()
    assert (entry.appointment, entry.starts_at, entry.title) == (visit.reference, visit.starts_at, "A. N.")
    expect(page.locator(".standing")).to_contain_text("Up to date")

    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.get_by_text("Family answers and may be written to.")).to_be_visible()
    page.locator("summary", has_text="Change what entries show").click()
    page.get_by_label("Busy, and nothing else").check()
    page.get_by_role("button", name="Save").click()
    assert [event.title for event in carried_out()] == ["Busy"]

    disconnect(page)
    assert carried_out() == []
    expect(page.get_by_role("heading", name="See your appointments in your own calendar")).to_be_visible()


# ------------------------------------------------------------------------------------------------------- pages


def test_pages_fit_and_have_no_axe_violations(
    page: Page, sign_in: Callable[..., None], server: RadicaleRoad, desk: Desk
) -> None:
    desk.appointment(10)
    harness = CaldavHarness(server)

    def look(address: str, words: str) -> None:
        page.goto(address)
        expect(page.get_by_text(words).first).to_be_visible()
        for width, colors in ((360, "light"), (360, "dark"), (1440, "light"), (1440, "dark")):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=colors)  # type: ignore[arg-type]
            assert page.evaluate("document.documentElement.scrollWidth") <= width, address
            found = Axe().run(page)
            wrong = [(one["id"], one["nodes"][0]["html"]) for one in found.response["violations"]]
            assert wrong == [], (address, width, colors)

    sign_in(desk.staff, on=page)
    look("/calendars/", "See your appointments in your own calendar")
    look("/calendars/caldav/", "Connect a calendar")
    look("/calendars/google/", "Connect Google Calendar")
    page.goto("/calendars/")
    give_credentials(page, server)
    look(page.url, "Choose the calendar")
    choose(page, "Work")
    look(page.url, "Adding appointments: 0 of 1")
    syncing.drain(CalendarConnection.objects.get().pk, clock=timezone.now)
    look(page.url, "Added")
    stopped = CalendarConnection.objects.get()
    harness.refuse(stopped)
    desk.appointment(14, customer=make.customer(at=desk.facility))
    syncing.drain(stopped.pk, clock=timezone.now)
    look(f"/calendars/{stopped.reference}/", "Appointments are safe, and nothing is lost")
    look(f"/calendars/{stopped.reference}/password/", "New password")
    sign_in(make.staff(at=desk.facility, role="manager", takes_appointments=False), on=page)
    look("/calendars/", "Calendars of colleagues")
    look(f"/appointments/{Appointment.objects.first().reference}/", "Dana Reyes")
