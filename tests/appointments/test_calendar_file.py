"""Calendar files, read back by a parser as a calendar would."""

from datetime import UTC, date, datetime

import pytest
from django.utils import translation
from icalendar import Calendar

from appointments import calendar_file as files
from appointments.models import Appointment
from scheduling import booking
from tests import factories as make

NOW = make.NOW


@pytest.fixture
def visit(db) -> Appointment:
    place = make.facility(name="Northside", address="120 Mill Street")
    dana = make.staff(at=place, display_name="Dana Reyes")
    make.week(staff=dana, at=place)
    program = make.program(at=place, staff=dana, name="Grief counseling", public_note="Bring your letter.")
    return make.appointment(
        staff=dana,
        program=program,
        starts_at=make.at(date(2026, 11, 25), 10, 45),
        minutes=45,
        public_note="Use the side door.",
        now=NOW,
    )


def read(appointment: Appointment, **given):
    calendar = Calendar.from_ical(files.calendar_file(appointment, **{"now": NOW, **given}))
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_file_says_when_and_where(visit):
    calendar, event = read(visit)
    assert (calendar["VERSION"], calendar["METHOD"], calendar["CALSCALE"]) == ("2.0", "PUBLISH", "GREGORIAN")
    assert event.decoded("DTSTART") == datetime(2026, 11, 25, 15, 45, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 11, 25, 16, 30, tzinfo=UTC)
    assert event.decoded("DTSTAMP") == NOW
    assert (event["SUMMARY"], event["LOCATION"]) == ("Northside appointment", "Northside, 120 Mill Street")
    assert (event["STATUS"], event["SEQUENCE"]) == ("CONFIRMED", 0)


def test_times_are_written_in_utc(visit):
    text = files.calendar_file(visit, now=NOW).decode()
    assert "DTSTART:20261125T154500Z\r\n" in text
    assert "DTEND:20261125T163000Z\r\n" in text
    assert "TZID" not in text
    assert "VTIMEZONE" not in text


def test_an_hour_that_is_repeated_keeps_its_length(db):
    """1:30 to 2:30 by the first reading, when clocks go back at 2:00: two hours by the wall, one in truth."""
    place = make.facility()
    dana = make.staff(at=place)
    make.week(staff=dana, at=place, starts=datetime.min.time())
    night = make.appointment(
        staff=dana,
        program=make.program(at=place, staff=dana),
        starts_at=make.at(date(2026, 11, 1), 1, 30),
        minutes=60,
    )
    _, event = read(night)
    assert event.decoded("DTSTART") == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_file_carries_the_least(visit):
    text = files.calendar_file(visit, now=NOW).decode()
    for word in ("Grief", "counseling", "Dana", "Reyes", "Bring", "side door", visit.customer.family_name):
        assert word not in text
    _, event = read(visit)
    assert event["CLASS"] == "PRIVATE"


def test_a_moved_appointment_is_the_same_entry_with_a_higher_sequence(visit, settings):
    settings.PUBLIC_BASE_URL = "https://care.example.org:8443/base"
    _, before = read(visit)
    booking.reschedule(
        appointment=visit, starts_at=make.at(date(2026, 11, 26), 9), by=visit.staff.user, now=NOW
    )
    _, after = read(visit)
    assert before["UID"] == after["UID"] == f"{visit.reference}@care.example.org"
    assert (before["SEQUENCE"], after["SEQUENCE"]) == (0, 2)
    assert after.decoded("DTSTART") == make.at(date(2026, 11, 26), 9)


def test_a_cancelled_appointment_says_so(visit):
    booking.cancel(appointment=visit, reason="", by=visit.staff.user, now=NOW)
    calendar, event = read(visit, method="CANCEL")
    assert (calendar["METHOD"], event["STATUS"]) == ("CANCEL", "CANCELLED")


@pytest.mark.parametrize(
    "name",
    [
        "Care, Hope; and \\ Co",
        "Clínica Niños 🏥👩🏽‍⚕️",
        "مركز الرعاية",
        "Two\nlines\r\nATTENDEE:mailto:eve@example.org",
        "Long " + "é🏥," * 25,
    ],
)
def test_names_survive_escaping_and_folding(visit, name):
    visit.facility.name, visit.facility.address = name, name
    raw = files.calendar_file(visit, now=NOW)
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert all(b"\n" not in line and b"\r" not in line for line in raw.split(b"\r\n"))
    _, event = read(visit)
    as_read = name.replace("\r\n", "\n")
    assert event["LOCATION"] == f"{as_read}, {as_read}"
    assert event["SUMMARY"] == f"{as_read} appointment"
    assert "ATTENDEE" not in event


def test_a_place_without_an_address_is_its_name_alone(visit):
    visit.facility.address = ""
    assert read(visit)[1]["LOCATION"] == "Northside"


def test_title_is_in_the_reader_s_language(visit):
    with translation.override("es"):
        assert read(visit)[1]["SUMMARY"] == translation.gettext("%(facility)s appointment") % {
            "facility": "Northside"
        }


def test_download_is_a_calendar_file_with_a_name(visit):
    answer = files.download(visit, now=NOW)
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="appointment.ics"'
    assert answer.content == files.calendar_file(visit, now=NOW)
