"""Online bookings as an administrator looks into them."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment
from appointments.models.organisation import Role
from portal.models import OnlineBooking
from tests import factories as make
from tests.administering import list_of, page_of, rows_shown
from tests.portal.clinic import Clinic
from tests.scheduling.desk import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"name": "Tutoring"})


@pytest.fixture
def administrator(client: Client, clinic: Clinic) -> Client:
    member = make.staff(at=clinic.facility, role=Role.ADMINISTRATOR)
    client.force_login(member.user, backend="appointments.access.StaffBackend")
    return client


def booked_online(clinic: Clinic, number: int = 1, **name: str) -> OnlineBooking:
    customer = make.customer(at=clinic.facility, **name)
    appointment = clinic.appointment(customer, hour=9 + number // 4, minute=number % 4 * 15, minutes=15)
    return OnlineBooking.objects.create(
        submission=f"secret-{number}-{clinic.facility.pk}".encode(),
        appointment=appointment,
        at=timezone.now(),
        ip="203.0.113.7",
        user_agent="Firefox",
    )


def test_bookings_are_found_by_name_and_address_and_only_those_of_own_facilities(
    administrator: Client, clinic: Clinic
) -> None:
    mine = booked_online(clinic, family_name="Zephyr")
    foreign = booked_online(Clinic.open(), family_name="Zephyr")

    for text in ("", "zephyr", "203.0.113.7"):
        assert rows_shown(administrator.get(list_of(OnlineBooking), {"q": text})) == [mine]
    assert rows_shown(administrator.get(list_of(OnlineBooking), {"q": "198.51.100.1"})) == []
    assert administrator.get(page_of(foreign)).status_code == 302


def test_page_shows_what_was_typed_and_not_what_opens_the_link(administrator: Client, clinic: Clinic) -> None:
    booking = booked_online(clinic)
    page = text_of(administrator.get(page_of(booking)))
    assert "Tutoring" in page
    assert "as on record" in page
    assert "submission" not in page.lower()

    Appointment.objects.update(contact_name="Mara Q.", contact_email="mara@example.net")

    assert "Mara Q., mara@example.net" in text_of(administrator.get(page_of(booking)))


def test_bookings_are_read_only(administrator: Client, clinic: Clinic) -> None:
    booking = booked_online(clinic)

    assert administrator.get(list_of(OnlineBooking) + "add/").status_code == 403
    assert administrator.post(page_of(booking), {"ip": "198.51.100.1"}).status_code == 403
    assert administrator.post(page_of(booking, "delete"), {"post": "yes"}).status_code == 403
    booking.refresh_from_db()
    assert booking.ip == "203.0.113.7"


@pytest.mark.parametrize("rows", [1, 30])
def test_list_costs_the_same_for_one_row_and_thirty(
    administrator: Client, clinic: Clinic, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        booked_online(clinic, number)
    administrator.get("/admin/")

    with django_assert_num_queries(6):
        assert len(rows_shown(administrator.get(list_of(OnlineBooking)))) == rows


def test_codes_and_links_are_in_no_admin() -> None:
    names = {model.__name__ for model in admin.site._registry}

    assert names & {"PortalCode", "AppointmentLink"} == set()
    assert "OnlineBooking" in names
