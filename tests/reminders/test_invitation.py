"""Invitations to the reader's calendar, read back by a parser as a calendar would."""

from datetime import date, timedelta

import pytest
from django.core.cache import cache
from icalendar import Calendar, Event

from appointments import branding
from appointments.branding import Brand
from appointments.models import Appointment, Channel
from reminders import letters, rules
from reminders.links import MessageLinks
from reminders.models import Kind
from scheduling import booking
from tests import factories as make
from tests.reminders.sending import notice

pytestmark = pytest.mark.django_db

NOW = make.NOW
LINKS = MessageLinks("https://care.example/portal/a/manage/", "https://care.example/c/confirm/")


@pytest.fixture
def visit(settings) -> Appointment:
    settings.EMAIL_FROM = "Northside <appointments@northside.example>"
    place = make.facility(name="Northside", address="120 Mill Street")
    dana = make.staff(at=place, display_name="Dana Reyes")
    make.week(staff=dana, at=place)
    return make.appointment(
        staff=dana,
        program=make.program(at=place, staff=dana, name="Grief counseling", public_note="Bring your letter."),
        customer=make.customer(at=place, given_name="Ada", family_name="Nguyen", email="ada@example.org"),
        starts_at=make.at(date(2026, 11, 25), 10, 45),
        public_note="Use the side door.",
    )


def sent(appointment: Appointment, kind: str = Kind.BOOKED, *, now=NOW, **given) -> tuple[str, Event]:
    """The method and the one event of the invitation that comes with an e-mail."""
    letter = letters.compose(notice(of=appointment, kind=kind, **given), links=LINKS, now=now)
    calendar = Calendar.from_ical(letter.invitation)
    [event] = calendar.walk("VEVENT")
    return calendar["METHOD"], event


def test_booked_notice_invites_and_wants_no_answer(visit):
    method, event = sent(visit)
    attendee, organizer = event["ATTENDEE"], event["ORGANIZER"]
    assert (method, event["STATUS"]) == ("REQUEST", "CONFIRMED")
    assert (attendee, dict(attendee.params)) == (
        "mailto:ada@example.org",
        {"PARTSTAT": "ACCEPTED", "RSVP": "FALSE"},
    )
    assert (organizer, organizer.params["CN"]) == ("mailto:appointments@northside.example", "SecureCare")
    assert event.decoded("DTSTART") == visit.starts_at
    assert event.decoded("DTSTAMP") == NOW


def test_attendee_is_whoever_the_message_goes_to(visit):
    _, event = sent(visit, address="new@example.org")
    assert event["ATTENDEE"] == "mailto:new@example.org"


def test_sender_without_a_name_organizes_too(visit, settings):
    settings.EMAIL_FROM = "appointments@localhost"
    assert sent(visit)[1]["ORGANIZER"] == "mailto:appointments@localhost"


@pytest.mark.parametrize(
    "name", ['"Care"; Hope, Inc.', "Niños: 🏥", "Two\r\nATTENDEE:mailto:eve@example.org"]
)
def test_name_of_the_sender_stays_a_name(visit, name):
    cache.set(branding.KEY, Brand(name, "customer", "customers", "", ()), None)
    _, event = sent(visit)
    assert event["ATTENDEE"] == "mailto:ada@example.org"
    assert event["ORGANIZER"] == "mailto:appointments@northside.example"


def test_calendars_are_shared_so_it_carries_the_least(visit):
    text = letters.compose(notice(of=visit), links=LINKS, now=NOW).invitation.replace("\r\n ", "")
    for secret in ("Grief", "Dana", "Bring", "side door", "Nguyen", "/portal/", "/c/", "manage", "confirm/"):
        assert secret not in text


def test_reminder_invites_again_with_the_same_sequence(visit):
    rule = next(rule for rule in rules.of(visit.program) if rule.channel == Channel.EMAIL)
    later = NOW + timedelta(hours=1)
    _, first = sent(visit)
    method, again = sent(visit, Kind.REMINDER, rule=rule, now=later)
    assert method == "REQUEST"
    assert (again["UID"], again["SEQUENCE"]) == (first["UID"], first["SEQUENCE"])
    assert again.decoded("DTSTAMP") == later


def test_sequence_rises_with_every_change_and_the_uid_stays(visit):
    by, heard = visit.staff.user, [sent(visit)]
    booking.reschedule(appointment=visit, starts_at=make.at(date(2026, 11, 26), 9), by=by, now=NOW)
    heard.append(sent(visit, Kind.MOVED))
    booking.cancel(appointment=visit, reason="", by=by, now=NOW)
    heard.append(sent(visit, Kind.CANCELLED))
    booking.mark(appointment=visit, status="scheduled", by=by, now=NOW)
    heard.append(sent(visit))
    booking.reschedule(appointment=visit, starts_at=make.at(date(2026, 11, 27), 9), by=by, now=NOW)
    heard.append(sent(visit, Kind.MOVED))
    booking.cancel(appointment=visit, reason="", by=by, now=NOW)
    heard.append(sent(visit, Kind.CANCELLED))

    sequences = [event["SEQUENCE"] for _, event in heard]
    assert sequences == sorted(set(sequences))
    assert len({event["UID"] for _, event in heard}) == 1
    assert [(method, event["STATUS"]) for method, event in heard] == [
        ("REQUEST", "CONFIRMED"),
        ("REQUEST", "CONFIRMED"),
        ("CANCEL", "CANCELLED"),
        ("REQUEST", "CONFIRMED"),
        ("REQUEST", "CONFIRMED"),
        ("CANCEL", "CANCELLED"),
    ]
    assert all(event["ATTENDEE"] == "mailto:ada@example.org" for _, event in heard)


def test_text_message_has_none(visit):
    assert letters.compose(notice(of=visit, channel="phone"), links=LINKS, now=NOW).invitation == ""


def test_title_is_in_the_reader_s_language(visit):
    assert sent(visit)[1]["SUMMARY"] == "Northside appointment"
    assert sent(visit, language="es")[1]["SUMMARY"] == "Cita en Northside"
