from datetime import timedelta

import pytest

from reminders import reachability
from reminders.models import Channel, ContactProblem, Kind, Message
from tests import factories as make
from tests.factories import NOW
from tests.reminders.sending import agreed, message
from tests.together import at_once

pytestmark = pytest.mark.django_db

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def flag(address="ada@example.org", channel=Channel.EMAIL, **fields) -> bool:
    given = {"reason": "550 no such user", "message": None, "now": NOW, **fields}
    return reachability.flag(channel=channel, address=address, **given)


def clear(address="ada@example.org", channel=Channel.EMAIL, **fields) -> bool:
    return reachability.clear(channel=channel, address=address, **{"by": None, "now": NOW, **fields})


def test_an_address_is_flagged_once_with_the_message_that_told():
    bounced = message()
    assert flag(message=bounced)
    assert not flag(reason="550 still no such user", now=NOW + MINUTE)
    problem = ContactProblem.objects.get()
    assert (problem.reason, problem.message, problem.since) == ("550 no such user", bounced, NOW)
    assert reachability.problem_with("email", "ada@example.org") == problem


def test_an_email_address_is_one_in_whatever_case():
    flag("Ada@Example.ORG")
    assert reachability.problem_with("email", "ada@example.org") is not None
    assert not flag("ADA@example.org")
    assert clear("aDa@example.org")
    assert reachability.problem_with("email", "Ada@Example.ORG") is None


def test_channels_and_addresses_are_told_apart():
    flag("+12125550143", Channel.PHONE)
    assert reachability.problem_with("phone", "+12125550143") is not None
    assert reachability.problem_with("phone", "+12125550144") is None
    assert reachability.problem_with("email", "+12125550143") is None
    assert reachability.problem_with("phone", "") is None


def test_staff_clear_a_problem_and_it_may_come_again():
    flag()
    user = make.user()
    assert clear(by=user, now=NOW + MINUTE)
    assert not clear(by=user, now=NOW + MINUTE)
    cleared = ContactProblem.objects.get()
    assert (cleared.cleared_at, cleared.cleared_by) == (NOW + MINUTE, user)
    assert flag(reason="again")
    assert ContactProblem.objects.count() == 2


def test_what_arrived_before_the_problem_does_not_clear_it():
    flag(now=NOW)
    assert not clear(now=NOW - MINUTE)
    assert reachability.problem_with("email", "ada@example.org") is not None


def test_reminders_to_it_are_closed_and_planned_again_when_it_is_cleared():
    appointment = make.appointment(starts_at=NOW + 30 * DAY)
    agreed(customer=appointment.customer)

    def waiting() -> dict[str, set[str]]:
        rows = Message.objects.filter(appointment=appointment, kind=Kind.REMINDER)
        return {
            channel: set(rows.filter(channel=channel).values_list("state", flat=True))
            for channel in Channel.values
        }

    assert waiting() == {"email": {"pending"}, "phone": {"pending"}}
    flag(appointment.phone, Channel.PHONE, reason="landline")
    assert waiting() == {"email": {"pending"}, "phone": {"closed"}}
    closed = Message.objects.filter(state="closed", kind=Kind.REMINDER)
    [reason] = set(closed.values_list("closed_reason", flat=True))
    assert reason == "This address cannot be reached: landline"
    clear(appointment.phone, Channel.PHONE)
    assert waiting() == {"email": {"pending"}, "phone": {"pending"}}


@pytest.mark.django_db(transaction=True)
def test_two_reports_at_the_same_moment_flag_it_once():
    at_once([flag] * 4)
    assert ContactProblem.objects.count() == 1
