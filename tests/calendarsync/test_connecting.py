"""Connecting calendars at both providers, over real HTTP: whose they are, what they are filled with, and what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from appointments.models import Appointment
from calendarsync import connecting, credentials, syncing
from calendarsync.connecting import CannotConnect
from calendarsync.models import CalendarConnection, CalendarSync
from scheduling import booking
from tests import factories as make
from tests.calendarsync.shelf import Clock
from tests.calendarsync.ways import EMAIL, Way
from tests.contracts.doubles import ANY
from tests.portal.clinic import Clinic
from tests.together import at_once

pytestmark = pytest.mark.django_db

NOW = make.NOW
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400})


def book(clinic: Clinic, *, hours: float = 2, **given: Any) -> Appointment:
    usual = {"program": clinic.program, "staff": clinic.staff, "starts_at": NOW + hours * HOUR}
    return make.appointment(**{**usual, **given})


def cancel(appointment: Appointment) -> None:
    booking.cancel(appointment=appointment, reason="", by=appointment.staff.user, now=NOW)


def rows(**given: Any) -> list[tuple[str, int]]:
    """Reason and appointment of each, in order."""
    found = CalendarSync.objects.filter(**given).order_by("pk")
    return list(found.values_list("reason", "appointment"))


def carry_out(connection: CalendarConnection) -> None:
    syncing.drain(connection.pk, clock=Clock(NOW + 2 * HOUR), pace=lambda _: None)


def standing(way: Way, connection: CalendarConnection) -> list[tuple[Any, str]]:
    return [(each.appointment, each.title) for each in way.harness.standing(connection)]


# ---------------------------------------------------------------------------------------------- connecting


def test_a_calendar_is_connected_with_sealed_credentials(clinic, way):
    made = way.connect(clinic.staff, title_style="busy", now=NOW)
    assert CalendarConnection.objects.get() == made
    kept = {
        "state": made.state,
        "account": made.account,
        "calendar": made.calendar,
        "name": made.calendar_name,
        "key": made.key,
        "style": made.title_style,
        "by": made.created_by,
        "times": (made.created_at, made.connected_at, made.tested_at),
    }
    assert kept == {
        "state": "active",
        "account": way.account,
        "calendar": way.address,
        "name": way.name,
        "key": way.key,
        "style": "busy",
        "by": clinic.staff.user,
        "times": (NOW, NOW, NOW),
    }
    assert credentials.read(made) == way.secrets
    assert str(list(way.secrets.values())[-1]).encode() not in bytes(made.ciphertext)


def test_what_lies_ahead_is_put_in_what_comes_next_first(clinic, way):
    past = book(clinic, hours=-22)
    later, sooner, off = book(clinic, hours=50), book(clinic, hours=2), book(clinic, hours=4)
    cancel(off)
    book(clinic, staff=clinic.colleague())
    made = way.connect(clinic.staff)
    assert rows() == [("backfill", sooner.pk), ("backfill", later.pk)]
    carry_out(made)
    assert [each for each, _ in standing(way, made)] == [sooner.reference, later.reference]
    assert past.reference not in dict(standing(way, made))


def test_connecting_it_once_more_changes_the_one_connection(clinic, way):
    appointment = book(clinic)
    first = way.connect(clinic.staff)
    again = way.connect(clinic.staff, title_style="busy", now=NOW + HOUR)
    assert (CalendarConnection.objects.count(), again, again.title_style) == (1, first, "busy")
    assert rows() == [("backfill", appointment.pk), ("style", appointment.pk)]
    third = way.connect(clinic.staff, title_style="busy", now=NOW + HOUR)
    assert (third, len(rows())) == (first, 2)


def test_connecting_a_stopped_one_resumes_it(clinic, way):
    made = way.connect(clinic.staff)
    book(clinic)
    CalendarConnection.objects.update(state="broken", broken_at=NOW, last_error="No.", failures=3)
    CalendarSync.objects.update(due_at=NOW + DAY)
    again = way.connect(clinic.staff, now=NOW + HOUR)
    assert (again, again.state, again.last_error, again.failures) == (made, "active", "", 0)
    assert list(CalendarSync.objects.values_list("due_at", flat=True)) == [NOW + HOUR]


def test_connecting_it_after_a_while_finds_its_entries_again(clinic, way):
    over, kept, off = book(clinic, hours=-22), book(clinic), book(clinic, hours=4)
    made = way.connect(clinic.staff)
    booking.edit_notes(appointment=over, by=clinic.staff.user, now=NOW, public_note="Past")
    carry_out(made)
    ids = {each.external_id for each in way.harness.standing(made)}
    connecting.disconnect(connection=made, removes_entries=False, by=clinic.staff.user, now=NOW)
    cancel(off)
    CalendarSync.objects.all().delete()

    again = way.connect(clinic.staff, now=NOW + HOUR)
    assert (again, again.reference, again.state) == (made, made.reference, "active")
    assert (again.disconnected_at, again.connected_at, again.created_at) == (None, NOW + HOUR, NOW)
    assert CalendarConnection.objects.count() == 1
    assert rows() == [("backfill", kept.pk), ("backfill", off.pk), ("backfill", over.pk)]
    carry_out(again)
    assert [each for each, _ in standing(way, again)] == [over.reference, kept.reference]
    assert {each.external_id for each in way.harness.standing(again)} < ids


def test_connecting_it_while_its_entries_are_being_removed_keeps_them(clinic, way):
    appointment = book(clinic)
    made = way.connect(clinic.staff)
    carry_out(made)
    connecting.disconnect(connection=made, removes_entries=True, by=clinic.staff.user, now=NOW)
    again = way.connect(clinic.staff)
    assert (again, again.state) == (made, "active")
    carry_out(again)
    assert [each for each, _ in standing(way, again)] == [appointment.reference]


def test_a_calendar_that_a_colleague_connected_is_refused_by_their_name(clinic, way):
    colleague = clinic.colleague(display_name="Kim Osei")
    way.connect(clinic.staff)
    clinic.staff.display_name = "Dana Whitfield"
    clinic.staff.save()
    with pytest.raises(CannotConnect) as refusal:
        way.connect(colleague)
    assert str(refusal.value) == (
        f"{way.name} is connected already, by Dana Whitfield. Choose another calendar, "
        "or ask them or a manager to disconnect it first."
    )
    assert not CalendarConnection.objects.filter(staff=colleague).exclude(state="new").exists()
    connecting.disconnect(
        connection=CalendarConnection.objects.get(staff=clinic.staff),
        removes_entries=False,
        by=clinic.staff.user,
        now=NOW,
    )
    theirs = way.connect(colleague)
    assert (theirs.staff, theirs.state) == (colleague, "active")


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_once_makes_one_connection(clinic, way):
    book(clinic)
    made = at_once([lambda: way.connect(clinic.staff)] * 3)
    assert {each.pk for each in made} == set(CalendarConnection.objects.values_list("pk", flat=True))
    assert (len(set(made)), [reason for reason, _ in rows()]) == (1, ["backfill"])


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_connect_one_calendar_at_once_one_gets_it(clinic, way):
    colleague = clinic.colleague()

    def attempt(staff: Any) -> str:
        try:
            return way.connect(staff).state
        except CannotConnect as refusal:
            return str(refusal).partition(", by ")[0]

    told = at_once([lambda: attempt(clinic.staff), lambda: attempt(colleague)])
    assert sorted(told) == sorted(["active", f"{way.name} is connected already"])
    assert CalendarConnection.objects.filter(state="active").count() == 1


def test_sending_the_first_form_again_keeps_one_unfinished_connection(clinic, way):
    first, again = way.begin(clinic.staff), way.begin(clinic.staff, now=NOW + HOUR)
    other = way.begin(clinic.colleague())
    assert (again, again.created_at) == (first, NOW + HOUR)
    assert set(CalendarConnection.objects.values_list("pk", "state")) == {
        (first.pk, "new"),
        (other.pk, "new"),
    }


def test_what_was_given_up_meanwhile_is_not_connected(clinic, way):
    begun = way.begin(clinic.staff)
    CalendarConnection.objects.all().delete()
    with pytest.raises(CannotConnect, match=r"^This is not being set up any more. Start again.$"):
        connecting.choose(
            connection=begun,
            calendar=way.address,
            title_style="busy",
            by=clinic.staff.user,
            now=NOW,
        )
    assert CalendarConnection.objects.count() == 0


def test_credentials_that_no_key_opens_are_said_so(clinic, way):
    begun = way.begin(clinic.staff)
    CalendarConnection.objects.update(key_id="gone")
    begun.refresh_from_db()
    with pytest.raises(
        CannotConnect, match=r"^Its password or permission cannot be read any more. Start again.$"
    ):
        connecting.choose(
            connection=begun, calendar=way.address, title_style="busy", by=clinic.staff.user, now=NOW
        )


# -------------------------------------------------------------------------------------- what CalDAV refuses


def test_a_wrong_password_connects_nothing_and_is_not_repeated(clinic, by_caldav, caplog):
    with pytest.raises(CannotConnect) as refusal:
        by_caldav.begin(clinic.staff, password="hunter2-secret")
    assert "user name or the password" in str(refusal.value)
    assert "hunter2" not in f"{refusal.value} {caplog.text}"
    assert CalendarConnection.objects.count() == 0


def test_a_server_without_a_calendar_to_write_to_is_said_so(clinic, by_caldav):
    by_caldav.road.calendar("kim", "To do", component="VTODO")
    with pytest.raises(CannotConnect, match="no calendar at this address that you may write to"):
        by_caldav.begin(clinic.staff, username="kim", password="kim's app password")
    assert CalendarConnection.objects.count() == 0


@pytest.mark.parametrize("calendar", ["https://evil.example.org/dana/", "", "/"])
def test_only_a_calendar_of_the_list_is_connected(clinic, by_caldav, calendar):
    with pytest.raises(
        CannotConnect, match=r"^This calendar is not in the list any more. Choose one that is.$"
    ):
        by_caldav.connect(clinic.staff, calendar=calendar)
    assert list(CalendarConnection.objects.values_list("state", flat=True)) == ["new"]


def test_a_server_that_fails_while_a_calendar_is_chosen_leaves_nothing_half_done(clinic, by_caldav):
    begun = by_caldav.begin(clinic.staff)
    by_caldav.road.trouble(status=503, method=ANY, times=None)
    with pytest.raises(CannotConnect, match="server"):
        connecting.choose(
            connection=begun, calendar=by_caldav.address, title_style="busy", by=clinic.staff.user, now=NOW
        )
    begun.refresh_from_db()
    assert (begun.state, begun.calendar, begun.key) == ("new", "", "")


# -------------------------------------------------------------------------------------- what Google refuses


def test_a_calendar_that_may_only_be_read_is_refused(clinic, by_google):
    by_google.double.add_calendar("team@group.calendar.google.com", "Team", dana="reader")
    with pytest.raises(CannotConnect, match="may be read, but not written to"):
        by_google.connect(clinic.staff, calendar="team@group.calendar.google.com")
    assert CalendarConnection.objects.count() == 0


def test_another_calendar_of_an_account_is_a_connection_of_its_own(clinic, by_google):
    by_google.double.add_calendar("Team@group.calendar.google.com", "Team", dana="writer")
    first = by_google.connect(clinic.staff)
    second = by_google.connect(clinic.staff, calendar="Team@group.calendar.google.com")
    assert {(each.account, each.key, each.calendar_name) for each in (first, second)} == {
        (EMAIL, EMAIL, EMAIL),
        (EMAIL, "team@group.calendar.google.com", "Team"),
    }


def test_a_calendar_is_connected_for_a_colleague_by_the_service_account(clinic, by_google):
    appointment = book(clinic)
    administrator = make.staff(at=clinic.facility, role="administrator").user
    secrets = {"kind": "delegated", "subject": EMAIL}
    made = by_google.connect(clinic.staff, secrets=secrets, by=administrator)
    assert (made.account, made.key, made.created_by, credentials.read(made)) == (
        EMAIL,
        EMAIL,
        administrator,
        secrets,
    )
    carry_out(made)
    assert [each for each, _ in standing(by_google, made)] == [appointment.reference]


def test_a_name_that_no_line_could_hold_is_kept_as_one(clinic, by_google):
    by_google.double.add_calendar("team@group.calendar.google.com", "Te\x00am\n" + "x" * 300, dana="writer")
    made = by_google.connect(clinic.staff, calendar="team@group.calendar.google.com")
    assert made.calendar_name == "Te am " + "x" * 194
