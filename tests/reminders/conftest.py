"""An administrator at Northside, signed in."""

import pytest
from django.test import Client

from appointments.models import Facility, StaffMember
from appointments.models.organisation import Role
from tests import factories
from tests.appointments.signing_in import give_password


@pytest.fixture
def place() -> Facility:
    return factories.facility(name="Northside")


@pytest.fixture
def administrator(place: Facility) -> StaffMember:
    return factories.staff(at=place, role=Role.ADMINISTRATOR)


@pytest.fixture
def admin_client(client: Client, administrator: StaffMember) -> Client:
    give_password(client, administrator.user)
    return client
