"""The schedule page: what it shows to whom, how many queries that takes, and what it answers to bad addresses."""

from datetime import date, time, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from appointments.models.organisation import Role
from scheduling import booking
from scheduling.models import SchedulerView
from securecare import localtime
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, part, signed_in, text_of
from tests.scheduling.grid_page import GridPage, section_of

PAGE = f"/schedule/?date={DAY}"


@pytest.fixture
def desk(db):
    return Desk.open(name="Northside")


def fill(desk, people):
    """So many people with an appointment each."""
    for number in range(people):
        staff = desk.colleague()
        desk.appointment(staff=staff, customer=make.customer(at=desk.facility), hour=9 + number % 7)


@pytest.mark.parametrize("view", ["vertical", "horizontal", "list"])
@pytest.mark.parametrize("people", [1, 30])
@pytest.mark.parametrize(("role", "queries"), [(Role.FRONT_DESK, 7), (Role.MANAGER, 7), (Role.BILLING, 8)])
def test_part_takes_the_same_few_queries_for_one_and_for_thirty(
    desk, django_assert_num_queries, view, people, role, queries
):
    fill(desk, people)
    client = desk.signed_in(role)
    client.get(f"{PAGE}&view={view}")

    with django_assert_num_queries(queries):
        answer = client.get(PAGE, headers=part("day-grid"))

    assert answer.content.count(b"/appointments/") == people


def test_first_page_of_a_session_takes_as_few(desk, django_assert_num_queries):
    fill(desk, 3)
    client = desk.signed_in()

    with django_assert_num_queries(7):
        client.get(PAGE, headers=part("day-grid"))


def test_poll_with_nothing_new_takes_four_queries_and_says_nothing(desk, django_assert_num_queries):
    fill(desk, 3)
    client = desk.signed_in()
    known = GridPage.of(client.get(PAGE)).root["data-known"]

    with django_assert_num_queries(4):
        answer = client.get(
            f"{PAGE}&known={known}&view=vertical", headers={**part("day-grid"), "X-Passive": "1"}
        )

    assert (answer.status_code, answer.content) == (204, b"")


def test_poll_brings_what_somebody_else_booked(desk):
    client = desk.signed_in()
    known = GridPage.of(client.get(PAGE)).root["data-known"]
    made = desk.appointment()

    answer = client.get(f"{PAGE}&known={known}", headers=part("day-grid"))

    assert [card.href for card in GridPage.of(answer).cards] == [f"/appointments/{made.reference}/"]


@pytest.mark.parametrize("view", ["vertical", "horizontal", "list"])
def test_part_is_the_same_element_as_in_the_page(desk, view):
    fill(desk, 3)
    client = desk.signed_in()
    client.get(f"{PAGE}&view={view}")
    old = client.get(PAGE)
    desk.appointment(12)

    fresh_part = client.get(PAGE, headers=part("day-grid"))

    assert section_of(old) != section_of(fresh_part)
    assert section_of(fresh_part) == section_of(client.get(PAGE))
    assert fresh_part.content.decode().lstrip().startswith('<section id="day-grid"')
    assert set(fresh_part["Vary"].split(", ")) >= {"HX-Request", "HX-Target"}
    assert fresh_part["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("view", ["vertical", "horizontal", "list"])
def test_nothing_of_a_facility_one_may_not_see_is_in_the_page(desk, view):
    secret = make.facility(name="Secret House")
    desk.staff.facilities.add(secret)
    make.week(staff=desk.staff, at=secret, starts=time(17), ends=time(20))
    hidden = make.appointment(
        staff=desk.staff,
        program=make.program(at=secret, staff=desk.staff, name="Secret Program"),
        customer=make.customer(at=secret, given_name="Hidden", family_name="Person"),
        starts_at=make.at(DAY, 17),
        minutes=60,
        public_note="Secret note",
        now=timezone.now(),
    )
    gone = desk.appointment(11)
    Appointment.objects.filter(pk=gone.pk).update(facility=secret, program=hidden.program)
    booking.cancel(appointment=gone, reason="Secret", by=desk.staff.user, now=timezone.now())
    client = desk.signed_in()
    client.get(f"{PAGE}&view={view}")

    for headers in ({}, part("day-grid"), part("day")):
        answer = client.get(PAGE, headers=headers)
        html = answer.content.decode()
        assert [word for word in ("Secret", "Hidden", "Person", str(hidden.reference)) if word in html] == []
        assert "Busy" in text_of(answer)


def test_busy_elsewhere_holds_its_time_and_cannot_be_moved(desk):
    other = make.facility(name="Harbor House")
    desk.staff.facilities.add(other)
    make.week(staff=desk.staff, at=other)
    program = make.program(at=other, staff=desk.staff)
    make.appointment(staff=desk.staff, program=program, starts_at=make.at(DAY, 10), now=timezone.now())
    manager = make.staff(at=[desk.facility, other], role="manager", takes_appointments=False)
    SchedulerView.objects.create(user=manager.user, facilities=[desk.facility.pk])

    [card] = GridPage.of(signed_in(manager).get(PAGE)).cards

    assert (card.classes, card.text, card.href) == (["card", "busy", "fixed"], "Busy Harbor House", "")
    assert card.place == {"s": 4, "n": 2, "c": 0}
    assert "data-v" not in card.attributes


@pytest.mark.parametrize(("role", "can"), [("front_desk", True), ("provider", True), ("billing", False)])
def test_only_who_may_book_gets_the_means_to(desk, role, can):
    desk.appointment()
    answer = desk.signed_in(role).get(PAGE)

    assert ("data-can-change" in GridPage.of(answer).root) is can
    assert ("New appointment" in text_of(answer)) is can
    assert (b"js/drag.js" in answer.content) is can
    assert len(GridPage.of(answer).cards) == 1


def test_list_leads_to_each_appointment_and_each_free_time(desk):
    made = desk.appointment(10)
    client = desk.signed_in()

    html = client.get(f"{PAGE}&view=list").content.decode()

    at = make.at(DAY, 10, 30)
    assert f'href="/appointments/{made.reference}/"' in html
    assert f'href="/schedule/book/?staff={desk.staff.pk}&amp;at={at:%Y-%m-%dT%H:%M:%SZ}"' in html
    assert "10:30 AM–5:00 PM Free" in text_of(client.get(PAGE))


def test_list_offers_nothing_to_book_to_who_may_not(desk):
    html = desk.signed_in("billing").get(f"{PAGE}&view=list").content.decode()

    assert "Free" in html
    assert "/schedule/book/" not in html


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("date=2026-13-45", "“2026-13-45” is not a date. Dates look like 2026-11-24."),
        ("date=tomorrow", "“tomorrow” is not a date."),
        ("date=2026-11-24T10:00", "is not a date."),
        ("date=1899-12-31", "The schedule has no year 1899."),
        ("date=2101-01-01", "The schedule has no year 2101."),
        ("date=%00", "is not a date."),
    ],
)
@pytest.mark.parametrize("address", ["/schedule/", "/schedule/sheet/", "/schedule/day.csv"])
def test_malformed_address_is_refused_in_words(desk, address, query, says):
    answer = desk.signed_in().get(f"{address}?{query}")

    assert answer.status_code == 400
    assert says in text_of(answer)


def test_unknown_view_is_refused_and_not_remembered(desk):
    answer = desk.signed_in().get("/schedule/?view=sideways")

    assert (answer.status_code, "There is no such view." in text_of(answer)) == (400, True)
    assert not SchedulerView.objects.exists()


@pytest.mark.parametrize("day", ["1900-01-01", "2100-12-31", "2011-12-30", "2024-02-29"])
def test_dates_at_the_edge_are_shown(desk, day):
    answer = desk.signed_in().get(f"/schedule/?date={day}")

    assert GridPage.of(answer).root["data-date"] == day


def test_date_a_zone_never_had_says_so(db):
    desk = Desk.open(time_zone="Pacific/Apia")

    answer = desk.signed_in().get("/schedule/?date=2011-12-30")

    assert "This date does not exist in Apia time" in text_of(answer)


def test_without_a_date_it_is_today_where_the_axis_is(db):
    now = timezone.now()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        desk = Desk.open(time_zone=zone)
        page = GridPage.of(desk.signed_in().get("/schedule/"))
        assert page.root["data-date"] == f"{localtime.local_date(now, zone)}"


def test_today_follows_the_chosen_zone(db):
    east = make.facility(name="East", time_zone="Pacific/Kiritimati")
    west = make.facility(name="West", time_zone="Pacific/Pago_Pago")
    manager = make.staff(at=[east, west], role="manager")
    SchedulerView.objects.create(user=manager.user, zone=west.time_zone)

    page = GridPage.of(signed_in(manager).get("/schedule/"))

    assert page.root["data-date"] == f"{localtime.local_date(timezone.now(), west.time_zone)}"


def test_who_belongs_to_no_facility_is_told_what_to_do(db):
    answer = signed_in(make.staff()).get(PAGE)

    assert "Your account belongs to no facility. Ask an administrator" in text_of(answer).replace(
        "facility Ask", "facility. Ask"
    )


def test_day_on_which_nobody_works_says_so(desk):
    make.closure(at=desk.facility, date=DAY)

    assert "Nobody works this day" in text_of(desk.signed_in().get(PAGE))


def test_who_does_not_work_is_shown_while_an_appointment_waits(desk):
    desk.appointment()
    make.closure(at=desk.facility, date=DAY, reason="Storm")

    page = GridPage.of(desk.signed_in().get(PAGE))

    assert page.heads == [desk.staff.display_name]
    assert page.all("away")[0].text == "Closed: Storm"


def test_chips_count_every_status_whatever_the_filter_shows(desk):
    for hour in (9, 10, 11):
        desk.appointment(hour)
    client = desk.signed_in()
    client.post("/schedule/view/", {"status": "scheduled"})

    words = text_of(client.get(PAGE))

    assert "Scheduled 3 Arrived 0 Completed 0 No-show 0 Cancelled 0 Pending reassignment 0" in words


@pytest.mark.parametrize(
    "address", ["/schedule/", "/schedule/sheet/", "/schedule/day.csv", "/schedule/keys/"]
)
def test_schedule_needs_a_sign_in(db, address):
    answer = Client().get(address)

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in/")


def test_start_page_leads_to_the_schedule(desk):
    assert desk.signed_in().get("/")["Location"] == "/schedule/"


@pytest.mark.parametrize(
    "address", ["/schedule/", "/schedule/sheet/", "/schedule/day.csv", "/schedule/keys/"]
)
def test_schedule_is_only_read_by_get(desk, address):
    assert desk.signed_in().post(address).status_code == 405


def test_page_steps_to_the_days_beside_it(desk):
    html = desk.signed_in().get(PAGE).content.decode()

    for day in (DAY - timedelta(days=1), DAY + timedelta(days=1)):
        assert f'href="/schedule/?date={day}"' in html


def test_day_of_a_clock_change_has_every_slot(desk):
    client = desk.signed_in()
    client.post("/schedule/view/", {"choose": "hours", "whole_day": "1"})

    page = GridPage.of(client.get(f"/schedule/?date={date(2026, 11, 1)}"))

    assert page.root["data-shown"] == "100"
    assert [page.marks[slot] for slot in (4, 8, 12)] == ["1:00 AM EDT", "1:00 AM EST", "2:00 AM"]
    assert page.root["data-origin"] == "2026-11-01T04:00:00Z"
