"""What a message is about, loaded by a statement of our own: all as Django itself would load it."""

import pytest
from django.db import models

from appointments.models import Appointment, Channel
from reminders import loading, rules
from reminders.models import Kind
from tests import factories as make
from tests.reminders.sending import notice

pytestmark = pytest.mark.django_db


def values(row: models.Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.fixture
def appointment():
    """With a value of its own in every field that may have one."""
    booked = make.appointment(public_note="Bring the card.")
    customer, facility = booked.customer, booked.facility
    customer.time_zone, customer.language = "America/Denver", "es"
    customer.save()
    facility.address, facility.phone = "1 Main Street", "(212) 555-0100"
    facility.save()
    return booked


def test_it_is_what_django_would_have_loaded(appointment, django_assert_num_queries):
    rule = next(each for each in rules.of(appointment.program) if each.hours_before)
    message = notice(of=appointment, kind=Kind.REMINDER, channel=Channel.PHONE, rule=rule)
    message.refresh_from_db()
    with django_assert_num_queries(1):
        loaded = loading.lock_appointment(message)
        assert message.appointment is loaded
        parts = [loaded, loaded.customer, loaded.staff, loaded.facility, loaded.program, message.rule]
    expected = Appointment.objects.get(pk=appointment.pk)
    others = [expected.customer, expected.staff, expected.facility, expected.program, rule]
    assert [values(part) for part in parts] == [values(part) for part in [expected, *others]]
    assert [type(part) for part in parts] == [type(part) for part in [expected, *others]]
    assert not any(part._state.adding for part in parts)


def test_a_notice_has_no_rule(appointment, django_assert_num_queries):
    message = notice(of=appointment)
    with django_assert_num_queries(1):
        loading.lock_appointment(message)
        assert message.rule is None


def test_no_field_needs_more_than_the_database_gives():
    """The statement passes by what a field does to the value it reads."""
    converting = [
        field
        for model in loading._TABLES.values()
        for field in model._meta.concrete_fields
        if hasattr(field, "from_db_value")
    ]
    assert converting == []
