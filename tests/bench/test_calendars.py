"""The benchmark of calendars makes the changes it says, and fails when a calendar is not as the record says."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from appointments.models import Appointment, AppointmentEvent
from bench import calendars, connections, likeness, organisation
from bench.outside import Caldav, Google, Outside, Refused
from calendarsync import syncing
from calendarsync.models import CalendarConnection, CalendarSync
from tests import factories as make
from tests.calendarsync.harness import Standing
from tests.contracts.google_double import GoogleDouble
from tests.contracts.radicale import USERS, RadicaleRoad

SOON = timedelta(hours=1)


@pytest.mark.django_db
def test_desks_make_every_change_and_none_of_them_meets_another() -> None:
    place = organisation.create("here", staff=calendars.STAFF, customers=80)
    turns = [calendars._desk(place, 40, number) for number in range(2)]
    for acts in zip(*turns, strict=True):
        for act in acts:
            act()

    kinds = list(AppointmentEvent.objects.values_list("kind", flat=True))
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "booked": 40,
        "rescheduled": 16,
        "reassigned": 8,
        "notes_edited": 8,
        "cancelled": 8,
    }


@pytest.fixture
def google(google_calendar_double: GoogleDouble) -> Google:
    return Google(int(google_calendar_double.base.rpartition(":")[2]))


@pytest.fixture
def owned(db: None, google: Google, settings: Any) -> CalendarConnection:
    settings.CALENDAR_REQUESTS_PER_SECOND = 10_000
    google.open("dana@example.org")
    return connections.google(
        make.appointment().staff, "dana@example.org", refresh_token=google.permissions["dana@example.org"]
    )


@pytest.mark.django_db(transaction=True)
def test_check_fails_unless_the_calendar_says_what_the_record_says(
    google: Google, owned: CalendarConnection
) -> None:
    with pytest.raises(RuntimeError, match=r"1 differences, .*missing"):
        calendars.check(google, [owned])

    calendars.queueing.many(Appointment.objects.all(), owned, reason="backfill", now=timezone.now())
    syncing.drain(owned.pk, clock=timezone.now)
    told = calendars.check(google, [owned])
    assert told["peaks"] == {"dana@example.org": 1}

    google.add(owned, uuid4(), "Dentist", timezone.now())
    with pytest.raises(RuntimeError, match="0 differences"):
        calendars.check(google, [owned])


@pytest.mark.django_db(transaction=True)
def test_check_fails_unless_every_row_is_done(google: Google, owned: CalendarConnection) -> None:
    calendars.queueing.many(Appointment.objects.all(), owned, reason="backfill", now=timezone.now())
    syncing.drain(owned.pk, clock=timezone.now)
    CalendarSync.objects.update(closed_reason="Somebody wanted it no longer.", state="closed")
    with pytest.raises(RuntimeError, match="Somebody wanted it no longer"):
        calendars.check(google, [owned])


# ---------------------------------------------------------------------------------------------- likeness


@pytest.mark.django_db
def test_every_kind_of_difference_is_found(owned: CalendarConnection) -> None:
    make.appointment(staff=owned.staff, starts_at=make.NOW + timedelta(days=1))
    wanted = likeness.wanted(owned)
    assert set(wanted) == set(Appointment.objects.values_list("reference", flat=True))
    as_wanted = [standing(entry) for entry in wanted.values()]
    foreign = replace(as_wanted[0], appointment=None, external_id="foreign")

    def kinds(*events: Standing) -> list[str]:
        return sorted(found.kind for found in likeness.differences(wanted, events))

    assert kinds(*as_wanted, foreign) == []
    assert kinds(as_wanted[0], foreign) == [likeness.MISSING]
    assert kinds(*as_wanted, replace(as_wanted[0], external_id="copy")) == [likeness.TWICE]
    assert kinds(*as_wanted, replace(as_wanted[0], appointment=uuid4())) == [likeness.STRAY]
    for change in ({"title": "X"}, {"ends_at": make.NOW}, {"is_tentative": True}, {"url": ""}):
        assert kinds(replace(as_wanted[0], **change), as_wanted[1]) == [likeness.DIFFERS]


def standing(entry: Any) -> Standing:
    shown = {name: getattr(entry, name) for name in likeness.SHOWN}
    return Standing(external_id=str(entry.appointment), appointment=entry.appointment, **shown)


# ----------------------------------------------------------------------------------------------- outside


def on_radicale(radicale: RadicaleRoad) -> tuple[Caldav, CalendarConnection]:
    collection = radicale.calendar("dana")
    owned = connections.caldav(make.appointment().staff, collection, username="dana", password=USERS["dana"])
    return Caldav(radicale.radicale.port, dict(USERS), Path("users")), owned


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("provider", ["google", "caldav"])
def test_owners_see_and_change_what_stands_in_their_calendar(
    provider: str, request: pytest.FixtureRequest, settings: Any
) -> None:
    outside: Outside
    if provider == "google":
        outside, owned = request.getfixturevalue("google"), request.getfixturevalue("owned")
    else:
        outside, owned = on_radicale(request.getfixturevalue("radicale"))
    calendars.queueing.many(Appointment.objects.all(), owned, reason="backfill", now=timezone.now())
    syncing.drain(owned.pk, clock=timezone.now)
    appointment = Appointment.objects.get()
    [ours] = outside.standing(owned)
    assert list(likeness.differences(likeness.wanted(owned), [ours])) == []

    outside.edit(owned, ours.external_id, title="Lunch", moved_by=SOON)
    outside.add(owned, uuid4(), "Dentist", appointment.starts_at)
    dentist, edited = sorted(outside.standing(owned), key=lambda event: event.title)
    assert (dentist.title, dentist.appointment, dentist.starts_at) == (
        "Dentist",
        None,
        appointment.starts_at,
    )
    assert edited == replace(
        ours, title="Lunch", starts_at=ours.starts_at + SOON, ends_at=ours.ends_at + SOON
    )

    outside.delete(owned, ours.external_id)
    assert outside.standing(owned) == [dentist]
    with pytest.raises(Refused):
        outside.edit(owned, ours.external_id, title="Gone", moved_by=SOON)
