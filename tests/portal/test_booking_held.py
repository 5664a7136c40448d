"""Whom a visitor holds is tried first without a search, and gives way to whoever else is free."""

from datetime import date, timedelta

import pytest

from appointments.models import StaffMember
from portal import holds
from portal.bookings import Person, book_online
from portal.times import Search
from reminders.consent import Origin
from scheduling.availability import OpenTime
from scheduling.booking import BookingRefused
from securecare import links
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db
DAY = TODAY + timedelta(days=7)
ADA = Person("Ada", "Nguyen", date(1991, 4, 12), "ada@example.org")
VISITOR = "v" * 43


@pytest.fixture
def clinic() -> Clinic:
    """Its own staff member has more to do that day than the colleague, who would be chosen."""
    clinic = Clinic.open()
    make.appointment(starts_at=clinic.at(15, 0, DAY), staff=clinic.staff, program=clinic.program)
    return clinic


@pytest.fixture
def colleague(clinic: Clinic) -> StaffMember:
    return clinic.colleague()


def hold(clinic: Clinic, hour: int) -> None:
    held = OpenTime(clinic.staff, clinic.at(hour, 0, DAY), clinic.at(hour, 30, DAY))
    assert holds.hold(held, facility=clinic.facility.pk, visitor=VISITOR, now=NOW)


def booked_with(clinic: Clinic) -> StaffMember:
    """At ten, with anyone."""
    made = book_online(
        submission=links.new_token(),
        search=Search(clinic.program, visitor=VISITOR),
        starts_at=clinic.at(10, 0, DAY),
        person=ADA,
        origin=Origin(),
        now=NOW,
    )
    return made.appointment.staff


def test_hold_of_another_time_chooses_nobody(clinic: Clinic, colleague: StaffMember) -> None:
    hold(clinic, 12)

    assert booked_with(clinic) == colleague


def test_time_off_since_hands_over_to_a_colleague(clinic: Clinic, colleague: StaffMember) -> None:
    hold(clinic, 10)
    make.time_off(staff=clinic.staff, first_day=DAY)

    assert booked_with(clinic) == colleague


def test_who_left_since_hands_over_to_a_colleague(clinic: Clinic, colleague: StaffMember) -> None:
    hold(clinic, 10)
    clinic.staff.is_active = False
    clinic.staff.save()

    assert booked_with(clinic) == colleague


def test_what_staff_booked_since_hands_over_to_a_colleague(clinic: Clinic, colleague: StaffMember) -> None:
    hold(clinic, 10)
    make.appointment(starts_at=clinic.at(10, 0, DAY), staff=clinic.staff, program=clinic.program)

    assert booked_with(clinic) == colleague


def test_nobody_else_free_is_as_good_as_taken(clinic: Clinic) -> None:
    hold(clinic, 10)
    make.time_off(staff=clinic.staff, first_day=DAY)

    with pytest.raises(BookingRefused) as refused:
        booked_with(clinic)

    assert refused.value.code == "taken"
