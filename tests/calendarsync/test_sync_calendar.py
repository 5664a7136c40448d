"""What an administrator has done with calendars from the command line."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from appointments.models import Appointment
from calendarsync import filling, syncing
from calendarsync.models import CalendarConnection, CalendarSync, Reconciliation, SyncedEvent
from tests import factories as make
from tests.calendarsync.google_harness import GoogleHarness
from tests.calendarsync.shelf import connection
from tests.portal.clinic import DAY, Clinic

pytestmark = pytest.mark.django_db

WHY = "The server refused the password."


@pytest.fixture
def clinic() -> Clinic:
    clinic = Clinic.open()
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    clinic.staff.user.username = "dana"
    clinic.staff.user.save()
    return clinic


def appointment(clinic: Clinic, days: int) -> Appointment:
    """So many days from today, at ten: the command reads the clock itself."""
    today = DAY - timedelta(days=7)
    at = clinic.at(day=today + timedelta(days=days))
    made = make.appointment(program=clinic.program, staff=clinic.staff, starts_at=at)
    CalendarSync.objects.all().delete()
    return made


def known(calendar: CalendarConnection, of: Appointment) -> SyncedEvent:
    return SyncedEvent.objects.create(
        appointment=of,
        connection=calendar,
        external_id=str(of.reference),
        etag="1",
        revision=0,
        digest=b"1",
        written_at=make.NOW,
    )


def run(*words: str, **options: Any) -> list[str]:
    out = StringIO()
    call_command("sync_calendar", *words, stdout=out, **options)
    return out.getvalue().splitlines()


def refused(*words: str) -> tuple[str, list[str]]:
    """The complaint, and what was said before."""
    said = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("sync_calendar", *words, stdout=said, stderr=said)
    return str(error.value), said.getvalue().splitlines()


def queued() -> list[int]:
    waiting = CalendarSync.objects.filter(reason="command", state="pending")
    return list(waiting.order_by("pk").values_list("appointment", flat=True))


@pytest.mark.parametrize("name", ["dana", "Dana Reyes", "dana reyes", "DANA"])
def test_what_is_to_come_is_queued_for_the_person_named(clinic, name):
    connection(clinic.staff)
    connection(make.staff())
    later, sooner = appointment(clinic, 2), appointment(clinic, 1)
    appointment(clinic, -2)
    assert run(name) == ["Dana Reyes, Work: 2 queued: 2 to add, 0 to update, 0 to remove"]
    assert queued() == [sooner.pk, later.pk]


def test_days_behind_are_queued_if_asked_for(clinic):
    connection(clinic.staff)
    made = [appointment(clinic, days) for days in (-5, -3, 1)]
    run("dana", "--past", "4")
    assert queued() == [made[1].pk, made[2].pk]


def test_dry_run_says_what_queueing_would_come_to_and_writes_nothing(clinic):
    calendar = connection(clinic.staff)
    appointment(clinic, 1)
    known(calendar, appointment(clinic, 2))
    for days in (3, -40):
        gone = appointment(clinic, days)
        known(calendar, gone)
        Appointment.objects.filter(pk=gone.pk).update(status="cancelled", cancelled_at=make.NOW)
    told = "1 to add, 1 to update, 2 to remove"
    assert run("dana", "--dry-run") == [f"Dana Reyes, Work: {told}"]
    assert not CalendarSync.objects.exists()
    assert run("dana") == [f"Dana Reyes, Work: 4 queued: {told}"]


def test_what_waits_already_is_not_queued_twice(clinic):
    connection(clinic.staff)
    appointment(clinic, 1)
    run("dana")
    assert run("dana", dry_run=True) == [
        "Dana Reyes, Work: 0 to add, 0 to update, 0 to remove; 1 wait already"
    ]
    run("dana")
    assert len(queued()) == 1


def test_everything_of_somebody_who_left_is_to_be_removed(clinic):
    calendar = connection(clinic.staff)
    known(calendar, appointment(clinic, 1))
    appointment(clinic, 2)
    type(clinic.staff).objects.filter(pk=clinic.staff.pk).update(is_active=False)
    assert run("dana", "--dry-run") == ["Dana Reyes, Work: 0 to add, 0 to update, 1 to remove"]


@pytest.mark.parametrize("state", ["broken", "leaving"])
def test_nothing_is_queued_for_a_calendar_that_was_left_meanwhile(clinic, state):
    calendar = connection(clinic.staff)
    appointment(clinic, 1)
    CalendarConnection.objects.update(state=state, broken_at=make.NOW)
    assert filling.queue(calendar, now=timezone.now()) == 0
    assert queued() == []


def test_all_means_every_calendar_and_one_that_stopped_keeps_no_other_from_it(clinic):
    connection(clinic.staff)
    appointment(clinic, 1)
    connection(
        make.staff(display_name="Marcus Bell"),
        state="broken",
        broken_at=make.NOW,
        last_error=WHY,
    )
    connection(make.staff(display_name="Away"), state="leaving")
    complaint, said = refused("--all")
    assert complaint == "1 of 2 calendars left as they are, see above."
    assert said == [
        "Dana Reyes, Work: 1 queued: 1 to add, 0 to update, 0 to remove",
        f"Marcus Bell, Work: stopped. {WHY} It goes on once it is tested or connected again.",
    ]
    assert len(queued()) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nobody"], "Nobody on staff is called “nobody”."),
        (["dana"], "Dana Reyes has no calendar connected."),
        (["--all"], "No calendar is connected."),
        ([], "Name one person, or say --all."),
        (["dana", "--all"], "Name one person, or say --all."),
        (["dana", "--past", "-1"], "--past takes a number of days, and does not go with --reconcile."),
        (
            ["dana", "--past", "3", "--reconcile"],
            "--past takes a number of days, and does not go with --reconcile.",
        ),
    ],
)
def test_what_cannot_be_done_is_said(clinic, words, complaint):
    assert refused(*words) == (complaint, [])


def test_name_of_several_people_is_asked_for_more_exactly(clinic):
    namesake = make.staff(display_name="Dana Reyes", user=make.user(username="dreyes"))
    make.staff(display_name="Somebody", user=make.user(username="Dana"))
    complaint, _ = refused("dana reyes")
    assert complaint == "Several people are called “dana reyes”. Give the user name: dana, dreyes."
    connection(namesake)
    assert run("dreyes") == ["Dana Reyes, Work: 0 queued: 0 to add, 0 to update, 0 to remove"]
    assert refused("dana")[0] == "Dana Reyes has no calendar connected."


# ------------------------------------------------------------------------------------------------- comparing


@pytest.fixture
def full(clinic: Clinic, google_harness: GoogleHarness) -> CalendarConnection:
    """A calendar in which one entry was deleted and one changed."""
    calendar = google_harness.connection(clinic.staff)
    made = [appointment(clinic, days) for days in (1, 2, 3)]
    run("dana")
    syncing.drain(calendar.pk, clock=timezone.now, pace=lambda _: None)
    CalendarSync.objects.all().delete()
    names = [google_harness.expected_id(calendar, each.reference) for each in made]
    google_harness.delete(calendar, names[0])
    google_harness.edit(calendar, names[1], title="Lunch")
    return calendar


def test_reconcile_compares_now_and_queues_what_differs(full):
    assert run("dana", "--reconcile") == ["Dana Reyes, Work: 3 compared, 1 missing, 1 changed, 0 too many"]
    assert CalendarSync.objects.filter(reason="reconcile").count() == 2
    assert run("dana", reconcile=True) == ["Dana Reyes, Work: 1 compared, 0 missing, 0 changed, 0 too many"]


def test_reconcile_dry_run_lists_what_differs_and_writes_nothing(full):
    first, second, _ = Appointment.objects.order_by("starts_at")
    assert run("dana", "--reconcile", "--dry-run") == [
        "Dana Reyes, Work: 3 compared; 1 to add, 1 to update, 0 to remove",
        f"  {first.reference}: It was not there.",
        f"  {second.reference}: Its title, time, place or text was changed in the calendar.",
    ]
    full.refresh_from_db()
    assert (full.reconciled_at, full.drained_until) == (None, None)
    assert not CalendarSync.objects.exists()
    assert not Reconciliation.objects.exists()


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["", "dry run"])
def test_reconcile_says_why_it_cannot(full, google_harness, dry):
    google_harness.vanish(full)
    complaint, said = refused("dana", "--reconcile", *dry)
    assert complaint == "1 of 1 calendars left as they are, see above."
    assert [line.partition(": ")[0] for line in said] == ["Dana Reyes, Work"]
    full.refresh_from_db()
    assert said[0].partition(": ")[2] == full.last_error or dry
    assert full.state == ("active" if dry else "broken")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"drained_until": timedelta(minutes=1)},
            "a worker is writing to it just now. Try again in a minute.",
        ),
        ({"retry_at": timedelta(minutes=1)}, "resting until "),
    ],
    ids=["busy", "resting"],
)
def test_reconcile_waits_for_nobody(full, change, why):
    until = {name: timezone.now() + ahead for name, ahead in change.items()}
    CalendarConnection.objects.filter(pk=full.pk).update(**until)
    assert refused("dana", "--reconcile")[1][0].startswith(f"Dana Reyes, Work: {why}")
