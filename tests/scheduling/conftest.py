"""Dana Reyes works at Northside from nine to five every day; Ada Nguyen has an appointment with her."""

from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from appointments.models import Appointment, Facility, StaffMember
from appointments.models.organisation import Role
from securecare import localtime
from tests import factories
from tests.appointments.signing_in import give_password


@pytest.fixture
def place() -> Facility:
    return factories.facility(name="Northside")


@pytest.fixture
def dana(place: Facility) -> StaffMember:
    """Works at Northside from nine to five, every day."""
    member = factories.staff(at=place, display_name="Dana Reyes")
    factories.week(staff=member, at=place)
    return member


@pytest.fixture
def day(place: Facility) -> date:
    """A day ahead: the admin reads the real clock."""
    return localtime.local_date(timezone.now(), place.zone) + timedelta(days=10)


@pytest.fixture
def visit(dana: StaffMember, place: Facility, day: date) -> Appointment:
    """At ten in the morning of that day."""
    return factories.appointment(
        staff=dana,
        program=factories.program(at=place, staff=dana),
        customer=factories.customer(at=place, given_name="Ada", family_name="Nguyen"),
        starts_at=factories.at(day, 10),
        now=timezone.now(),
    )


@pytest.fixture
def administrator(place: Facility) -> StaffMember:
    return factories.staff(at=place, role=Role.ADMINISTRATOR)


@pytest.fixture
def admin_client(client: Client, administrator: StaffMember) -> Client:
    give_password(client, administrator.user)
    return client
