"""A row for every change and calendar that it touches, in the change's own transaction."""

from datetime import timedelta
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from appointments.models import Appointment
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from reminders.models import Message
from scheduling import booking, reassignment
from tests import factories as make
from tests.calendarsync.shelf import connection
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

NOW = make.NOW
SOON = NOW + timedelta(minutes=1)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400})


@pytest.fixture
def calendar(clinic: Clinic) -> CalendarConnection:
    return connection(clinic.staff)


@pytest.fixture
def appointment(clinic: Clinic, calendar: CalendarConnection) -> Appointment:
    return make.appointment(program=clinic.program, staff=clinic.staff)


def rows(**given: Any) -> list[tuple[str, int, str]]:
    """Kind of the change, whose calendar, and state, in order."""
    found = CalendarSync.objects.filter(**given).order_by("pk")
    return list(found.values_list("event__kind", "connection", "state"))


def test_every_kind_of_change_is_a_row(clinic, calendar, appointment):
    common = {"appointment": appointment, "by": clinic.staff.user, "now": SOON}
    booking.reschedule(starts_at=appointment.starts_at + timedelta(hours=1), **common)
    booking.edit_notes(public_note="Bring the form.", **common)
    booking.cancel(reason="", **common)
    booking.mark(status="scheduled", **common)
    booking.mark(status="arrived", **common)
    kinds = ["booked", "rescheduled", "notes_edited", "cancelled", "marked", "marked"]
    assert rows() == [(kind, calendar.pk, "pending") for kind in kinds]
    row = CalendarSync.objects.order_by("pk")[1]
    assert (row.created_at, row.due_at, row.reason, row.rank) == (SOON, SOON, "change", 0)


def test_stranding_and_restoring_are_rows(clinic, calendar, appointment):
    off = None
    for change in ("off", "on"):
        with reassignment.changing_hours(staff=[clinic.staff], by=clinic.staff.user, now=SOON):
            if change == "off":
                off = make.time_off(staff=clinic.staff)
            else:
                off.delete()
    assert [kind for kind, *_ in rows()] == ["booked", "stranded", "restored"]


def test_a_private_note_alone_is_a_row_and_never_in_it(clinic, calendar, appointment):
    booking.edit_notes(appointment=appointment, by=clinic.staff.user, now=SOON, private_note="Relapsed.")
    row = CalendarSync.objects.order_by("-pk").values().first()
    assert row["event_id"] is not None
    assert "Relapsed" not in str(row)


def test_reassigning_is_a_row_for_both_calendars(clinic, calendar, appointment):
    colleague = clinic.colleague()
    theirs = connection(colleague)
    booking.reassign(appointment=appointment, staff=colleague, by=clinic.staff.user, now=SOON)
    assert set(rows(event__kind="reassigned")) == {
        ("reassigned", calendar.pk, "pending"),
        ("reassigned", theirs.pk, "pending"),
    }


def test_a_calendar_that_still_holds_the_entry_is_told_whoever_has_it_now(clinic, calendar, appointment):
    """It was reassigned while this calendar was being connected anew, for example."""
    third = connection(clinic.colleague())
    SyncedEvent.objects.create(
        appointment=appointment, connection=third, external_id="x", revision=0, digest=b"", written_at=NOW
    )
    booking.cancel(appointment=appointment, reason="", by=clinic.staff.user, now=SOON)
    assert {pk for _, pk, _ in rows(event__kind="cancelled")} == {calendar.pk, third.pk}


@pytest.mark.parametrize(("state", "is_told"), [("broken", True), ("leaving", False), ("new", False)])
def test_which_calendars_are_told(clinic, state, is_told):
    broken = {"broken_at": NOW} if state == "broken" else {}
    connection(clinic.staff, state=state, **broken)
    make.appointment(program=clinic.program, staff=clinic.staff)
    assert bool(rows()) is is_told


def test_without_calendars_nothing_is_written_and_one_statement_asks(clinic):
    with CaptureQueriesContext(database) as queries:
        make.appointment(program=clinic.program, staff=clinic.staff)
    ours = [query["sql"] for query in queries if "calendarsync" in query["sql"]]
    assert (len(ours), CalendarSync.objects.count()) == (1, 0)


def test_the_row_goes_with_the_change_when_that_is_undone(clinic, calendar):
    with transaction.atomic():
        make.appointment(program=clinic.program, staff=clinic.staff)
        transaction.set_rollback(True)
    assert not CalendarSync.objects.exists()


def test_a_worker_is_told_of_the_calendar_on_commit(clinic, calendar, django_capture_on_commit_callbacks):
    told: list[tuple[str, Any]] = []

    def listen(sender: str, body: Any, **_: Any) -> None:
        told.append((sender, body[0]))

    before_task_publish.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            make.appointment(program=clinic.program, staff=clinic.staff)
    finally:
        before_task_publish.disconnect(listen)
    assert [body for sender, body in told if sender == "calendarsync.tasks.drain"] == [[calendar.pk]]


def test_a_past_appointment_marked_today_is_a_row_and_no_message(clinic, calendar, appointment):
    before = Message.objects.count()
    tomorrow = NOW + timedelta(days=1)
    booking.mark(appointment=appointment, status="arrived", by=clinic.staff.user, now=tomorrow)
    assert rows(event__kind="marked") == [("marked", calendar.pk, "pending")]
    assert Message.objects.count() == before
