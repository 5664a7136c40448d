"""Links of appointments: good for one purpose, until a day after the appointment, wherever that moves."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from appointments import links
from appointments.models import Appointment, AppointmentLink
from scheduling import booking
from tests import factories as make

NOW = make.NOW
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MANAGE, CONFIRM = AppointmentLink.Purpose.MANAGE, AppointmentLink.Purpose.CONFIRM


@pytest.fixture
def visit(db) -> Appointment:
    return make.appointment(starts_at=NOW + DAY)


def found(token: str, at, purpose: str = MANAGE) -> Appointment | None:
    link = links.find(token, purpose=purpose, now=at)
    return link.appointment if link else None


def test_link_names_its_appointment(visit):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    assert found(token, NOW) == visit


def test_link_ends_a_day_after_the_appointment_to_the_second(visit):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    assert found(token, visit.ends_at + DAY - SECOND) == visit
    assert found(token, visit.ends_at + DAY) is None


def test_link_follows_an_appointment_that_moves_later(visit):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    first_end = visit.ends_at
    booking.reschedule(appointment=visit, starts_at=visit.starts_at + 10 * DAY, by=visit.staff.user, now=NOW)
    assert found(token, first_end + DAY) == visit
    assert found(token, visit.ends_at + DAY - SECOND) == visit
    assert found(token, visit.ends_at + DAY) is None


def test_link_outlasts_an_appointment_that_moves_earlier(visit):
    """It was promised until then."""
    booking.reschedule(appointment=visit, starts_at=visit.starts_at + 10 * DAY, by=visit.staff.user, now=NOW)
    token, promised = links.issue(appointment=visit, purpose=MANAGE, now=NOW), visit.ends_at + DAY
    booking.reschedule(appointment=visit, starts_at=visit.starts_at - 10 * DAY, by=visit.staff.user, now=NOW)
    assert found(token, promised - SECOND) == visit
    assert found(token, promised) is None


def test_link_remembers_the_revision_it_was_made_for(visit):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    booking.reschedule(appointment=visit, starts_at=visit.starts_at + DAY, by=visit.staff.user, now=NOW)
    link = links.find(token, purpose=MANAGE, now=NOW)
    assert link is not None
    assert (link.revision, link.appointment.revision) == (0, 1)


@pytest.mark.parametrize(("made_for", "used_for"), [(MANAGE, CONFIRM), (CONFIRM, MANAGE)])
def test_link_is_good_for_its_purpose_alone(visit, made_for, used_for):
    channel = "email" if made_for == CONFIRM else ""
    token = links.issue(appointment=visit, purpose=made_for, channel=channel, now=NOW)
    assert found(token, NOW, made_for) == visit
    assert found(token, NOW, used_for) is None


def test_revoked_and_unknown_links_find_nothing(visit):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    AppointmentLink.objects.update(revoked_at=NOW)
    assert found(token, NOW) is None
    assert found(token[:-1], NOW) is None
    assert found("", NOW) is None
    assert found("\x00", NOW) is None


def test_a_cancelled_appointment_is_still_found(visit):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    booking.cancel(appointment=visit, reason="", by=visit.staff.user, now=NOW)
    assert found(token, NOW) == visit


def test_token_itself_is_kept_nowhere(visit):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    (row,) = AppointmentLink.objects.values()
    assert len(bytes(row["digest"])) == 32
    assert len(token) == 43
    assert all(
        token.encode() not in bytes(value) for value in row.values() if isinstance(value, memoryview | bytes)
    )
    assert token not in str(row)


def test_a_token_made_before_is_issued_once(visit):
    assert links.issue(appointment=visit, purpose=MANAGE, now=NOW, token="made-before") == "made-before"
    assert found("made-before", NOW) == visit
    with pytest.raises(IntegrityError), transaction.atomic():
        links.issue(appointment=visit, purpose=MANAGE, now=NOW, token="made-before")


def test_finding_costs_one_query_with_all_that_pages_show(visit, django_assert_num_queries):
    token = links.issue(appointment=visit, purpose=MANAGE, now=NOW)
    with django_assert_num_queries(1):
        appointment = found(token, NOW)
        assert appointment is not None
        assert (appointment.customer.full_name, appointment.staff.display_name) == (
            visit.customer.full_name,
            visit.staff.display_name,
        )
        assert appointment.program.facility == appointment.facility
