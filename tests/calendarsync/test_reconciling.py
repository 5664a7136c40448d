"""When a calendar is compared, by whom, what may happen meanwhile, and what becomes of it when it cannot be read."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from appointments.models import Appointment, Facility
from calendarsync import reconciling
from calendarsync.models import CalendarConnection, Reconciliation
from calendarsync.models.connection import State
from calendarsync.providers.base import Fault
from scheduling import booking
from tests import factories as make
from tests.calendarsync.compared import HOUR, NOW, book, carry_out, counts, error, foreign, reconcile, repairs
from tests.calendarsync.shelf import Clock, Shelf, connection, drain
from tests.portal.clinic import Clinic
from tests.together import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def clinic() -> Clinic:
    return Clinic.open(program={"max_advance_days": 400}, address="1 Main St")


@pytest.fixture
def calendar(clinic: Clinic) -> CalendarConnection:
    return connection(clinic.staff)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def appointment(clinic: Clinic, calendar: CalendarConnection, shelf: Shelf) -> Appointment:
    """One whose entry stands in the calendar."""
    made = book(clinic)
    drain(calendar, shelf)
    shelf.asked.clear()
    return made


# ------------------------------------------------------------------------------- what happens in the meantime


def test_appointment_made_while_the_calendar_is_read_is_no_stray(clinic, calendar, shelf):
    """Another worker, whose lease ran out, puts its entry there before we have read on."""

    def meanwhile() -> None:
        made = book(clinic)
        shelf.others["late"] = foreign(made.reference, "late")

    shelf.during = meanwhile
    reconcile(calendar, shelf)
    assert list(shelf.others) == ["late"]


def test_change_made_while_the_calendar_is_read_is_not_undone(calendar, shelf, appointment):
    then = appointment.starts_at + HOUR

    def meanwhile() -> None:
        booking.reschedule(appointment=appointment, starts_at=then, by=appointment.staff.user, now=NOW)

    shelf.during = meanwhile
    assert counts(reconcile(calendar, shelf)) == (0, 0, 0, 0)
    assert repairs() == [("change", "")]
    carry_out(calendar, shelf)
    assert shelf.entries[appointment.reference].starts_at == then


def test_rows_wait_while_the_calendar_is_compared_and_are_told_of_after(
    clinic, calendar, shelf, appointment, django_capture_on_commit_callbacks
):
    def meanwhile() -> None:
        book(clinic, at=NOW + 5 * HOUR)
        drain(calendar, shelf, Clock(NOW + timedelta(seconds=10)))
        assert shelf.asked == ["list"]

    shelf.during = meanwhile
    with django_capture_on_commit_callbacks() as told:
        reconcile(calendar, shelf)
    assert len(told) == 2  # of the booking, and at the end
    drain(calendar, shelf, Clock(NOW + timedelta(seconds=20)))
    assert len(shelf.entries) == 2


def test_calendar_whose_rows_are_being_carried_out_is_compared_later(calendar, shelf, appointment):
    CalendarConnection.objects.update(drained_until=NOW + timedelta(seconds=30))
    assert reconcile(calendar, shelf) is None
    assert (shelf.asked, Reconciliation.objects.count()) == ([], 0)
    assert reconcile(calendar, shelf, Clock(NOW + timedelta(minutes=1))) is not None


@pytest.mark.parametrize(
    "change",
    [{"drained_until": NOW + HOUR}, {"state": State.LEAVING}, {"state": State.BROKEN, "broken_at": NOW}],
    ids=["another worker", "disconnecting", "stopped"],
)
def test_calendar_that_is_no_longer_ours_is_let_be(calendar, shelf, appointment, change):
    shelf.entries.clear()
    shelf.during = lambda: CalendarConnection.objects.update(**change) and None
    record = reconcile(calendar, shelf)
    assert (record.error, record.finished_at) == (reconciling.TAKEN_OVER, None)
    assert repairs() == []
    calendar.refresh_from_db()
    assert calendar.reconciled_at is None
    assert calendar.drained_until == change.get("drained_until")


def test_nothing_is_removed_from_a_calendar_that_is_another_workers_now(calendar, shelf, appointment):
    """What it has just written there is not in what we read before."""
    shelf.others["left over"] = foreign(uuid4(), "left over")
    shelf.during = lambda: CalendarConnection.objects.update(drained_until=NOW + HOUR) and None
    assert reconcile(calendar, shelf).error == reconciling.TAKEN_OVER
    assert list(shelf.others) == ["left over"]


@pytest.mark.django_db(transaction=True)
def test_one_worker_compares_when_two_want_to(calendar, shelf, appointment):
    records = at_once([lambda: reconcile(calendar, shelf)] * 2)
    assert [shelf.asked, Reconciliation.objects.count()] == [["list"], 1]
    assert sorted(record is None for record in records) == [False, True]


# ----------------------------------------------------------------------------------------------- what goes wrong


def test_broken_calendar_stops(calendar, shelf, appointment):
    shelf.failures = [error(Fault.CALENDAR)]
    record = reconcile(calendar, shelf)
    calendar.refresh_from_db()
    assert (record.error, record.finished_at, calendar.reconciled_at) == ("It did not work.", None, None)
    assert (calendar.state, calendar.last_error, calendar.drained_until) == (
        State.BROKEN,
        "It did not work.",
        None,
    )


@pytest.mark.parametrize("fault", [Fault.AWAY, Fault.CROWDED])
def test_outage_lets_it_rest_and_is_no_comparison(calendar, shelf, appointment, fault):
    shelf.entries.clear()
    shelf.failures = [error(fault, retry_after=timedelta(minutes=7))]
    assert reconcile(calendar, shelf).error == "It did not work."
    calendar.refresh_from_db()
    assert timedelta(minutes=7) <= calendar.retry_at - NOW < timedelta(minutes=8)
    assert (calendar.state, calendar.reconciled_at, repairs()) == (State.ACTIVE, None, [])
    assert reconcile(calendar, shelf, Clock(NOW + timedelta(minutes=6))) is None
    assert counts(reconcile(calendar, shelf, Clock(NOW + timedelta(minutes=8)))) == (1, 1, 0, 0)


def test_failures_that_pass_let_it_rest_when_they_do_not(calendar, shelf, appointment):
    shelf.failures = [error(Fault.PASSING)] * 3
    resting = []
    for _ in range(3):
        reconcile(calendar, shelf)
        calendar.refresh_from_db()
        resting.append(calendar.retry_at is not None)
    assert resting == [False, False, True]


def test_comparison_that_worked_ends_a_row_of_failures(calendar, shelf, appointment):
    shelf.failures = [error(Fault.PASSING)]
    reconcile(calendar, shelf)
    reconcile(calendar, shelf)
    calendar.refresh_from_db()
    assert (calendar.failures, calendar.last_error, calendar.last_error_at) == (0, "", None)


def test_stray_that_cannot_be_removed_keeps_the_rest_from_nothing(calendar, shelf, appointment):
    for name in ("one", "two"):
        shelf.others[name] = foreign(uuid4(), name)
    shelf.failures = [None, error(Fault.ENTRY)]
    assert counts(reconcile(calendar, shelf)) == (1, 0, 0, 1)
    assert len(shelf.others) == 1
    calendar.refresh_from_db()
    assert (calendar.state, calendar.failures) == (State.ACTIVE, 0)


def test_refused_question_is_not_held_against_the_calendar(calendar, shelf, appointment):
    shelf.failures = [error(Fault.ENTRY)]
    record = reconcile(calendar, shelf)
    calendar.refresh_from_db()
    assert (record.error, record.finished_at, calendar.reconciled_at) == ("It did not work.", None, None)
    assert (calendar.state, calendar.failures, calendar.retry_at) == (State.ACTIVE, 0, None)


def test_outage_among_the_strays_has_everything_compared_again(calendar, shelf, appointment):
    shelf.entries.clear()
    shelf.others["left over"] = foreign(uuid4(), "left over")
    shelf.failures = [None, None, error(Fault.AWAY)]
    assert reconcile(calendar, shelf).error == "It did not work."
    assert repairs() == []
    assert counts(reconcile(calendar, shelf, Clock(NOW + HOUR))) == (1, 1, 0, 1)


def test_fault_of_our_own_lets_the_calendar_go(calendar, shelf, appointment, caplog):
    shelf.failures = [ValueError("surprise")]
    assert reconcile(calendar, shelf).error == "A fault of our own: ValueError"
    calendar.refresh_from_db()
    assert (calendar.state, calendar.drained_until, calendar.reconciled_at) == (State.ACTIVE, None, None)
    assert shelf.closed == 2  # after writing to it, and now
    assert [record.getMessage() for record in caplog.records] == [
        f"Comparing calendar {calendar.pk} met a fault of our own"
    ]


# ------------------------------------------------------------------------------------------------------- when

IN_THE_NIGHT = datetime(2026, 11, 24, 7, 12, tzinfo=UTC)  # 2:12 in New York
ITS_BEGINNING = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
BEFORE_IT = datetime(2026, 11, 24, 5, 59, tzinfo=UTC)
AFTER_IT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def compared(calendar: CalendarConnection, **ago: float) -> None:
    CalendarConnection.objects.filter(pk=calendar.pk).update(reconciled_at=IN_THE_NIGHT - timedelta(**ago))


@pytest.mark.parametrize(
    ("now", "is_due"),
    [(BEFORE_IT, False), (ITS_BEGINNING, True), (IN_THE_NIGHT, True), (AFTER_IT, False)],
    ids=str,
)
def test_calendar_is_compared_in_the_night_of_its_owner(calendar, now, is_due):
    compared(calendar, hours=23)
    assert reconciling.due(now=now) == [calendar.pk] * is_due


def test_night_is_that_of_the_first_facility_in_use(calendar, clinic):
    compared(calendar, hours=23)
    clinic.staff.facilities.add(make.facility(name="A in Tokyo", time_zone="Asia/Tokyo"))
    assert reconciling.due(now=IN_THE_NIGHT) == []
    Facility.objects.filter(name="A in Tokyo").update(is_active=False)
    assert reconciling.due(now=IN_THE_NIGHT) == [calendar.pk]


def test_owner_without_a_facility_has_the_night_of_utc(calendar, clinic):
    compared(calendar, hours=25)
    clinic.staff.facilities.clear()
    assert reconciling.due(now=IN_THE_NIGHT) == []
    assert reconciling.due(now=IN_THE_NIGHT - 4 * HOUR) == [calendar.pk]


@pytest.mark.parametrize(("hours", "is_due"), [(19, False), (20, True)])
def test_calendar_is_compared_once_a_night(calendar, hours, is_due):
    compared(calendar, hours=hours)
    assert reconciling.due(now=IN_THE_NIGHT) == [calendar.pk] * is_due


def test_missed_night_is_made_up_for_by_day(calendar):
    compared(calendar, hours=20)
    assert reconciling.due(now=IN_THE_NIGHT + 5 * HOUR) == []
    assert reconciling.due(now=IN_THE_NIGHT + 6 * HOUR) == [calendar.pk]


def test_calendar_that_was_just_connected_waits_for_its_first_night(calendar):
    assert reconciling.due(now=NOW) == []
    assert reconciling.due(now=IN_THE_NIGHT) == [calendar.pk]
    assert reconciling.due(now=NOW + 26 * HOUR) == [calendar.pk]


@pytest.mark.parametrize(
    "change",
    [
        {"state": State.LEAVING},
        {"state": State.BROKEN, "broken_at": NOW},
        {"retry_at": IN_THE_NIGHT + HOUR},
    ],
    ids=["leaving", "broken", "resting"],
)
def test_calendar_that_cannot_be_asked_is_not_due(calendar, shelf, change):
    CalendarConnection.objects.update(**change)
    assert reconciling.due(now=IN_THE_NIGHT) == []
    assert reconcile(calendar, shelf, Clock(IN_THE_NIGHT)) is None


def test_longest_not_compared_comes_first(calendar):
    others = [connection(make.staff()) for _ in range(2)]
    compared(calendar, hours=30)
    compared(others[0], hours=40)
    assert reconciling.due(now=IN_THE_NIGHT + 9 * HOUR) == [others[1].pk, others[0].pk, calendar.pk]


def test_second_hint_of_the_same_night_does_nothing(calendar, shelf, appointment):
    assert reconcile(calendar, shelf, if_due=True) is not None
    assert reconcile(calendar, shelf, if_due=True) is None
    assert reconcile(calendar, shelf) is not None
    assert shelf.asked == ["list"] * 2


def test_due_costs_two_queries_however_many(calendar, django_assert_num_queries):
    for _ in range(5):
        connection(make.staff(at=make.facility()))
    with django_assert_num_queries(2):
        assert len(reconciling.due(now=IN_THE_NIGHT)) == 6
