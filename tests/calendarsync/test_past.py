"""An appointment of yesterday that is marked today: its calendar follows, its customer hears nothing."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from appointments.models import Appointment
from calendarsync import syncing
from calendarsync.models import CalendarConnection, CalendarSync
from reminders import delivery
from reminders.models import Message
from scheduling import booking
from tests import factories as make
from tests.calendarsync.harness import Harness
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.twilio_double import TwilioDouble
from tests.portal.clinic import Clinic
from tests.reminders import sending

pytestmark = pytest.mark.django_db

YESTERDAY = make.TODAY - timedelta(days=1)
BOOKED_AT = make.NOW - timedelta(days=3)
MARKED_AT = make.NOW
YESTERDAY_MORNING = make.at(YESTERDAY, 8, 30)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open()


def yesterday(clinic: Clinic) -> Appointment:
    """At ten, of somebody who agreed to texts."""
    customer = make.customer(at=clinic.facility, email="ada@example.org", phone="+12125550143")
    sending.agreed(phone=customer.phone, now=BOOKED_AT - timedelta(days=1))
    given = {"staff": clinic.staff, "program": clinic.program, "customer": customer}
    return make.appointment(starts_at=clinic.at(10, 0, YESTERDAY), now=BOOKED_AT, **given)


def carry_out(calendar: CalendarConnection, now: datetime) -> None:
    syncing.drain(calendar.pk, clock=lambda: now)


def send_due(now: datetime) -> None:
    for message in Message.objects.due(now):
        delivery.deliver(message.pk, now=now)


def marked(visit: Appointment, status: str) -> list[CalendarSync]:
    """The rows that come of it."""
    before = set(CalendarSync.objects.values_list("pk", flat=True))
    booking.mark(appointment=visit, status=status, by=visit.staff.user, now=MARKED_AT)
    return list(CalendarSync.objects.exclude(pk__in=before))


@pytest.mark.parametrize("status", ["arrived", "no_show"])
def test_a_past_appointment_marked_the_next_day_is_synced_and_its_customer_is_sent_nothing(
    harness: Harness, clinic: Clinic, twilio: TwilioDouble, sendgrid: SendGridDouble, status: str
) -> None:
    calendar = harness.connection(clinic.staff)
    visit = yesterday(clinic)
    carry_out(calendar, BOOKED_AT)
    for now in (BOOKED_AT + timedelta(hours=1), YESTERDAY_MORNING, visit.ends_at):
        send_due(now)
    told: list[Any] = [len(twilio.messages), len(sendgrid.messages)]
    assert all(told), "They can be told of nothing."
    known = set(Message.objects.values_list("pk", flat=True))

    [row] = marked(visit, status)
    assert (row.connection, row.state, row.reason, row.due_at) == (calendar, "pending", "change", MARKED_AT)
    carry_out(calendar, MARKED_AT)
    row.refresh_from_db()
    assert (row.state, row.outcome, row.settled_at, row.version) == ("done", "updated", MARKED_AT, 1)
    [entry] = harness.standing(calendar)
    assert (entry.appointment, entry.starts_at, entry.ends_at) == (
        visit.reference,
        visit.starts_at,
        visit.ends_at,
    )

    for later in (timedelta(minutes=5), timedelta(days=1), timedelta(days=30)):
        send_due(MARKED_AT + later)
    assert [len(twilio.messages), len(sendgrid.messages)] == told
    assert set(Message.objects.values_list("pk", flat=True)) == known
