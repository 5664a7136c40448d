"""The links that messages carry."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appointments import confirmation
from appointments import links as appointment_links
from appointments.models import Appointment, Channel
from reminders import links, rules
from reminders.models import Kind, Message
from scheduling import booking
from tests import factories as make
from tests.reminders.sending import notice

pytestmark = pytest.mark.django_db

NOW = make.NOW
MANAGE = re.compile(r"^https://care\.example/portal/a/([\w-]{43})/$")
CONFIRM = re.compile(r"^https://care\.example/c/([\w-]{43})/$")


@pytest.fixture(autouse=True)
def _public(settings) -> None:
    settings.PUBLIC_BASE_URL = "https://care.example"


@pytest.fixture
def soon() -> Appointment:
    """Tomorrow: it can be confirmed."""
    return make.appointment(starts_at=NOW + timedelta(days=1))


@pytest.fixture
def later() -> Appointment:
    """In a week: it cannot be confirmed yet."""
    return make.appointment(starts_at=NOW + timedelta(days=7))


def reminder(appointment: Appointment, channel: str = Channel.EMAIL) -> Message:
    rule = next(rule for rule in rules.of(appointment.program) if rule.channel == channel)
    return notice(of=appointment, kind=Kind.REMINDER, channel=channel, rule=rule)


def tokens(found: links.MessageLinks) -> tuple[str, str]:
    """Of what manages and what confirms, empty where there is none."""
    manage, confirm = MANAGE.match(found.manage), CONFIRM.match(found.confirm)
    assert bool(found.manage) == bool(manage)
    assert bool(found.confirm) == bool(confirm)
    return manage[1] if manage else "", confirm[1] if confirm else ""


def opened(token: str, purpose: str):
    return appointment_links.find(token, purpose=purpose, now=NOW)


@pytest.mark.parametrize("channel", ["email", "phone"])
@pytest.mark.parametrize("kind", [Kind.BOOKED, Kind.MOVED])
def test_notice_of_what_can_be_confirmed_carries_both_links(soon, kind, channel):
    manage, confirm = tokens(links.issue(notice(of=soon, kind=kind, channel=channel), now=NOW))
    found = opened(confirm, "confirm")
    assert (found.appointment, found.channel, found.revision) == (soon, channel, 0)
    assert opened(manage, "manage").appointment == soon
    assert opened(manage, "confirm") is opened(confirm, "manage") is None


@pytest.mark.parametrize("kind", [Kind.BOOKED, Kind.MOVED])
def test_notice_of_what_cannot_be_confirmed_yet_carries_the_one_that_manages(later, kind):
    manage, confirm = tokens(links.issue(notice(of=later, kind=kind), now=NOW))
    assert confirm == ""
    assert opened(manage, "manage").appointment == later
    assert later.links.count() == 1


def test_what_asks_for_something_else_does_not_confirm(soon):
    assert links.issue(notice(of=soon, kind=Kind.PLEASE_SIGN), now=NOW).confirm == ""


def test_window_of_a_notice_is_the_one_at_sending_to_the_second(later):
    opens = confirmation.opens_at(later)
    before = links.issue(notice(of=later), now=opens - timedelta(seconds=1))
    at_once = links.issue(notice(of=later), now=opens)
    assert (before.confirm == "", at_once.confirm == "") == (True, False)


@pytest.mark.parametrize("channel", ["email", "phone"])
def test_reminder_carries_both_however_early_it_is(later, channel):
    manage, confirm = tokens(links.issue(reminder(later, channel), now=NOW))
    assert opened(confirm, "confirm").channel == channel
    assert opened(manage, "manage").appointment == later


def test_link_to_manage_is_found_from_the_one_that_confirms(soon):
    manage, confirm = tokens(links.issue(notice(of=soon), now=NOW))
    assert links.manage_token(confirm) == manage != confirm


def test_cancelled_notice_carries_none(soon):
    booking.cancel(appointment=soon, reason="", by=soon.staff.user, now=NOW)
    assert links.issue(notice(of=soon, kind=Kind.CANCELLED), now=NOW) == links.MessageLinks()
    assert not soon.links.exists()


def test_both_links_are_written_by_one_statement_and_as_digests(soon):
    message = notice(of=soon)
    with CaptureQueriesContext(connection) as queries:
        found = links.issue(message, now=NOW)
    assert len(queries) == 1
    written = queries[0]["sql"]
    assert written.count("INSERT") == 1
    assert not [token for token in tokens(found) if token in written]


def test_each_message_has_links_of_its_own(soon):
    first, second = (tokens(links.issue(notice(of=soon), now=NOW)) for _ in range(2))
    assert len({*first, *second}) == 4


def test_main_link_is_the_one_that_confirms_if_there_is_one():
    assert links.MessageLinks("m", "c").main == "c"
    assert links.MessageLinks("m").main == "m"


def test_sample_is_as_long_as_a_real_one_and_opens_nothing(soon):
    manage, confirm = tokens(links.sample())
    assert opened(manage, "manage") is opened(confirm, "confirm") is None
