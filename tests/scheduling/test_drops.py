"""A card dropped on the grid: what the address that moves it answers to the browser."""

import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from scheduling import booking
from securecare import localtime
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, signed_in, triggers

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return Desk.open()


@pytest.fixture
def client(desk):
    return desk.signed_in()


@pytest.fixture
def booked(desk):
    return desk.appointment(10)


def address(appointment):
    return reverse("appointment-move", args=[appointment.reference])


def instant(hour, minute=0):
    return f"{make.at(DAY, hour, minute):%Y-%m-%dT%H:%M:%SZ}"


def somebody_else_moves(desk, appointment):
    booking.reschedule(
        appointment=Appointment.objects.get(pk=appointment.pk),
        starts_at=make.at(DAY, 15),
        by=desk.staff.user,
        now=timezone.now(),
    )


def drop(client, booked, **fields):
    data = {"minutes": 30, "staff": booked.staff_id, "version": 0, "date": DAY.isoformat(), **fields}
    return client.post(address(booked), data, headers={"HX-Request": "true"})


def test_drop_moves_and_its_undo_takes_it_back(desk, client, booked):
    response = drop(client, booked, starts_at=instant(14, 15), minutes=60)
    assert response.status_code == 204
    told = triggers(response)
    assert told["appointment-changed"] == {}
    assert told["toast"]["action"] == {
        "label": "Undo",
        "url": address(booked),
        "values": {
            "starts_at": instant(10),
            "minutes": 30,
            "staff": desk.staff.pk,
            "version": 1,
            "undo": 1,
        },
    }
    back = client.post(address(booked), told["toast"]["action"]["values"], headers={"HX-Request": "true"})
    assert back.status_code == 204
    assert "action" not in triggers(back)["toast"]
    booked.refresh_from_db()
    assert (booked.starts_at, booked.minutes, booked.version) == (make.at(DAY, 10), 30, 2)


def test_drop_names_the_clock_where_the_grid_may_show_another(desk, booked):
    far = make.facility(time_zone="America/Los_Angeles")
    client = signed_in(make.staff(at=[desk.facility, far]))
    response = drop(client, booked, starts_at=instant(14, 15))
    clock = localtime.abbreviation(make.at(DAY, 14, 15), desk.facility.zone)
    words = triggers(response)["toast"]["text"]
    assert clock in ("EST", "EDT")
    assert words == f"Moved: {desk.customer}, {DAY:%a, %b %-d}, 2:15–2:45 PM {clock}, {desk.staff}."


def test_drop_undo_returns_to_a_place_outside_hours(desk, client):
    late = desk.appointment(18, overrides={"outside_hours"})
    response = drop(client, late, starts_at=instant(14))
    undo = triggers(response)["toast"]["action"]["values"]
    assert client.post(address(late), undo, headers={"HX-Request": "true"}).status_code == 204
    late.refresh_from_db()
    assert (late.starts_at, late.outside_hours) == (make.at(DAY, 18), True)


def test_drop_outside_hours_is_refused_until_overridden(desk, client, booked):
    response = drop(client, booked, starts_at=instant(18))
    assert (response.status_code, response.content) == (409, b"")
    assert triggers(response) == {
        "move-refused": {
            "code": "outside_hours",
            "message": f"This is outside {desk.staff}'s working hours.",
            "overridable": True,
        }
    }
    assert drop(client, booked, starts_at=instant(18), overrides="outside_hours").status_code == 204


def test_drop_on_a_taken_slot_is_refused(desk, client, booked):
    desk.appointment(14, customer=make.customer())
    response = drop(client, booked, starts_at=instant(14))
    refusal = triggers(response)["move-refused"]
    assert (response.status_code, refusal["code"], refusal["overridable"]) == (409, "taken", False)


def test_drop_of_a_changed_appointment_names_the_present_version(desk, client, booked):
    somebody_else_moves(desk, booked)
    refusal = triggers(drop(client, booked, starts_at=instant(14)))["move-refused"]
    assert (refusal["code"], refusal["version"]) == ("stale", 1)


def test_drop_of_a_settled_appointment_is_refused(desk, client, booked):
    booking.mark(appointment=booked, status="completed", by=desk.staff.user, now=timezone.now())
    refusal = triggers(drop(client, booked, starts_at=instant(14), version=1))["move-refused"]
    assert refusal["code"] == "settled"


@pytest.mark.parametrize(
    "fields",
    [
        {"starts_at": "soon"},
        {"starts_at": "2026-11-24T10:00:00"},
        {"starts_at": "0001-01-01T00:00:00Z"},
        {"minutes": "long"},
        {"minutes": "-15"},
        {"staff": "9" * 30},
        {"staff": "424242"},
        {"version": ""},
    ],
)
def test_drop_that_makes_no_sense_is_refused(desk, client, booked, fields):
    response = drop(client, booked, **{"starts_at": instant(14), **fields})
    assert (response.status_code, triggers(response)["move-refused"]["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    ("minutes", "starts_at"), [(0, instant(14)), (20, instant(14)), (30, instant(14, 5))]
)
def test_drop_off_the_grid_is_refused(client, booked, minutes, starts_at):
    response = drop(client, booked, starts_at=starts_at, minutes=minutes)
    assert (response.status_code, triggers(response)["move-refused"]["code"]) == (409, "off_grid")


def test_drop_on_a_staff_member_of_another_facility_is_refused(desk, client, booked):
    stranger = Desk.open().staff
    response = drop(client, booked, starts_at=instant(14), staff=stranger.pk)
    assert response.status_code == 422
    assert str(stranger) not in response.headers["HX-Trigger"]


def test_drop_without_javascript_goes_back_to_the_schedule(desk, client, booked):
    data = {"starts_at": instant(18), "minutes": 30, "staff": desk.staff.pk, "version": 0}
    response = client.post(address(booked), data)
    assert (response.status_code, response.url) == (302, f"{reverse('schedule')}?date={DAY}")
    booked.refresh_from_db()
    assert booked.version == 0
