"""What stands in a calendar for an appointment, and what never does."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from appointments.models import Appointment
from calendarsync import entries
from calendarsync.models import TitleStyle
from scheduling import booking
from tests import factories as make
from tests.calendarsync.shelf import connection
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

NOTE = "Bring the form."
SECRET = "Relapsed in May"


@pytest.fixture
def appointment() -> Appointment:
    clinic = Clinic.open(name="Northside", address="12 Main St")
    customer = make.customer(at=clinic.facility, given_name="Ada María", family_name="d’Ávila")
    return make.appointment(
        program=clinic.program,
        staff=clinic.staff,
        customer=customer,
        public_note=NOTE,
        private_note=SECRET,
        starts_at=datetime(2026, 11, 24, 19, 0, tzinfo=UTC),
    )


def entry(appointment: Appointment, **given):
    calendar = connection(appointment.staff, **given)
    return entries.wanted(appointment, calendar)


def test_an_entry_says_where_and_when_and_leads_back(appointment, settings):
    found = entry(appointment)
    address = f"{settings.PUBLIC_BASE_URL}/appointments/{appointment.reference}/"
    assert asdict(found) == {
        "appointment": appointment.reference,
        "title": "A. M. D.",
        "location": "Northside, 12 Main St",
        "description": address,
        "url": address,
        "starts_at": datetime(2026, 11, 24, 19, 0, tzinfo=UTC),
        "ends_at": datetime(2026, 11, 24, 19, 30, tzinfo=UTC),
        "is_tentative": False,
        "sequence": 0,
    }


@pytest.mark.parametrize(
    ("style", "title"),
    [
        (TitleStyle.BUSY, "Busy"),
        (TitleStyle.INITIALS, "A. M. D."),
        (TitleStyle.FULL_NAME, "Ada María d’Ávila"),
    ],
)
def test_the_owner_chooses_what_titles_tell(appointment, style, title):
    assert entry(appointment, title_style=style).title == title


def test_a_reference_tells_nothing_of_the_customer(appointment):
    title = entry(appointment, title_style=TitleStyle.REFERENCE).title
    assert title == f"Appointment {str(appointment.reference)[:8]}"


@pytest.mark.parametrize("style", TitleStyle.values)
def test_no_note_and_no_program_is_in_it_unless_allowed(appointment, style):
    calendar = connection(appointment.staff, title_style=style)
    shown = str(asdict(entries.wanted(appointment, calendar)))
    assert not [text for text in (NOTE, SECRET, appointment.program.name, "1991") if text in shown]
    allowed = entries.wanted(appointment, calendar, shows_notes=True)
    assert allowed.description.startswith(NOTE + "\n\nhttp") is (style != TitleStyle.BUSY)
    assert SECRET not in str(asdict(allowed))


@pytest.mark.parametrize(
    ("name", "initials"),
    [
        ("Ada", "A."),
        ("ada  nguyen", "A. N."),
        ("“Bo” O’Neil-Ray", "B. O."),
        ("李 小龙", "李. 小."),
        ("?? !", "Appointment"),
    ],
)
def test_initials(name, initials):
    assert entries.initials(name) == initials


def test_nothing_is_in_it_that_cannot_be_sent(appointment):
    """Pasted by accident; one in an entry, and a server cannot list the calendar any more."""
    appointment.customer.given_name = "A\x00da\x1cMaría\x0b\ufffe"
    appointment.facility.address = "12 Main\x01 St\r\nRear\x7f"
    appointment.public_note = "One\x85Two\x02\tThree\x1b"
    calendar = connection(appointment.staff, title_style=TitleStyle.FULL_NAME)
    found = entries.wanted(appointment, calendar, shows_notes=True)
    assert (found.title, found.location) == ("Ada María d’Ávila", "Northside, 12 Main St\nRear")
    assert found.description.split("\n\n")[0] == "One\nTwo\tThree"


def test_a_stranded_one_says_so_and_is_tentative(appointment):
    appointment.status = Appointment.Status.PENDING_REASSIGNMENT
    found = entry(appointment)
    assert (found.title, found.is_tentative) == ("To be reassigned: A. M. D.", True)


@pytest.mark.parametrize("status", ["arrived", "completed", "no_show"])
def test_what_has_happened_stays_in_the_calendar(appointment, status):
    before = entry(appointment)
    appointment.status = status
    assert entry(appointment) == before


def test_no_entry_for_what_is_cancelled_or_somebody_elses(appointment):
    calendar = connection(appointment.staff)
    elsewhere = connection(make.staff(at=appointment.facility))
    assert entries.wanted(appointment, elsewhere) is None
    booking.cancel(appointment=appointment, reason="", by=appointment.staff.user, now=make.NOW)
    assert entries.wanted(appointment, calendar) is None


@pytest.mark.parametrize(("state", "is_wanted"), [("active", True), ("broken", True), ("leaving", False)])
def test_only_connected_calendars_mirror(appointment, state, is_wanted):
    broken = {"broken_at": make.NOW} if state == "broken" else {}
    assert (entry(appointment, state=state, **broken) is not None) is is_wanted


def test_nothing_is_shown_to_somebody_who_left(appointment):
    appointment.staff.is_active = False
    assert entry(appointment) is None


def test_equal_entries_have_equal_digests_and_each_field_counts(appointment):
    found = entry(appointment)
    assert replace(found).digest == found.digest
    changes = {
        "title": "x",
        "location": "x",
        "description": "x",
        "url": "x",
        "starts_at": found.starts_at + timedelta(minutes=15),
        "ends_at": found.ends_at + timedelta(minutes=15),
        "is_tentative": True,
    }
    digests = {replace(found, **{name: value}).digest for name, value in changes.items()}
    assert len(digests | {found.digest}) == len(changes) + 1
    assert replace(found, sequence=9).digest == found.digest
