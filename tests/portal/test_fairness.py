"""Who is tried first when anyone may take the appointment."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.fairness import fairest
from scheduling import booking
from scheduling.availability import OpenTime
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic():
    clinic = Clinic.open()
    clinic.staff.display_name = "Dana"
    clinic.staff.save()
    clinic.colleague(display_name="Ben")
    clinic.colleague(display_name="Ann")
    return clinic


def order(clinic, starts_at=None):
    begins = starts_at or at(TODAY, 16)
    offers = [
        OpenTime(member, begins, begins + timedelta(minutes=30)) for member in clinic.program.staff.all()
    ]
    return [offer.staff.display_name for offer in fairest(offers[::-1], program=clinic.program)]


def busy(clinic, name, hour, minutes, day=TODAY):
    member = clinic.program.staff.get(display_name=name)
    return make.appointment(
        starts_at=at(day, hour),
        staff=member,
        program=clinic.program,
        minutes=minutes,
        now=NOW - timedelta(days=5),
    )


def test_the_fewest_booked_minutes_go_first_whatever_the_number_of_appointments(clinic):
    busy(clinic, "Ann", 9, 60)
    busy(clinic, "Ben", 9, 15)
    busy(clinic, "Ben", 10, 15)
    assert order(clinic) == ["Dana", "Ben", "Ann"]


def test_who_has_as_much_to_do_goes_by_name(clinic):
    assert order(clinic) == ["Ann", "Ben", "Dana"]


def test_other_days_and_cancelled_appointments_do_not_count(clinic):
    busy(clinic, "Ann", 9, 60, day=TODAY - timedelta(days=1))
    busy(clinic, "Ann", 9, 60, day=TODAY + timedelta(days=1))
    cancelled = busy(clinic, "Ann", 9, 60)
    booking.cancel(appointment=cancelled, reason="", by=make.user(), now=NOW)
    busy(clinic, "Ben", 9, 15)
    assert order(clinic) == ["Ann", "Dana", "Ben"]


def test_of_an_appointment_over_midnight_each_day_counts_its_own_part(clinic):
    member = clinic.program.staff.get(display_name="Ann")
    member.shifts.update(starts="22:00", ends="02:00")
    busy(clinic, "Ann", 23, 90, day=TODAY)  # 60 minutes today, 30 tomorrow
    busy(clinic, "Ben", 9, 45, day=TODAY)
    busy(clinic, "Ben", 9, 45, day=TODAY + timedelta(days=1))
    assert order(clinic) == ["Dana", "Ben", "Ann"]
    assert order(clinic, at(TODAY + timedelta(days=1), 16)) == ["Dana", "Ann", "Ben"]


def test_it_takes_one_query_and_none_where_there_is_no_choice(clinic):
    with CaptureQueriesContext(connection) as asked:
        order(clinic)
    assert len(asked) == 2  # the first reads who is on the program
    offers = [OpenTime(clinic.staff, NOW, NOW + timedelta(minutes=30))]
    with CaptureQueriesContext(connection) as asked:
        assert fairest(offers, program=clinic.program) == offers
        assert fairest([], program=clinic.program) == []
    assert len(asked) == 0
