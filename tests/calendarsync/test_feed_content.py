"""What stands in a feed, and that its ETag changes with it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from appointments import calendar_file, confirmation
from appointments.models import Appointment, Customer, Facility, Organisation, StaffMember
from calendarsync import entries, feeds
from calendarsync.models import TitleStyle
from scheduling import booking
from tests import factories as make
from tests.calendarsync.feeding import AT, body_of, content_of, events_in, of_customer, of_staff, visit
from tests.calendarsync.shelf import connection
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

NOW, SOON = make.NOW, make.NOW + timedelta(minutes=1)
NOTE, SECRET = "Bring the form.", "Relapsed in May"


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(name="Northside", address="12 Main St; rear, left", phone="(212) 555-0100")


@pytest.fixture
def appointment(clinic: Clinic) -> Appointment:
    customer = make.customer(at=clinic.facility, given_name="Ada", family_name="Nguyen")
    return visit(clinic, customer=customer, public_note=NOTE, private_note=SECRET)


def change(appointment: Appointment) -> dict[str, object]:
    return {"appointment": appointment, "by": appointment.staff.user, "now": SOON}


# --------------------------------------------------------------------------------------- what staff read


@pytest.mark.parametrize("style", TitleStyle.values)
def test_staff_read_what_their_connected_calendar_would_show(clinic, appointment, style):
    found = events_in(body_of(of_staff(clinic.staff, title_style=style)))
    entry = entries.wanted(appointment, connection(clinic.staff, title_style=style))
    assert found == [
        {
            "uid": str(appointment.reference),
            "dtstamp": NOW,
            "dtstart": entry.starts_at,
            "dtend": entry.ends_at,
            "sequence": 0,
            "status": "CONFIRMED",
            "class": "PRIVATE",
            "transp": "OPAQUE",
            "summary": entry.title,
            "location": "Northside, 12 Main St; rear, left",
            "description": entry.description,
            "url": entry.url,
        }
    ]


@pytest.mark.parametrize("style", TitleStyle.values)
def test_no_note_and_no_program_is_in_it_unless_the_organization_allows_the_public_one(
    clinic, appointment, style
):
    token = of_staff(clinic.staff, title_style=style)
    shown = body_of(token).decode()
    assert not [text for text in (NOTE, SECRET, clinic.program.name) if text in shown]
    Organisation.objects.update_or_create(pk=1, defaults={"calendars_show_public_notes": True})
    shown = body_of(token).decode()
    allowed = [] if style == TitleStyle.BUSY else [NOTE]
    assert [text for text in (NOTE, SECRET, clinic.program.name) if text in shown] == allowed


def test_only_what_is_live_and_their_own(clinic, appointment):
    other = clinic.colleague()
    visit(clinic, staff=other)
    gone = visit(clinic, starts_at=AT + timedelta(hours=1))
    booking.cancel(reason="", **change(gone))
    stranded = visit(clinic, starts_at=AT + timedelta(hours=2), customer=appointment.customer)
    Appointment.objects.filter(pk=stranded.pk).update(status=Appointment.Status.PENDING_REASSIGNMENT)
    found = events_in(body_of(of_staff(clinic.staff)))
    assert [(event["summary"], event["status"]) for event in found] == [
        ("A. N.", "CONFIRMED"),
        ("To be reassigned: A. N.", "TENTATIVE"),
    ]


def test_from_30_days_back_to_400_ahead(clinic):
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    quarter = timedelta(minutes=15)
    first, last = midnight - timedelta(days=30), midnight + timedelta(days=401) - quarter
    for starts_at in (first - quarter, first, last, last + quarter):
        visit(clinic, starts_at=starts_at, minutes=15)
    found = events_in(body_of(of_staff(clinic.staff)))
    assert [event["dtstart"] for event in found] == [first, last]


def test_a_move_keeps_the_event_and_counts_up(clinic, appointment):
    token = of_staff(clinic.staff)
    before = events_in(body_of(token))[0]
    booking.reschedule(starts_at=AT + timedelta(hours=1), **change(appointment))
    after = events_in(body_of(token))[0]
    assert (after["uid"], after["sequence"], after["dtstamp"]) == (before["uid"], 2, SOON)


def test_both_readings_of_a_repeated_hour_and_the_gap_are_instants(clinic):
    """In New York clocks go back on November 1, 2026 at 06:00Z and forward on March 14, 2027 at 07:00Z."""
    first, second = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6))
    before, after = (datetime(2027, 3, 14, hour, minute, tzinfo=UTC) for hour, minute in ((6, 30), (7, 0)))
    for starts_at in (first, second, before, after):
        visit(clinic, starts_at=starts_at)
    body = body_of(of_staff(clinic.staff))
    assert [event["dtstart"] for event in events_in(body)] == [first, second, before, after]
    assert [line for line in body.decode().split("\r\n") if line.startswith("DTEND")] == [
        "DTEND:20261101T060000Z",
        "DTEND:20261101T070000Z",
        "DTEND:20270314T070000Z",
        "DTEND:20270314T073000Z",
    ]


# ------------------------------------------------------------------------------------ what customers read


def test_customers_read_what_the_portal_shows_them(clinic, appointment, settings):
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    address = f"{settings.PUBLIC_BASE_URL}/portal/account/appointments/{appointment.reference}/"
    found = events_in(body_of(of_customer(appointment.customer)))
    assert found == [
        {
            "uid": f"{appointment.reference}@localhost",
            "dtstamp": NOW,
            "dtstart": AT,
            "dtend": AT + timedelta(minutes=30),
            "sequence": 0,
            "status": "CONFIRMED",
            "class": "PRIVATE",
            "transp": "OPAQUE",
            "summary": "Northside appointment",
            "location": "Northside, 12 Main St; rear, left",
            "description": f"With Dana Reyes\nQuestions? Call (212) 555-0100.\n\n{address}",
            "url": address,
        }
    ]


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Northside appointment"), ("es", "Cita en Northside")]
)
def test_the_event_is_the_one_of_the_file_that_the_portal_offers(clinic, appointment, language, title):
    Customer.objects.update(language=language)
    shown = events_in(body_of(of_customer(appointment.customer)))[0]
    with translation.override(language):
        offered = events_in(calendar_file.calendar_file(appointment, now=NOW))[0]
    assert shown["summary"] == title
    assert offered == {name: shown[name] for name in offered}


def test_customers_never_read_notes_programs_or_that_hours_no_longer_fit(clinic, appointment):
    Organisation.objects.update_or_create(pk=1, defaults={"calendars_show_public_notes": True})
    Appointment.objects.update(status=Appointment.Status.PENDING_REASSIGNMENT)
    body = body_of(of_customer(appointment.customer)).decode()
    kept = (NOTE, SECRET, clinic.program.name, clinic.staff.display_name, "Nguyen", "reassign", "TENTATIVE")
    assert [text for text in kept if text in body] == []
    assert body.count("BEGIN:VEVENT") == 1


def test_customers_read_only_their_own_live_ones(clinic, appointment):
    ben = make.customer(at=clinic.facility)
    theirs = visit(clinic, customer=ben, starts_at=AT + timedelta(hours=1))
    gone = visit(clinic, customer=ben, starts_at=AT + timedelta(hours=2))
    booking.cancel(reason="", **change(gone))
    found = events_in(body_of(of_customer(ben)))
    assert [event["uid"] for event in found] == [calendar_file.uid(theirs)]


# ----------------------------------------------------------------------------------------------- the ETag


def rename_customer(appointment: Appointment) -> None:
    Customer.objects.update(family_name="Zweifel")


def rename_facility(appointment: Appointment) -> None:
    Facility.objects.update(name="Southside")


def move_facility(appointment: Appointment) -> None:
    Facility.objects.update(address="1 Elm St")


def give_facility_a_number(appointment: Appointment) -> None:
    Facility.objects.update(phone="(212) 555-0199")


def rename_staff(appointment: Appointment) -> None:
    StaffMember.objects.update(display_name="Dana Reyes")


def rename_organisation(appointment: Appointment) -> None:
    Organisation.objects.update_or_create(pk=1, defaults={"name": "Helping Hands"})


def show_notes(appointment: Appointment) -> None:
    Organisation.objects.update_or_create(pk=1, defaults={"calendars_show_public_notes": True})


def choose_busy(appointment: Appointment) -> None:
    feeds.change_titles(staff=appointment.staff, title_style=TitleStyle.BUSY)


def choose_full_names(appointment: Appointment) -> None:
    feeds.change_titles(staff=appointment.staff, title_style=TitleStyle.FULL_NAME)


def speak_spanish(appointment: Appointment) -> None:
    Customer.objects.update(language="es")


def book_another(appointment: Appointment) -> None:
    make.appointment(
        program=appointment.program,
        staff=appointment.staff,
        customer=appointment.customer,
        starts_at=AT + timedelta(days=9),
        overrides={"cool_down"},
    )


def move(appointment: Appointment) -> None:
    booking.reschedule(starts_at=AT + timedelta(hours=1), **change(appointment))


def move_there_and_back(appointment: Appointment) -> None:
    move(appointment)
    booking.reschedule(starts_at=AT, **change(appointment))


def shorten(appointment: Appointment) -> None:
    booking.reschedule(starts_at=AT, minutes=15, **change(appointment))


def give_away(appointment: Appointment) -> None:
    colleague = make.staff(at=appointment.facility)
    make.week(staff=colleague, at=appointment.facility)
    appointment.program.staff.add(colleague)
    booking.reassign(staff=colleague, **change(appointment))


def cancel(appointment: Appointment) -> None:
    booking.cancel(reason="", **change(appointment))


def cancel_and_undo(appointment: Appointment) -> None:
    cancel(appointment)
    booking.mark(status="scheduled", **change(appointment))


def strand(appointment: Appointment) -> None:
    Appointment.objects.update(status=Appointment.Status.PENDING_REASSIGNMENT)


def arrive(appointment: Appointment) -> None:
    booking.mark(status="arrived", **change(appointment))


def edit_private_note(appointment: Appointment) -> None:
    booking.edit_notes(private_note="Better now", **change(appointment))


def edit_public_note(appointment: Appointment) -> None:
    booking.edit_notes(public_note="Bring nothing.", **change(appointment))


def confirm(appointment: Appointment) -> None:
    confirmation.confirm(appointment=appointment, channel="email", now=AT - timedelta(days=1))


def change_contacts(appointment: Appointment) -> None:
    Customer.objects.update(phone="+12125550188", email="else@example.org")


BOTH = [
    rename_facility,
    move_facility,
    rename_staff,
    rename_organisation,
    book_another,
    move,
    move_there_and_back,
    shorten,
    cancel,
    cancel_and_undo,
    strand,
]
TO_STAFF = [*BOTH, rename_customer, show_notes, choose_busy, choose_full_names, give_away]
TO_CUSTOMERS = [*BOTH, give_facility_a_number, speak_spanish, give_away]
OF_NO_CONCERN = [arrive, edit_private_note, edit_public_note, confirm, change_contacts]


@pytest.mark.parametrize("happens", TO_STAFF)
def test_whatever_changes_staff_s_file_changes_its_etag(clinic, appointment, happens):
    assert changes(of_staff(clinic.staff), appointment, happens) == (True, True)


@pytest.mark.parametrize("happens", TO_CUSTOMERS)
def test_whatever_changes_a_customer_s_file_changes_its_etag(appointment, happens):
    assert changes(of_customer(appointment.customer), appointment, happens) == (True, True)


@pytest.mark.parametrize("happens", [*OF_NO_CONCERN, give_facility_a_number])
def test_what_staff_s_file_does_not_show_changes_neither(clinic, appointment, happens):
    assert changes(of_staff(clinic.staff), appointment, happens) == (False, False)


@pytest.mark.parametrize("happens", [*OF_NO_CONCERN, rename_customer, show_notes])
def test_what_a_customer_s_file_does_not_show_changes_neither(appointment, happens):
    assert changes(of_customer(appointment.customer), appointment, happens) == (False, False)


@pytest.mark.parametrize("style", [TitleStyle.BUSY, TitleStyle.REFERENCE])
def test_names_change_nothing_where_they_are_not_shown(clinic, appointment, style):
    token = of_staff(clinic.staff, title_style=style)
    assert changes(token, appointment, rename_customer) == (False, False)


def changes(
    token: str, appointment: Appointment, happens: Callable[[Appointment], None]
) -> tuple[bool, bool]:
    """Whether the file and whether its ETag are others than before."""
    before = content_of(token)
    happens(appointment)
    after = content_of(token)
    return before.body != after.body, before.etag != after.etag


def test_a_note_that_is_shown_changes_both(clinic, appointment):
    show_notes(appointment)
    assert changes(of_staff(clinic.staff), appointment, edit_public_note) == (True, True)


def test_time_that_passes_changes_them_when_a_day_leaves_or_comes(clinic, appointment):
    token = of_staff(clinic.staff)
    visit(clinic, starts_at=AT + timedelta(days=400))
    versions = [content_of(token, now=now) for now in (NOW, NOW + timedelta(hours=9, minutes=59))]
    assert versions[0] == versions[1]
    later = [content_of(token, now=NOW + timedelta(days=days)) for days in (1, 31, 32)]
    assert [len(events_in(content.body)) for content in later] == [2, 2, 1]
    assert len({content.etag for content in [versions[0], *later]}) == 3
