"""From a booking to the provider and back: the whole way, with the official clients and nothing in between replaced."""

import uuid
from datetime import UTC, datetime, timedelta

import icalendar
import pytest

from appointments.models import Appointment, Channel
from reminders import delivery
from reminders.models import ChannelStop, ContactProblem, Message
from reminders.models.consent import ConsentLog
from tests import factories as make
from tests.contracts.mail_server import MailServer
from tests.contracts.sendgrid_double import SendGridDouble
from tests.contracts.twilio_double import TwilioDouble
from tests.factories import NOW
from tests.reminders.sending import agreed, message, notice

pytestmark = pytest.mark.django_db
State = Message.State


@pytest.fixture
def appointment() -> Appointment:
    booked = make.appointment()
    agreed(customer=booked.customer)
    return booked


def delivered(row: Message, *, now: datetime = NOW) -> Message:
    delivery.deliver(row.pk, now=now)
    return Message.objects.get(pk=row.pk)


def test_a_text_about_an_appointment_reaches_twilio(twilio: TwilioDouble, appointment):
    done = delivered(notice(of=appointment, channel=Channel.PHONE))
    [taken] = twilio.messages
    assert (done.state, done.transport, done.provider_id) == (State.DONE, "twilio", taken["sid"])
    assert (taken["to"], f"message={done.reference}" in taken["form"]["StatusCallback"]) == (
        appointment.phone,
        True,
    )


def test_an_email_about_an_appointment_reaches_sendgrid(sendgrid: SendGridDouble, appointment):
    done = delivered(notice(of=appointment))
    [taken] = sendgrid.messages
    assert (done.state, done.transport, done.provider_id) == (State.DONE, "sendgrid", taken["x_message_id"])
    [one] = taken["mail"]["personalizations"]
    assert one == {"to": [{"email": appointment.email}], "custom_args": {"message": str(done.reference)}}
    assert taken["mail"]["from"]["name"] == "SecureCare"


def test_an_email_about_an_appointment_arrives_by_smtp(mail_server: MailServer, appointment):
    done = delivered(notice(of=appointment))
    [(_, recipients, taken)] = mail_server.envelopes
    assert (done.state, done.transport, recipients) == (State.DONE, "smtp", [appointment.email])
    assert uuid.UUID(taken["Message-ID"].strip("<>").partition("@")[0]) == done.reference
    invitation = next(part for part in taken.walk() if part.get_content_type() == "text/calendar")
    calendar = icalendar.Calendar.from_ical(invitation.get_content())
    assert invitation.get_param("method") == str(calendar["METHOD"]) == "REQUEST"


def test_a_text_whose_answer_was_lost_is_sent_once(twilio: TwilioDouble):
    """By the real clock: the double tells when it took something on."""
    now = datetime.now(UTC)
    row = message(channel=Channel.PHONE, address="+12125550143", now=now)
    twilio.trouble(drop=True, after=True)
    assert delivered(row, now=now).state == State.PENDING
    done = delivered(row, now=now + timedelta(hours=1))
    assert (done.state, [each["sid"] for each in twilio.messages]) == (State.DONE, [done.provider_id])


def test_a_text_that_got_lost_on_its_way_is_sent_again(twilio: TwilioDouble):
    row = message(channel=Channel.PHONE, address="+12125550143")
    twilio.trouble(drop=True)
    delivered(row)
    done = delivered(row, now=NOW + timedelta(hours=1))
    assert (done.state, [each["sid"] for each in twilio.messages]) == (State.DONE, [done.provider_id])


def test_an_email_whose_answer_was_lost_waits_for_its_event(sendgrid: SendGridDouble, settings):
    row = message()
    sendgrid.trouble(drop=True, after=True)
    delivered(row)
    waits = delivered(row, now=NOW + timedelta(minutes=5))
    assert (waits.state, waits.due_at, len(sendgrid.messages)) == (
        State.PENDING,
        NOW + timedelta(minutes=settings.SENDGRID_EVENT_MINUTES),
        1,
    )


def test_too_many_requests_are_waited_for(twilio: TwilioDouble):
    row = message(channel=Channel.PHONE, address="+12125550143")
    twilio.trouble(status=429, body={"code": 20429}, headers={"Retry-After": "900"})
    waits = delivered(row)
    assert (waits.state, waits.due_at, waits.handed_over_at) == (
        State.PENDING,
        NOW + timedelta(minutes=15),
        None,
    )


def test_an_opt_out_that_twilio_knows_of_is_written_down(twilio: TwilioDouble, appointment):
    twilio.refuse(appointment.phone, 21610)
    closed = delivered(notice(of=appointment, channel=Channel.PHONE))
    last = ConsentLog.objects.order_by("-id").first()
    assert (closed.state, last.address, last.granted) == (State.CLOSED, appointment.phone, False)


def test_a_number_that_cannot_be_texted_is_flagged(twilio: TwilioDouble, appointment):
    twilio.refuse(appointment.phone, 21614)
    assert delivered(notice(of=appointment, channel=Channel.PHONE)).state == State.GIVEN_UP
    assert ContactProblem.objects.get().address == appointment.phone


def test_an_account_that_is_refused_stops_its_channel(twilio: TwilioDouble, settings):
    settings.TWILIO_AUTH_TOKENS = ["wrong"]
    waits = delivered(message(channel=Channel.PHONE, address="+12125550143"))
    assert (waits.state, ChannelStop.objects.get().channel) == (State.PENDING, Channel.PHONE)
