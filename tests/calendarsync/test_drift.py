"""What people do to a calendar behind our back, found and put right at real servers; and a very full calendar."""

from datetime import date, timedelta
from typing import Any

import pytest

from appointments.models import Appointment
from calendarsync import comparing, entries, reconciling, syncing
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from calendarsync.providers.google import APPOINTMENT, CALENDAR, event_id_of
from tests import factories as make
from tests.calendarsync.compared import DAY, HOUR, NOW, book, counts, repairs
from tests.calendarsync.google_harness import GoogleHarness
from tests.calendarsync.harness import Harness, Standing
from tests.calendarsync.shelf import Clock
from tests.contracts.doubles import ANY
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400})


def drain(calendar: CalendarConnection) -> None:
    syncing.drain(calendar.pk, clock=Clock(LATER), pace=lambda _: None)


def reconcile(calendar: CalendarConnection) -> Any:
    return reconciling.reconcile(calendar.pk, clock=Clock(), pace=lambda _: None)


def content(found: list[Standing]) -> list[dict[str, Any]]:
    return [vars(each) for each in found]


def deleted(harness: Harness, calendar: CalendarConnection, name: str) -> tuple[int, int, int, str]:
    harness.delete(calendar, name)
    return 1, 0, 0, comparing.NOT_THERE


def retitled(harness: Harness, calendar: CalendarConnection, name: str) -> tuple[int, int, int, str]:
    harness.edit(calendar, name, title="Lunch")
    return 0, 1, 0, comparing.ALTERED


def moved(harness: Harness, calendar: CalendarConnection, name: str) -> tuple[int, int, int, str]:
    harness.edit(calendar, name, starts_at=NOW + 9 * HOUR, ends_at=NOW + 10 * HOUR)
    return 0, 1, 0, comparing.ALTERED


def moved_away(harness: Harness, calendar: CalendarConnection, name: str) -> tuple[int, int, int, str]:
    harness.edit(calendar, name, starts_at=NOW + 300 * DAY, ends_at=NOW + 300 * DAY + HOUR)
    return 0, 1, 0, comparing.MOVED_AWAY


def made_a_day(harness: Harness, calendar: CalendarConnection, name: str) -> tuple[int, int, int, str]:
    harness.edit(calendar, name, starts_at=date(2026, 11, 23), ends_at=date(2026, 11, 24))
    return 0, 1, 0, comparing.REMADE


def made_a_series(harness: Harness, calendar: CalendarConnection, name: str) -> tuple[int, int, int, str]:
    harness.edit(calendar, name, recurrence="FREQ=DAILY;COUNT=3")
    return 0, 1, 0, comparing.REMADE


@pytest.mark.parametrize("act", [deleted, retitled, moved, moved_away, made_a_day, made_a_series])
def test_what_somebody_did_outside_is_said_and_put_right(clinic, harness, act):
    calendar = harness.connection(clinic.staff)
    name = harness.expected_id(calendar, book(clinic).reference)
    book(clinic, at=NOW + 4 * HOUR)
    drain(calendar)
    harness.add_foreign(calendar, "dentist", "Dentist", starts_at=NOW + 6 * HOUR)
    right = content(harness.standing(calendar))
    assert counts(reconcile(calendar)) == (2, 0, 0, 0)

    *expected, note = act(harness, calendar, name)
    assert counts(reconcile(calendar)) == (2, *expected)
    assert repairs() == [("reconcile", note)]
    drain(calendar)

    assert content(harness.standing(calendar)) == right
    assert counts(reconcile(calendar)) == (2, 0, 0, 0)


def test_entry_whose_appointment_the_record_has_lost_goes(clinic, harness):
    calendar = harness.connection(clinic.staff)
    lost = book(clinic)
    kept = book(clinic, at=NOW + 4 * HOUR)
    drain(calendar)
    SyncedEvent.objects.filter(appointment=lost).delete()
    Appointment.objects.filter(pk=lost.pk).update(reference="00000000-0000-4000-8000-000000000000")
    CalendarSync.objects.all().delete()

    assert counts(reconcile(calendar)) == (2, 1, 0, 1)
    drain(calendar)

    lost.refresh_from_db()
    assert [each.appointment for each in harness.standing(calendar)] == [lost.reference, kept.reference]


@pytest.mark.parametrize("trouble", [{"status": 503}, {"drop": True, "times": None}], ids=["busy", "silent"])
def test_calendar_that_does_not_answer_is_compared_another_time(clinic, harness, trouble):
    calendar = harness.connection(clinic.staff)
    book(clinic)
    drain(calendar)
    for each in harness.standing(calendar):
        harness.delete(calendar, each.external_id)

    harness.trouble(method=ANY, **trouble)
    record = reconcile(calendar)
    assert (bool(record.error), record.finished_at, repairs()) == (True, None, [])
    harness.calm()
    assert counts(reconcile(calendar)) == (1, 1, 0, 0)


# ------------------------------------------------------------------------------------------------ very full

FULL = 3000
A_DAY = 30


def fill(clinic: Clinic, google: GoogleHarness) -> CalendarConnection:
    """Thirty appointments a day, as they stand at Google after having been written."""
    calendar = google.connection(clinic.staff)
    customer = make.customer(at=clinic.facility)
    starts = [NOW - 13 * DAY + n // A_DAY * DAY + n % A_DAY * HOUR / 4 for n in range(FULL)]
    made = Appointment.objects.bulk_create(
        Appointment(
            customer=customer,
            staff=clinic.staff,
            facility=clinic.facility,
            program=clinic.program,
            starts_at=at,
            ends_at=at + HOUR / 4,
            placed_at=NOW,
        )
        for at in starts
    )
    SyncedEvent.objects.bulk_create([written(calendar, google, each) for each in made])
    return calendar


def written(calendar: CalendarConnection, google: GoogleHarness, appointment: Appointment) -> SyncedEvent:
    entry = entries.wanted(appointment, calendar)
    assert entry is not None
    event = google.double.add(
        calendar.account,
        event_id_of(entry.appointment),
        summary=entry.title,
        visibility="private",
        start={"dateTime": entry.starts_at.isoformat()},
        end={"dateTime": entry.ends_at.isoformat()},
        extendedProperties={
            "private": {APPOINTMENT: str(entry.appointment), CALENDAR: str(calendar.reference)}
        },
    )
    return SyncedEvent(
        appointment=appointment,
        connection=calendar,
        external_id=event["id"],
        etag=event["etag"],
        revision=0,
        digest=entry.digest,
        written_at=NOW,
    )


def test_three_thousand_entries_are_compared_page_by_page(
    clinic, google_harness, django_assert_max_num_queries
):
    calendar = fill(clinic, google_harness)
    names = list(SyncedEvent.objects.order_by("appointment__starts_at").values_list("external_id", flat=True))
    google_harness.delete(calendar, names[0])
    google_harness.edit(calendar, names[1500], title="Lunch")
    google_harness.edit(calendar, names[2999], starts_at=NOW + 300 * DAY, ends_at=NOW + 300 * DAY + HOUR)
    before = google_harness.double.asked

    with django_assert_max_num_queries(60):
        record = reconcile(calendar)

    assert counts(record) == (FULL, 1, 2, 0)
    assert [note for _, note in repairs()] == [comparing.NOT_THERE, comparing.ALTERED, comparing.MOVED_AWAY]
    # A token, twelve pages, and two that were not listed.
    assert google_harness.double.asked - before == 15
