"""What the database itself refuses: every statement here goes past the Python checks."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from appointments.models import Appointment, AppointmentEvent, Case, PrivateNoteRead
from scheduling import booking
from scheduling.models import TimeOff
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.together import at_once

SLOT = at(TODAY, 10)
HALF_HOUR = timedelta(minutes=30)
LIVE = ["scheduled", "pending_reassignment", "arrived", "completed", "no_show"]


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def refused(statement, *values):
    """The name of the constraint that refuses, or its message."""
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        sql(statement, *values)
    return error.value.__cause__.diag.constraint_name or error.value.__cause__.diag.message_primary


def row(*, like, starts_at=SLOT, status="scheduled", minutes=30, **who):
    """Values for INSERT: an appointment like another one, but for what is given."""
    return (
        who.get("customer", like.customer).pk,
        who.get("staff", like.staff).pk,
        like.facility_id,
        like.program_id,
        starts_at,
        starts_at + timedelta(minutes=minutes),
        status,
        NOW if status == "cancelled" else None,
    )


INSERT = """
INSERT INTO appointments_appointment (reference, customer_id, staff_id, facility_id, program_id, starts_at, ends_at,
    status, cancelled_at, placed_at, public_note, revision, version, outside_hours, cancel_reason)
VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s, %s, %s, now(), '', 0, 0, false, '')
"""


@pytest.fixture
def made(db):
    return make.appointment(starts_at=SLOT)


# -------------------------------------------------------------------------------------------- nobody in two places


@pytest.mark.parametrize("status", LIVE)
@pytest.mark.parametrize("present", LIVE)
def test_overlap_is_refused_for_staff_and_for_customer_in_every_live_status(made, status, present):
    sql("UPDATE appointments_appointment SET status = %s", present)
    later = SLOT + timedelta(minutes=15)
    same_staff = row(like=made, customer=make.customer(), starts_at=later, status=status)
    same_customer = row(like=made, staff=make.staff(), starts_at=later, status=status)
    assert refused(INSERT, *same_staff) == "appointment_staff_in_one_place"
    assert refused(INSERT, *same_customer) == "appointment_customer_in_one_place"


def test_a_cancelled_appointment_is_in_nobodys_way(made):
    sql(INSERT, *row(like=made, status="cancelled"))
    booking.cancel(appointment=made, reason="", by=made.staff.user, now=NOW)
    sql(INSERT, *row(like=made))
    assert Appointment.objects.count() == 3


def test_a_cancellation_cannot_be_undone_into_a_taken_slot(made):
    sql(INSERT, *row(like=made, status="cancelled"))
    undo = "UPDATE appointments_appointment SET status = 'scheduled', cancelled_at = NULL WHERE status = 'cancelled'"
    assert refused(undo) == "appointment_staff_in_one_place"


def test_periods_that_touch_do_not_overlap(made):
    sql(INSERT, *row(like=made, starts_at=SLOT + HALF_HOUR))
    sql(INSERT, *row(like=made, starts_at=SLOT - HALF_HOUR))
    assert Appointment.objects.count() == 3


def test_a_move_onto_another_appointment_is_refused(made):
    sql(INSERT, *row(like=made, customer=make.customer(), starts_at=SLOT + HALF_HOUR))
    move = "UPDATE appointments_appointment SET starts_at = %s, ends_at = %s WHERE id = %s"
    onto = refused(move, SLOT + timedelta(minutes=15), SLOT + timedelta(minutes=45), made.pk)
    assert onto == "appointment_staff_in_one_place"


def test_a_reassignment_onto_a_busy_staff_member_is_refused(made):
    other = make.staff()
    sql(INSERT, *row(like=made, staff=other, customer=make.customer()))
    reassign = "UPDATE appointments_appointment SET staff_id = %s WHERE id = %s"
    assert refused(reassign, other.pk, made.pk) == "appointment_staff_in_one_place"


def insert_together(rows):
    def insert(values):
        try:
            sql(INSERT, *values)
        except (IntegrityError, OperationalError):  # refused at once, or as a deadlock of the two
            return "refused"
        return "in"

    return sorted(at_once([lambda values=values: insert(values) for values in rows]))


def two_overlapping(constraint):
    """Rows of one staff member and two customers, or of one customer and two staff members."""
    made = make.appointment(starts_at=SLOT)
    other = {"customer": make.customer()} if "staff" in constraint else {"staff": make.staff()}
    next_day = SLOT + timedelta(days=1)
    return [row(like=made, starts_at=next_day), row(like=made, starts_at=next_day, **other)]


CONSTRAINTS = ["appointment_staff_in_one_place", "appointment_customer_in_one_place"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_of_two_connections_the_database_lets_one_in(constraint):
    assert insert_together(two_overlapping(constraint)) == ["in", "refused"]


class Without:
    """One constraint is gone inside; the rows it would have refused go before it returns."""

    def __init__(self, name):
        self.constraint = next(c for c in Appointment._meta.constraints if c.name == name)

    def __enter__(self):
        with connection.schema_editor() as editor:
            editor.remove_constraint(Appointment, self.constraint)

    def __exit__(self, *error):
        sql("TRUNCATE appointments_appointment CASCADE")
        with connection.schema_editor() as editor:
            editor.add_constraint(Appointment, self.constraint)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_without_the_constraint_both_get_in(constraint):
    """The test above can fail: the constraint decides it, nothing else does."""
    with Without(constraint):
        assert insert_together(two_overlapping(constraint)) == ["in", "in"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_without_the_constraint_the_locks_still_let_one_booking_in(constraint):
    facility = make.facility()
    team = [make.staff(at=facility) for _ in range(4)]
    for member in team:
        make.week(staff=member, at=facility)
    program, customers = make.program(at=facility, staff=team), [make.customer() for _ in range(4)]
    pairs = (
        [(team[0], who) for who in customers]
        if "staff" in constraint
        else [(one, customers[0]) for one in team]
    )

    def book(staff, customer):
        try:
            make.appointment(staff=staff, customer=customer, program=program, starts_at=SLOT)
        except booking.BookingRefused:
            return "refused"
        return "in"

    with Without(constraint):
        outcome = at_once([lambda pair=pair: book(*pair) for pair in pairs])
        assert sorted(outcome) == ["in", "refused", "refused", "refused"]


# ---------------------------------------------------------------------------------------------- what is a period


@pytest.mark.parametrize(
    ("minutes", "constraint"),
    [
        (0, "appointment_ends_after_start"),
        (-15, "appointment_ends_after_start"),
        (24 * 60 + 1, "appointment_at_most_a_day"),
    ],
)
def test_appointments_without_length_or_longer_than_a_day_are_refused(made, minutes, constraint):
    next_day = SLOT + timedelta(days=3)
    assert refused(INSERT, *row(like=made, starts_at=next_day, minutes=minutes)) == constraint
    sql(INSERT, *row(like=made, starts_at=next_day, minutes=24 * 60))


# ------------------------------------------------------------------------------------------ who and when, together


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("arrived_at = now()", "appointment_arrived_who_and_when"),
        ("arrived_by_id = staff.user_id", "appointment_arrived_who_and_when"),
        ("status = 'cancelled'", "appointment_cancelled_when"),
        ("cancelled_at = now()", "appointment_cancelled_when"),
    ],
)
def test_an_appointment_never_has_half_of_who_and_when(made, change, constraint):
    statement = f"UPDATE appointments_appointment a SET {change} FROM appointments_staffmember staff WHERE staff.id = a.staff_id"
    assert refused(statement) == constraint


@pytest.mark.parametrize("column", ["closed_at = opened_at", "closed_by_id = opened_by_id"])
def test_a_case_is_closed_by_somebody_at_some_time(db, column):
    make.case(of=make.customer(), by=make.user())
    assert refused(f"UPDATE appointments_case SET {column}") == "case_closed_who_and_when"
    assert Case.objects.get().closed_at is None


def test_a_case_does_not_close_before_it_opened(db):
    make.case(of=make.customer(), by=make.user())
    early = "UPDATE appointments_case SET closed_by_id = opened_by_id, closed_at = opened_at - interval '1 second'"
    assert refused(early) == "case_closed_after_opened"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("requested_at = now()", "time_off_requested_who_and_when"),
        ("requested_by_id = (SELECT min(id) FROM auth_user)", "time_off_requested_who_and_when"),
        ("decided_at = now()", "time_off_decided_who_and_when"),
        ("decided_by_id = (SELECT min(id) FROM auth_user)", "time_off_decided_who_and_when"),
        ("last_day = first_day - 1", "time_off_ends_after_start"),
        ("starts = '12:00', ends = '12:00'", "time_off_times_in_order"),
    ],
)
def test_time_off_keeps_its_pairs_and_its_order(db, change, constraint):
    make.time_off(staff=make.staff())
    assert refused(f"UPDATE scheduling_timeoff SET {change}") == constraint
    assert TimeOff.objects.get().decided_at is None


EVENT = """
INSERT INTO appointments_appointmentevent (appointment_id, kind, at, actor, by_id, before, after, overrides, reason,
    revision, version) VALUES (%s, 'marked', now(), %s, %s, '{}', '{}', '{}', '', 0, %s)
"""


def test_an_event_names_who_when_staff_did_it_and_nobody_otherwise(made):
    user = made.staff.user_id
    assert refused(EVENT, made.pk, "staff", None, 1) == "event_by_staff_names_who"
    assert refused(EVENT, made.pk, "customer", user, 1) == "event_by_staff_names_who"
    assert refused(EVENT, made.pk, "system", user, 1) == "event_by_staff_names_who"
    sql(EVENT, made.pk, "staff", user, 1)
    sql(EVENT, made.pk, "customer", None, 2)


def test_a_version_has_one_event(made):
    assert refused(EVENT, made.pk, "system", None, 0) == "event_one_per_version"


# ------------------------------------------------------------------------------------------- what stays recorded


@pytest.fixture
def recorded(made):
    PrivateNoteRead.objects.create(appointment=made, by=made.staff.user, at=NOW, was_readable=True)
    return made


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE appointments_appointmentevent SET reason = 'x'",
        "DELETE FROM appointments_appointmentevent",
        "UPDATE appointments_privatenoteread SET was_readable = false",
        "DELETE FROM appointments_privatenoteread",
    ],
)
def test_what_is_recorded_is_neither_changed_nor_deleted(recorded, statement):
    verb, table = (
        statement.split()[0],
        statement.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0],
    )
    assert refused(statement) == f"{table} is append-only: {verb} refused"


def test_the_models_cannot_change_what_is_recorded_either(recorded):
    event = AppointmentEvent.objects.get()
    event.reason = "x"
    for change in (event.save, event.delete, PrivateNoteRead.objects.get().delete):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            change()


def test_an_appointment_cannot_be_deleted_from_under_its_record(recorded):
    constraint = refused("DELETE FROM appointments_appointment; SET CONSTRAINTS ALL IMMEDIATE")
    assert constraint.startswith("appointments_")
    assert Appointment.objects.count() == 1
