"""How calendars stand, who may see them, and what of them the bar counts."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection as database

from appointments.access import Access
from calendarsync import overview
from calendarsync.models import CalendarConnection, CalendarSync
from tests import factories as make
from tests.calendarsync.shelf import connection
from tests.calendarsync.written import comparison, row
from tests.scheduling.desk import Desk, signed_in, text_of

pytestmark = pytest.mark.django_db

NOW = make.NOW
BROKEN = {"state": "broken", "broken_at": NOW, "last_error": "The password was refused."}


@pytest.fixture
def desk() -> Desk:
    return Desk.open(name="Northside")


@pytest.fixture
def calendar(desk: Desk) -> CalendarConnection:
    return connection(desk.staff)


@pytest.fixture
def appointment(desk: Desk):
    """Booked before anybody connected a calendar."""
    made = desk.appointment()
    CalendarSync.objects.all().delete()
    return made


def standing(calendar, *, now=NOW):
    calendar.refresh_from_db()
    return overview.of(calendar, now=now)


def access(staff) -> Access:
    return Access(User.objects.select_related("staff_member").get(pk=staff.user_id))


def of_role(desk, role, **fields):
    return make.staff(at=desk.facility, role=role, takes_appointments=False, **fields)


# -------------------------------------------------------------------------------------------- one calendar


@pytest.mark.parametrize(
    ("fields", "states", "words", "polls"),
    [
        ({}, [], "Up to date", 0),
        ({}, ["done", "closed"], "Up to date", 0),
        ({}, ["pending"], "Catching up", 10),
        ({}, ["claimed"], "Catching up", 10),
        ({}, ["given_up"], "Not everything could be written", 0),
        ({}, ["given_up", "pending"], "Not everything could be written", 10),
        ({"retry_at": NOW + timedelta(minutes=5)}, ["pending"], "Paused until", 0),
        ({"retry_at": NOW - timedelta(minutes=5)}, ["pending"], "Catching up", 10),
        (BROKEN, ["pending", "given_up"], "Stopped", 0),
        ({"state": "leaving"}, [], "Being disconnected", 10),
        ({"state": "new"}, [], "Not set up yet", 0),
        (
            {"state": "disconnected", "disconnected_at": NOW, "ciphertext": None, "salt": None, "key_id": ""},
            [],
            "Disconnected",
            0,
        ),
    ],
)
def test_condition_is_said_in_words(desk, appointment, fields, states, words, polls):
    calendar = connection(desk.staff, **fields)
    for state in states:
        row(appointment, calendar, state)
    found = standing(calendar)
    assert (found.condition.words, found.poll_seconds) == (words, polls)


def test_lag_is_the_age_of_the_oldest_that_waits(calendar, appointment):
    row(appointment, calendar, "done", at=NOW - timedelta(hours=5))
    row(appointment, calendar, "claimed", at=NOW - timedelta(minutes=7))
    row(appointment, calendar, "pending", at=NOW - timedelta(minutes=3), due_at=NOW + timedelta(hours=1))
    found = standing(calendar)
    assert (found.pending, found.lag, found.lag_words) == (2, timedelta(minutes=7), "7 minutes")


def test_nothing_that_waits_is_no_lag(calendar):
    found = standing(calendar)
    assert (found.pending, found.lag, found.lag_words, found.compared) == (0, None, "", None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (7199, "1 hour"),
        (86_399, "23 hours"),
        (172_800, "2 days"),
    ],
)
def test_lag_is_said_in_its_largest_unit(seconds, words):
    assert overview.lasting(timedelta(seconds=seconds)) == words


def test_failed_are_those_that_nothing_made_good_with_the_newest_reason(calendar, appointment):
    row(appointment, calendar, "given_up", last_error="An old one.", resolved_at=NOW)
    row(appointment, calendar, "given_up", last_error="Too long.")
    row(appointment, calendar, "given_up", last_error="Not ours.")
    row(appointment, calendar, "given_up", last_error="Made good.", resolved_at=NOW)
    found = standing(calendar)
    assert (found.failed, found.failure) == (2, "Not ours.")


def test_progress_is_of_the_newest_back_fill_until_it_is_over(calendar, appointment):
    def fill(state, at=NOW):
        return row(appointment, calendar, state, reason="backfill", at=at)

    for state in ("done", "done", "done"):
        fill(state, NOW - timedelta(days=9))
    assert standing(calendar).progress is None

    last, _ = fill("pending"), fill("done")
    fill("closed")
    fill("given_up")
    row(appointment, calendar, "pending")
    found = standing(calendar)
    assert (found.progress, found.poll_seconds) == ((3, 4), 2)

    CalendarSync.objects.filter(pk=last.pk).update(state="done", settled_at=NOW, outcome="added")
    assert standing(calendar).progress is None


def test_disconnecting_calendar_has_no_progress(desk, appointment):
    leaving = connection(desk.staff, state="leaving")
    row(appointment, leaving, "pending", reason="backfill")
    assert standing(leaving).progress is None


def test_last_comparison_is_told(calendar):
    comparison(calendar, missing=1)
    newest = comparison(calendar, changed=2, stray=1)
    found = standing(calendar).compared
    assert found == newest
    assert found.repaired == 3


@pytest.mark.parametrize("count", [1, 30])
def test_any_number_takes_two_queries_and_keeps_its_order(
    desk, appointment, count, django_assert_num_queries
):
    calendars = [connection(desk.staff) for _ in range(count)]
    for number, calendar in enumerate(calendars):
        for _ in range(number):
            row(appointment, calendar, "pending")
        comparison(calendar)
    with django_assert_num_queries(2):
        found = overview.of_all(reversed(calendars), now=NOW)
    assert [one.connection for one in found] == calendars[::-1]
    assert [one.pending for one in found] == [*range(count)][::-1]
    assert all(one.compared.connection_id == one.connection.pk for one in found)


def test_figures_of_a_calendar_with_years_of_rows_come_from_partial_indexes(calendar, appointment):
    row(appointment, calendar, "pending")
    row(appointment, calendar, "given_up")
    row(appointment, calendar, "done", reason="backfill")
    with database.cursor() as cursor:
        cursor.execute(
            "INSERT INTO calendarsync_calendarsync (appointment_id, connection_id, reason, rank, note, created_at,"
            " due_at, state, attempts, last_error, settled_at, closed_reason, outcome)"
            " SELECT %s, %s, 'change', 0, '', %s, %s, 'done', 1, '', %s, '', 'updated'"
            " FROM generate_series(1, 20000)",
            [appointment.pk, calendar.pk, NOW, NOW, NOW],
        )
        cursor.execute("ANALYZE calendarsync_calendarsync")
        cursor.execute("EXPLAIN " + overview._FIGURES, {"calendars": [calendar.pk]})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on calendarsync_calendarsync" not in plan
    used = {name for name in ("next", "failed", "backfill") if f"calendarsync_{name}" in plan}
    assert used == {"next", "failed", "backfill"}


# ---------------------------------------------------------------------------------------------- who sees what


def test_own_and_colleagues_calendars_are_seen_by_permission_and_place(desk, calendar):
    elsewhere = Desk.open()
    of_other = connection(elsewhere.staff)
    provider = of_role(desk, "provider")
    mine = connection(provider)
    manager, both = of_role(desk, "manager"), of_role(desk, "manager")
    both.facilities.add(elsewhere.facility)
    managers = connection(manager)
    roaming = of_role(elsewhere, "manager")

    def seen_by(staff):
        return set(overview.visible(access(staff)))

    assert seen_by(provider) == {mine}
    assert seen_by(desk.staff) == {calendar}
    assert seen_by(manager) == {calendar, mine, managers}
    assert seen_by(both) == {calendar, mine, managers, of_other}
    assert seen_by(roaming) == {of_other}
    assert seen_by(of_role(desk, "billing")) == set()


def test_manager_of_no_facility_still_sees_their_own(desk, calendar):
    manager = make.staff(role="manager")
    mine = connection(manager)
    assert list(overview.visible(access(manager))) == [mine]


def test_who_left_has_no_calendars_but_their_manager_sees_them(desk, calendar):
    desk.staff.is_active = False
    desk.staff.save()
    assert not overview.own(access(desk.staff)).exists()
    assert list(overview.visible(access(of_role(desk, "manager")))) == [calendar]


def test_superuser_sees_all(desk, calendar):
    root = make.user(is_superuser=True)
    assert list(overview.visible(Access(root))) == [calendar]
    assert [person.staff for person in overview.table(Access(root), now=NOW)] == [desk.staff]


def test_superuser_who_is_not_on_staff_sees_colleagues_only(desk, calendar):
    root = make.user(is_superuser=True)
    client = signed_in(desk.staff)
    client.force_login(root, backend="appointments.access.StaffBackend")
    shown = text_of(client.get("/calendars/"))
    assert "Calendars of colleagues" in shown
    assert "See your appointments in your own calendar" not in shown


def test_table_names_everybody_else_who_needs_somebody_first(desk, calendar, appointment):
    manager = of_role(desk, "manager")
    connection(manager)
    stopped, failing, slow = (make.staff(at=desk.facility, display_name=f"Z {n}") for n in range(3))
    connection(stopped, **BROKEN)
    row(appointment, connection(failing), "given_up")
    row(appointment, connection(slow), "pending", at=NOW - timedelta(hours=1))
    gone = make.staff(at=desk.facility, is_active=False, display_name="Gone")
    connection(gone)
    make.staff(at=desk.facility, is_active=False)
    connection(Desk.open().staff)
    fresh = make.staff(at=desk.facility, display_name="Fresh")

    found = overview.table(access(manager), now=NOW)

    assert [person.staff for person in found] == [stopped, failing, slow, fresh, gone, desk.staff]
    assert [len(person.calendars) for person in found] == [1, 1, 1, 0, 1, 1]
    assert overview.table(access(desk.staff), now=NOW) == []


def test_table_leaves_out_what_was_disconnected_or_never_finished(desk):
    connection(desk.staff, state="new")
    connection(desk.staff, state="disconnected", disconnected_at=NOW, ciphertext=None, salt=None, key_id="")
    [person] = overview.table(access(of_role(desk, "manager")), now=NOW)
    assert person == (desk.staff, [])


# ------------------------------------------------------------------------------------------------ the bar


def counted(staff) -> int:
    here = access(staff)
    everywhere = {"facilities": list(here.facility_ids), "everywhere": here.user.is_superuser}
    with database.cursor() as cursor:
        cursor.execute(f"SELECT {overview.COUNT}", {**everywhere, **overview.bounds(here)})
        return cursor.fetchone()[0]


def test_bar_counts_stopped_calendars_and_failures_of_whom_they_concern(desk, appointment):
    colleague, manager = desk.colleague(), of_role(desk, "manager")
    ours = connection(desk.staff, **BROKEN)
    row(appointment, ours, "given_up")
    row(appointment, ours, "given_up", resolved_at=NOW)
    row(appointment, ours, "pending")
    row(appointment, connection(colleague), "given_up")
    connection(manager, **BROKEN)
    row(appointment, connection(Desk.open().staff), "given_up")

    assert counted(desk.staff) == 2
    assert counted(colleague) == 1
    assert counted(of_role(desk, "front_desk")) == 0
    assert counted(manager) == counted(of_role(desk, "administrator")) == 4
    assert counted(make.staff(user=make.user(is_superuser=True), role="provider")) == 5


def test_bar_counts_everything_for_a_superuser_who_is_not_on_staff(desk, appointment):
    row(appointment, connection(desk.staff), "given_up")
    root = Access(make.user(is_superuser=True))
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT {overview.COUNT}", {"facilities": [], "everywhere": True, **overview.bounds(root)}
        )
        assert cursor.fetchone() == (1,)


def test_bar_forgets_failures_of_what_was_disconnected(desk, appointment):
    gone = {"disconnected_at": NOW, "ciphertext": None, "salt": None, "key_id": ""}
    row(appointment, connection(desk.staff, state="disconnected", **gone), "given_up")
    assert counted(desk.staff) == 0


def test_bar_asks_nothing_of_grants(desk, django_assert_num_queries):
    """They would cost every page a query more."""
    front_desk = of_role(desk, "front_desk")
    front_desk.user.user_permissions.add(Permission.objects.get(codename="view_calendarconnection"))
    here = access(front_desk)
    with django_assert_num_queries(0):
        assert overview.bounds(here) == {"calendars_of": front_desk.pk, "sees_calendars": False}
    assert here.may("calendarsync.view_calendarconnection")


def bar_of(client):
    content = client.get("/customers/").content.decode()
    return re.findall(r'href="/calendars/"[^>]*>(.*?)</a>', content, re.DOTALL)


def test_bar_leads_there_with_the_number(desk, calendar, appointment):
    owner, manager = signed_in(desk.staff), desk.signed_in("manager")
    assert [bar_of(owner), bar_of(manager)] == [["Calendars"], ["Calendars"]]
    row(appointment, calendar, "given_up")
    connection(desk.colleague(), **BROKEN)
    assert [re.findall(r">(\d+)<", bar_of(client)[0]) for client in (owner, manager)] == [["1"], ["2"]]
    assert "1<span" in bar_of(owner)[0]
    assert "stopped, or could not be written" in bar_of(owner)[0]
    assert bar_of(desk.signed_in("billing")) == []
