"""What becomes of a calendar that cannot be written to, and who is told."""

from datetime import timedelta
from typing import Any

import pytest

from appointments.models.organisation import Role
from calendarsync import credentials, trouble
from calendarsync.models import CalendarConnection, CalendarSync
from calendarsync.models.connection import State
from calendarsync.providers.base import CalendarError, Fault
from reminders import messages, suppression, unsubscribing
from reminders.models import Message
from securecare.encryption import KeyRing
from tests import factories as make
from tests.calendarsync.shelf import connection
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

NOW = make.NOW
LATER = NOW + timedelta(minutes=5)
WRONG_PASSWORD = CalendarError("The server refused the password.", fault=Fault.CALENDAR)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open()


@pytest.fixture
def calendar(clinic: Clinic) -> CalendarConnection:
    return connection(clinic.staff)


def with_address(member: Any, address: str) -> Any:
    member.user.email = address
    member.user.save()
    return member


def told() -> list[str]:
    return sorted(Message.objects.filter(kind="colleague").values_list("address", flat=True))


def test_a_stopped_calendar_says_why_and_when(calendar):
    trouble.stop(calendar, WRONG_PASSWORD, now=NOW)
    calendar.refresh_from_db()
    assert (calendar.state, calendar.broken_at, calendar.last_error) == (
        State.BROKEN,
        NOW,
        "The server refused the password.",
    )


def test_its_owner_and_the_managers_of_their_facilities_are_told_once(clinic, calendar):
    with_address(clinic.staff, "dana@example.org")
    with_address(make.staff(at=clinic.facility, role=Role.MANAGER), "naomi@example.org")
    with_address(make.staff(at=make.facility(), role=Role.MANAGER), "elsewhere@example.org")
    with_address(make.staff(at=clinic.facility, role=Role.MANAGER, is_active=False), "left@example.org")
    with_address(make.staff(at=clinic.facility), "colleague@example.org")
    trouble.stop(calendar, WRONG_PASSWORD, now=NOW)
    trouble.stop(calendar, WRONG_PASSWORD, now=LATER)
    assert told() == ["dana@example.org", "naomi@example.org"]
    calendar.refresh_from_db()
    assert (calendar.told_at, calendar.broken_at) == (NOW, NOW)


def test_they_are_told_what_happened_and_what_to_do(clinic, calendar, settings):
    with_address(clinic.staff, "dana@example.org")
    with_address(make.staff(at=clinic.facility, role=Role.MANAGER), "naomi@example.org")
    trouble.stop(calendar, WRONG_PASSWORD, now=NOW)
    letters = {row.address: messages.read(row) for row in Message.objects.all()}
    own, managers = letters["dana@example.org"], letters["naomi@example.org"]
    assert own.subject == "Your calendar no longer follows SecureCare"
    assert managers.subject == f"{clinic.staff}’s calendar no longer follows SecureCare"
    for letter in (own, managers):
        assert "The server refused the password." in letter.text
        assert f"{settings.PUBLIC_BASE_URL}/calendars/" in letter.text


def test_the_warning_goes_out_however_the_address_stands(clinic, calendar):
    with_address(clinic.staff, "dana@example.org")
    trouble.stop(calendar, WRONG_PASSWORD, now=NOW)
    warning = Message.objects.get()
    assert (suppression.reason(warning, now=NOW), unsubscribing.url(warning)) == ("", "")


def test_nobody_is_told_who_has_no_address(clinic, calendar):
    trouble.stop(calendar, WRONG_PASSWORD, now=NOW)
    assert told() == []


def test_it_is_told_again_when_it_stops_again_later(clinic, calendar):
    with_address(clinic.staff, "dana@example.org")
    for now in (NOW, LATER):
        trouble.stop(calendar, WRONG_PASSWORD, now=now)
        trouble.resume(calendar, now=now)
        calendar.refresh_from_db()
    assert told() == ["dana@example.org"] * 2


def test_a_late_failure_of_an_old_password_does_not_stop_the_new_one(calendar):
    old = CalendarConnection.objects.get()
    CalendarConnection.objects.update(**credentials.sealed({"password": "new"}, calendar.reference))
    trouble.stop(old, WRONG_PASSWORD, now=NOW)
    calendar.refresh_from_db()
    assert (calendar.state, calendar.last_error) == (State.ACTIVE, "")


def test_resuming_makes_what_waits_due(clinic, calendar):
    appointment = make.appointment(program=clinic.program, staff=clinic.staff)
    CalendarSync.objects.update(due_at=NOW + timedelta(hours=1))
    trouble.stop(calendar, WRONG_PASSWORD, now=NOW)
    trouble.resume(calendar, now=LATER)
    calendar.refresh_from_db()
    assert (calendar.state, calendar.broken_at, calendar.told_at, calendar.last_error) == (
        State.ACTIVE,
        None,
        None,
        "",
    )
    assert CalendarSync.objects.get(appointment=appointment).due_at == LATER


@pytest.mark.parametrize("state", ["disconnected", "leaving"])
def test_what_was_disconnected_does_not_resume(calendar, state):
    none = credentials.NONE if state == "disconnected" else {}
    CalendarConnection.objects.update(state=state, **none)
    trouble.resume(calendar, now=LATER)
    calendar.refresh_from_db()
    assert calendar.state == state


def test_pauses_grow_to_a_bound(calendar):
    error = CalendarError("Nobody answers.", fault=Fault.AWAY)
    pauses = []
    for _ in range(12):
        trouble.count(calendar, error, now=NOW)
        pauses.append(trouble.rest(calendar, error, now=NOW) - NOW)
    assert all(timedelta(seconds=15) <= pause <= timedelta(minutes=15) for pause in pauses)
    assert pauses[-1] >= timedelta(minutes=7) > pauses[0] * 5


def test_a_provider_may_ask_for_a_longer_pause(calendar):
    error = CalendarError("Too many.", fault=Fault.CROWDED, retry_after=timedelta(minutes=40))
    assert trouble.rest(calendar, error, now=NOW) == NOW + timedelta(minutes=40)


def test_leaving_closes_what_waits_and_forgets_the_credentials(clinic, calendar):
    make.appointment(program=clinic.program, staff=clinic.staff)
    trouble.leave(calendar, reason="Disconnected.", now=NOW)
    calendar.refresh_from_db()
    row = CalendarSync.objects.get()
    assert (row.state, row.closed_reason) == ("closed", "Disconnected.")
    assert (calendar.state, calendar.disconnected_at) == (State.DISCONNECTED, NOW)
    assert (calendar.ciphertext, calendar.salt, calendar.key_id) == (None, None, "")


# ------------------------------------------------------------------------------------------------ credentials


def test_credentials_are_sealed_for_their_connection_alone(clinic, calendar):
    other = connection(clinic.staff)
    assert credentials.read(calendar)["password"] == "x"
    assert b"password" not in bytes(calendar.ciphertext)
    other.ciphertext, other.salt, other.key_id = calendar.ciphertext, calendar.salt, calendar.key_id
    with pytest.raises(credentials.CredentialsUnreadable):
        credentials.read(other)


def test_credentials_move_with_the_keys(calendar, settings):
    new = KeyRing.parse(settings.NOTE_KEY_RING)
    settings.NOTE_KEY_RING = "k9:" + "A" * 43 + "=," + settings.NOTE_KEY_RING
    assert credentials.reseal(calendar)
    calendar.refresh_from_db()
    assert (calendar.key_id, credentials.read(calendar)["username"]) == ("k9", "dana")
    assert new.current != "k9"


def test_without_credentials_nothing_can_be_read(calendar):
    trouble.leave(calendar, reason="", now=NOW)
    calendar.refresh_from_db()
    with pytest.raises(credentials.CredentialsUnreadable, match="no credentials"):
        credentials.read(calendar)
