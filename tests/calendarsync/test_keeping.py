"""Calendars that are connected: tested, renewed, retitled, tried again and disconnected, at any moment."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from appointments.models import Appointment
from calendarsync import connecting, credentials, syncing
from calendarsync.connecting import CannotConnect
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from calendarsync.models.connection import State
from calendarsync.providers.base import CalendarError, Fault
from reminders.models import Message
from tests import factories as make
from tests.calendarsync.shelf import Clock, Shelf, connection, drain
from tests.calendarsync.ways import EMAIL, ByGoogle
from tests.calendarsync.written import row
from tests.contracts.doubles import ANY
from tests.portal.clinic import Clinic
from tests.together import at_once, wait_until_somebody_waits

pytestmark = pytest.mark.django_db

NOW = make.NOW
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400})


@pytest.fixture
def calendar(clinic: Clinic) -> CalendarConnection:
    return connection(clinic.staff)


def book(clinic: Clinic, *, hours: float = 2, **given: Any) -> Appointment:
    usual = {"program": clinic.program, "staff": clinic.staff, "starts_at": NOW + hours * HOUR}
    return make.appointment(**{**usual, **given})


def rows(**given: Any) -> list[tuple[str, str, int]]:
    """Reason, state and appointment of each, in order."""
    found = CalendarSync.objects.filter(**given).order_by("pk")
    return list(found.values_list("reason", "state", "appointment"))


def fresh(calendar: CalendarConnection) -> CalendarConnection:
    return CalendarConnection.objects.select_related("staff").get(pk=calendar.pk)


def disconnect(calendar: CalendarConnection, *, removes: bool) -> None:
    connecting.disconnect(
        connection=fresh(calendar), removes_entries=removes, by=calendar.staff.user, now=NOW
    )


def stand(calendar: CalendarConnection, *appointments: Appointment) -> None:
    """As entries that were written before."""
    for appointment in appointments:
        SyncedEvent.objects.create(
            appointment=appointment,
            connection=calendar,
            external_id=str(appointment.reference),
            revision=1,
            digest=b"",
            written_at=NOW,
        )


class Hesitating(Clock):
    """For a worker that has claimed its row, and looks at what it comes to only once somebody else has begun a change."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed, self.changing = threading.Event(), threading.Event()

    def __call__(self) -> datetime:
        if not self.claimed.is_set() and CalendarSync.objects.filter(state="claimed").exists():
            self.claimed.set()
            assert self.changing.wait(timeout=10)
        return super().__call__()


def between(change: Callable[[], None], work: Callable[[Clock], None]) -> None:
    """Commit the change while a worker that has claimed its row waits for it."""
    clock = Hesitating()

    def begin() -> None:
        assert clock.claimed.wait(timeout=10)
        with transaction.atomic():
            change()
            clock.changing.set()
            wait_until_somebody_waits()

    at_once([begin, lambda: work(clock)])


# ------------------------------------------------------------------------------------------------- testing


def test_a_calendar_that_answers_is_noted_as_tested(clinic, way):
    made = way.connect(clinic.staff)
    CalendarConnection.objects.update(retry_at=NOW + DAY, failures=5, last_error="No.", calendar_name="Old")
    checked = connecting.test(connection=fresh(made), now=NOW + HOUR)
    assert (checked.name, checked.key) == (way.name, way.key)
    now = fresh(made)
    assert (now.tested_at, now.retry_at, now.failures, now.last_error) == (NOW + HOUR, None, 0, "")
    assert now.calendar_name == way.name


def test_a_stopped_calendar_that_answers_goes_on(clinic, way):
    made = way.connect(clinic.staff)
    book(clinic)
    CalendarConnection.objects.update(state="broken", broken_at=NOW, told_at=NOW, last_error="No.")
    connecting.test(connection=fresh(made), now=NOW + HOUR)
    now = fresh(made)
    assert (now.state, now.broken_at, now.told_at, now.last_error) == ("active", None, None, "")


def test_a_calendar_whose_credentials_are_refused_stops_and_people_are_told_once(clinic, way):
    clinic.staff.user.email = "dana@example.org"
    clinic.staff.user.save()
    made = way.connect(clinic.staff)
    way.harness.refuse(made)
    said = []
    for _ in range(2):
        with pytest.raises(CalendarError) as error:
            connecting.test(connection=fresh(made), now=NOW + HOUR)
        said.append(str(error.value))
    now = fresh(made)
    assert (now.state, now.last_error, now.last_error_at) == ("broken", said[0], NOW + HOUR)
    assert list(Message.objects.values_list("address", flat=True)) == ["dana@example.org"]


def test_a_calendar_in_trouble_keeps_its_error_and_does_not_stop(clinic, way):
    made = way.connect(clinic.staff)
    way.harness.trouble(status=503, method=ANY, times=None)
    with pytest.raises(CalendarError) as error:
        connecting.test(connection=fresh(made), now=NOW)
    assert error.value.fault is Fault.PASSING
    now = fresh(made)
    assert (now.state, now.last_error, now.last_error_at) == ("active", str(error.value), NOW)


@pytest.mark.parametrize("state", ["new", "leaving", "disconnected"])
def test_only_a_connected_calendar_is_tested_or_changed(calendar, state):
    gone = credentials.NONE if state == "disconnected" else {}
    CalendarConnection.objects.update(state=state, **gone)
    now = fresh(calendar)
    for verb, given in (
        (connecting.test, {}),
        (connecting.change_titles, {"title_style": "busy"}),
        *([(connecting.retry, {})] if state != "leaving" else []),
    ):
        with pytest.raises(
            CannotConnect, match=r"^This calendar is not connected any more. Connect it again.$"
        ):
            verb(connection=now, now=NOW, **given)
    assert (fresh(calendar).state, fresh(calendar).title_style, rows()) == (state, "initials", [])


# ------------------------------------------------------------------------------------------------ renewing


def test_a_new_password_or_permission_resumes_a_stopped_calendar(clinic, way):
    made = way.connect(clinic.staff)
    way.harness.refuse(made)
    with pytest.raises(CalendarError):
        connecting.test(connection=fresh(made), now=NOW)
    secrets = way.secrets if way.account == "dana" else way.permission()
    renewed = connecting.renew(connection=fresh(made), secrets=secrets, by=clinic.staff.user, now=NOW)
    assert (renewed.pk, renewed.state, renewed.last_error) == (made.pk, "active", "")
    assert credentials.read(renewed) == secrets


def test_a_wrong_new_password_changes_nothing(clinic, by_caldav):
    made = by_caldav.connect(clinic.staff)
    CalendarConnection.objects.update(state="broken", broken_at=NOW)
    before = fresh(made)
    with pytest.raises(CannotConnect) as refusal:
        connecting.renew(
            connection=before,
            secrets={**by_caldav.secrets, "password": "hunter2"},
            by=clinic.staff.user,
            now=NOW,
        )
    assert "hunter2" not in str(refusal.value)
    now = fresh(made)
    assert (now.state, now.key_id, bytes(now.ciphertext)) == (
        "broken",
        before.key_id,
        bytes(before.ciphertext),
    )


def test_the_permission_of_another_account_is_refused(clinic, by_google):
    made = by_google.connect(clinic.staff)
    other = by_google.permission("kim@northside.example.org")
    with pytest.raises(CannotConnect) as refusal:
        connecting.renew(connection=made, secrets=other, by=clinic.staff.user, now=NOW)
    assert str(refusal.value) == (
        f"This opens another calendar, kim@northside.example.org. To go on with {EMAIL}, sign in to the account "
        "that it belongs to; to change to the other, connect it as a new one."
    )
    assert credentials.read(fresh(made)) == by_google.secrets


def test_a_calendar_that_was_disconnected_meanwhile_is_not_renewed(clinic, by_google):
    made = by_google.connect(clinic.staff)
    CalendarConnection.objects.update(state="disconnected", **credentials.NONE)
    with pytest.raises(CannotConnect, match="not connected any more"):
        connecting.renew(connection=made, secrets=by_google.secrets, by=clinic.staff.user, now=NOW)
    assert (fresh(made).state, fresh(made).ciphertext) == ("disconnected", None)


# -------------------------------------------------------------------------------------------------- titles


def test_titles_are_changed_wherever_an_entry_stands_or_will(clinic, calendar):
    ahead, past, over = book(clinic), book(clinic, hours=-22), book(clinic, hours=-20)
    CalendarSync.objects.all().delete()
    stand(calendar, past)
    connecting.change_titles(connection=calendar, title_style="full_name", now=NOW)
    assert fresh(calendar).title_style == "full_name"
    assert rows() == [("style", "pending", ahead.pk), ("style", "pending", past.pk)]
    assert over.pk not in {each for *_, each in rows()}


def test_the_same_titles_again_write_nothing(clinic, calendar):
    book(clinic)
    CalendarSync.objects.all().delete()
    connecting.change_titles(connection=calendar, title_style="initials", now=NOW)
    assert rows() == []


def test_titles_changed_while_an_entry_is_written_reach_it_too(clinic, calendar):
    shelf, appointment = Shelf(), book(clinic)
    shelf.during = lambda: connecting.change_titles(connection=fresh(calendar), title_style="busy", now=NOW)
    drain(calendar, shelf)
    assert len(shelf.asked) == 2
    assert shelf.entries[appointment.reference].title == "Busy"


@pytest.mark.django_db(transaction=True)
def test_a_worker_waits_for_whoever_is_changing_the_titles(clinic, calendar):
    """It would write the old ones after the rows for the new were chosen."""
    shelf, appointment = Shelf(), book(clinic)
    between(
        lambda: connecting.change_titles(connection=fresh(calendar), title_style="busy", now=NOW),
        lambda clock: drain(calendar, shelf, clock),
    )
    assert shelf.asked == ["put Busy", "put Busy"]
    assert shelf.entries[appointment.reference].title == "Busy"


# ------------------------------------------------------------------------------------------------- retrying


def test_what_failed_is_tried_again_and_what_waits_is_not_kept_waiting(clinic, calendar):
    first, second, third = book(clinic), book(clinic, hours=3), book(clinic, hours=4)
    CalendarSync.objects.all().delete()
    row(first, calendar, "given_up")
    row(second, calendar, "given_up", resolved_at=NOW)
    waits = row(third, calendar, "pending", at=NOW + DAY)
    CalendarConnection.objects.update(retry_at=NOW + DAY, failures=9)
    assert connecting.retry(connection=calendar, now=NOW) == 2
    assert rows(state="pending") == [("change", "pending", third.pk), ("retry", "pending", first.pk)]
    waits.refresh_from_db()
    assert (waits.due_at, fresh(calendar).retry_at, fresh(calendar).failures) == (NOW, None, 0)
    assert connecting.retry(connection=calendar, now=NOW) == 0
    assert len(rows(state="pending")) == 2


def test_a_stopped_calendar_is_not_tried_again_before_it_works(clinic, calendar):
    row(book(clinic), calendar, "given_up")
    CalendarConnection.objects.update(state="broken", broken_at=NOW)
    before = rows()
    with pytest.raises(CannotConnect, match=r"^This calendar has stopped. Test it, or connect it again"):
        connecting.retry(connection=calendar, now=NOW)
    assert rows() == before


# -------------------------------------------------------------------------------------------- disconnecting


def test_leaving_entries_there_forgets_the_credentials_at_once(clinic, calendar):
    book(clinic)
    disconnect(calendar, removes=False)
    now = fresh(calendar)
    assert (now.state, now.disconnected_at, now.ciphertext, now.salt, now.key_id) == (
        "disconnected",
        NOW,
        None,
        None,
        "",
    )
    assert CalendarSync.objects.get().state == "closed"
    book(clinic, hours=5)
    assert CalendarSync.objects.count() == 1


def test_entries_are_removed_one_by_one_and_then_the_credentials(clinic, calendar):
    shelf = Shelf()
    for hours in (-22, 2, 3):
        book(clinic, hours=hours)
    drain(calendar, shelf)
    assert len(shelf.entries) == 3
    disconnect(calendar, removes=True)
    assert (fresh(calendar).state, fresh(calendar).key_id != "") == ("leaving", True)
    drain(calendar, shelf)
    assert (shelf.entries, SyncedEvent.objects.count()) == ({}, 0)
    assert (fresh(calendar).state, fresh(calendar).ciphertext) == ("disconnected", None)
    assert {(reason, state) for reason, state, _ in rows(reason="disconnect")} == {("disconnect", "done")}


def test_entries_of_a_stopped_calendar_are_removed_if_it_opens_after_all(clinic, calendar):
    shelf, appointment = Shelf(), book(clinic)
    drain(calendar, shelf)
    CalendarConnection.objects.update(state="broken", broken_at=NOW)
    CalendarSync.objects.filter(state="pending").update(due_at=NOW + DAY)
    row(appointment, calendar, "pending", at=NOW + DAY)
    disconnect(calendar, removes=True)
    drain(calendar, shelf)
    assert (shelf.entries, fresh(calendar).state) == ({}, "disconnected")


def test_disconnecting_while_an_entry_is_written_leaves_no_stray(clinic, calendar):
    shelf, appointment = Shelf(), book(clinic)
    shelf.during = lambda: disconnect(calendar, removes=True)
    drain(calendar, shelf)
    assert shelf.asked[0].startswith("put ")
    assert (shelf.entries, SyncedEvent.objects.count(), fresh(calendar).state) == ({}, 0, "disconnected")
    assert ("disconnect", "done", appointment.pk) in rows()


def test_an_attempt_that_ended_unheard_leaves_no_stray_either(clinic, calendar):
    """Its entry may stand there, though nobody heard so."""
    shelf, appointment = Shelf(), book(clinic)
    drain(calendar, shelf)
    SyncedEvent.objects.all().delete()
    CalendarSync.objects.update(state="given_up", outcome="")
    disconnect(calendar, removes=True)
    assert rows(reason="disconnect") == [("disconnect", "pending", appointment.pk)]
    drain(calendar, shelf)
    assert shelf.entries == {}


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_about_to_write_waits_for_whoever_disconnects(clinic, calendar):
    shelf = Shelf()
    book(clinic)
    between(lambda: disconnect(calendar, removes=True), lambda clock: drain(calendar, shelf, clock))
    assert (shelf.asked, shelf.entries) == (["remove", "remove"], {})
    assert fresh(calendar).state == "disconnected"


def test_whoever_changes_their_mind_leaves_the_rest_there(clinic, calendar):
    shelf = Shelf()
    book(clinic)
    drain(calendar, shelf)
    disconnect(calendar, removes=True)
    disconnect(calendar, removes=True)
    assert len(rows(reason="disconnect")) == 1
    disconnect(calendar, removes=False)
    assert (fresh(calendar).state, rows(reason="disconnect")[0][1]) == ("disconnected", "closed")
    disconnect(calendar, removes=True)
    assert fresh(calendar).state == "disconnected"


def test_one_that_was_connected_again_meanwhile_does_not_leave(calendar):
    """A worker that still takes it for leaving."""
    before = fresh(calendar)
    before.state = State.LEAVING
    connecting.finish_leaving(before, now=NOW)
    assert (fresh(calendar).state, fresh(calendar).key_id != "") == ("active", True)


def test_the_last_row_of_another_worker_is_waited_for(clinic, calendar):
    CalendarConnection.objects.update(state="leaving")
    row(book(clinic), calendar, "claimed")
    connecting.finish_leaving(calendar, now=NOW)
    assert fresh(calendar).state == "leaving"


def test_what_was_written_down_while_a_calendar_was_disconnected_is_closed_later(clinic, calendar):
    CalendarSync.objects.all().delete()
    other = connection(clinic.colleague())
    disconnect(calendar, removes=False)
    left = row(book(clinic), calendar, "pending")
    waits = row(left.appointment, other, "pending")
    assert connecting.close_left_over(now=NOW) == 1
    left.refresh_from_db()
    waits.refresh_from_db()
    assert (left.state, left.settled_at, waits.state) == ("closed", NOW, "pending")


# --------------------------------------------------------------------------------- permissions given back


@pytest.fixture
def revoked(by_google: ByGoogle, django_capture_on_commit_callbacks: Any) -> Any:
    """What Google is told, once something was committed."""

    def after(job: Any) -> list[str]:
        with django_capture_on_commit_callbacks(execute=True):
            job()
        return by_google.double.accounts.revoked

    return after


def test_googles_permission_is_given_back_when_the_calendar_is_disconnected(clinic, by_google, revoked):
    made = by_google.connect(clinic.staff)
    assert revoked(lambda: disconnect(made, removes=False)) == [EMAIL]


def test_googles_permission_is_given_back_once_all_entries_are_removed(clinic, by_google, revoked):
    made = by_google.connect(clinic.staff)
    assert revoked(lambda: disconnect(made, removes=True)) == []
    assert revoked(lambda: syncing.drain(made.pk, clock=Clock(), pace=lambda _: None)) == [EMAIL]
    assert fresh(made).state == "disconnected"


def test_a_permission_that_opens_another_calendar_is_kept(clinic, by_google, revoked):
    by_google.double.add_calendar("team@group.calendar.google.com", "Team", dana="writer")
    first = by_google.connect(clinic.staff)
    second = by_google.connect(clinic.staff, calendar="team@group.calendar.google.com")
    assert revoked(lambda: disconnect(first, removes=False)) == []
    assert revoked(lambda: disconnect(second, removes=False)) == [EMAIL]


def test_google_being_away_keeps_nobody_from_disconnecting(clinic, by_google, revoked):
    made = by_google.connect(clinic.staff)
    by_google.double.trouble(drop=True, method=ANY, times=None)
    assert revoked(lambda: disconnect(made, removes=False)) == []
    assert fresh(made).state == "disconnected"


def test_what_was_begun_and_not_finished_is_forgotten(clinic, by_google, revoked):
    old = by_google.begin(clinic.staff, now=NOW - DAY)
    new = by_google.begin(
        clinic.colleague(), secrets=by_google.permission("kim@northside.example.org"), now=NOW
    )
    active = connection(clinic.staff, created_at=NOW - DAY)
    told = revoked(lambda: connecting.clear_unfinished(before=NOW - HOUR))
    assert told == [EMAIL]
    assert set(CalendarConnection.objects.values_list("pk", flat=True)) == {new.pk, active.pk}
    assert old.pk not in {new.pk, active.pk}


def test_one_that_is_being_set_up_is_simply_forgotten(clinic, by_google, revoked):
    begun = by_google.begin(clinic.staff)
    assert revoked(lambda: disconnect(begun, removes=False)) == [EMAIL]
    assert CalendarConnection.objects.count() == 0
