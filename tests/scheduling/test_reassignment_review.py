"""What a change of hours does to the appointments ahead: it strands exactly those left outside, and brings them back."""

from datetime import datetime, time, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments.models import Appointment, AppointmentEvent, StaffMember
from scheduling import booking
from scheduling.models import TimeOff
from scheduling.reassignment import changing_hours
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.wallclock import DAY, shown

pytestmark = pytest.mark.django_db
Status = Appointment.Status
TOMORROW = TODAY + DAY
ZONE = "America/New_York"


@pytest.fixture
def clinic():
    return Clinic()


class Clinic:
    """One person who works 9 to 17 every day, and what is booked with them."""

    def __init__(self):
        self.facility = make.facility(time_zone=ZONE)
        self.staff = make.staff(at=self.facility)
        self.shifts = make.week(staff=self.staff, at=self.facility)
        self.program = make.program(at=self.facility, staff=self.staff)
        self.manager = make.staff(role="manager").user

    def booked(self, day, hour, minute=0, **fields):
        return make.appointment(
            staff=self.staff, program=self.program, starts_at=at(day, hour, minute), **fields
        )

    def changing(self, *, now=NOW, **options):
        return changing_hours(staff=[self.staff], by=self.manager, now=now, **options)

    def shorten(self, *, ends, **options):
        with self.changing(**options) as review:
            self.staff.shifts.update(ends=ends)
        return review


def statuses(*appointments):
    return [Appointment.objects.get(pk=one.pk).status for one in appointments]


# ------------------------------------------------------------------------------------------ stranded and restored


def test_a_shortened_shift_strands_what_it_leaves_outside_and_nothing_else(clinic):
    ends_in_time, runs_over, after = (clinic.booked(TOMORROW, *t) for t in ((11, 30), (12, 15), (15, 0)))
    review = clinic.shorten(ends=time(12, 30))
    assert (review.stranded, review.restored) == ([runs_over, after], [])
    assert statuses(ends_in_time, runs_over, after) == [
        "scheduled",
        "pending_reassignment",
        "pending_reassignment",
    ]


def test_hours_that_come_back_bring_the_appointments_back(clinic):
    made = clinic.booked(TOMORROW, 15)
    clinic.shorten(ends=time(12))
    review = clinic.shorten(ends=time(15, 30))
    assert (review.stranded, review.restored, statuses(made)) == ([], [made], ["scheduled"])


def test_the_record_says_who_changed_the_hours(clinic):
    made = clinic.booked(TOMORROW, 15)
    clinic.shorten(ends=time(12))
    with changing_hours(staff=[clinic.staff.pk], by=None, now=NOW):
        clinic.staff.shifts.update(ends=time(17))
    recorded = made.events.values_list("kind", "actor", "by", "before", "after", "version", "revision")
    assert list(recorded)[1:] == [
        (
            "stranded",
            "staff",
            clinic.manager.pk,
            {"status": "scheduled"},
            {"status": "pending_reassignment"},
            1,
            0,
        ),
        ("restored", "system", None, {"status": "pending_reassignment"}, {"status": "scheduled"}, 2, 0),
    ]


def test_a_change_that_touches_nobody_records_nothing(clinic):
    clinic.booked(TOMORROW, 9)
    review = clinic.shorten(ends=time(12))
    assert (review.stranded, review.restored, AppointmentEvent.objects.count()) == ([], [], 1)


def test_only_what_lies_ahead_and_is_not_settled_is_reviewed(clinic):
    begun = clinic.booked(TODAY, 15)
    arrived, completed, missed, cancelled = (clinic.booked(TOMORROW, 13 + n) for n in range(4))
    user = clinic.staff.user
    for one, status in ((arrived, "arrived"), (completed, "completed"), (missed, "no_show")):
        booking.mark(appointment=one, status=status, by=user, now=NOW)
    booking.cancel(appointment=cancelled, reason="", by=user, now=NOW)
    review = clinic.shorten(ends=time(12), now=at(TODAY, 15))
    assert (review.stranded, review.restored) == ([], [])
    assert statuses(begun, arrived, completed, missed, cancelled) == [
        "scheduled",
        "arrived",
        "completed",
        "no_show",
        "cancelled",
    ]


def test_a_stranded_appointment_still_holds_its_slot(clinic):
    made = clinic.booked(TOMORROW, 15)
    clinic.shorten(ends=time(12))
    with pytest.raises(booking.BookingRefused) as error:
        clinic.booked(TOMORROW, 15, overrides={"outside_hours"})
    assert (error.value.code, statuses(made)) == ("taken", ["pending_reassignment"])


def test_a_stranded_appointment_that_moves_inside_hours_or_to_a_colleague_is_scheduled_again(clinic):
    moved, given_away = clinic.booked(TOMORROW, 15), clinic.booked(TOMORROW, 16)
    clinic.shorten(ends=time(12))
    colleague = make.staff(at=clinic.facility)
    make.week(staff=colleague, at=clinic.facility)
    clinic.program.staff.add(colleague)
    booking.reschedule(appointment=moved, starts_at=at(TOMORROW, 10), by=clinic.manager, now=NOW)
    booking.reassign(appointment=given_away, staff=colleague, by=clinic.manager, now=NOW)
    assert statuses(moved, given_away) == ["scheduled", "scheduled"]


def test_an_undone_arrival_outside_the_hours_is_stranded(clinic):
    made = clinic.booked(TOMORROW, 15)
    booking.mark(appointment=made, status="arrived", by=clinic.staff.user, now=NOW)
    clinic.shorten(ends=time(12))
    booking.mark(appointment=made, status="scheduled", by=clinic.staff.user, now=NOW)
    assert statuses(made) == ["pending_reassignment"]


# ------------------------------------------------------------------------------------------- the kinds of change


def test_part_of_a_day_off_strands_what_meets_it(clinic):
    before, meets, after = (clinic.booked(TOMORROW, *t) for t in ((11, 30), (13, 45), (14, 15)))
    with clinic.changing() as review:
        off = make.time_off(
            staff=clinic.staff, first_day=TOMORROW, starts=time(12), ends=time(14), decided_at=NOW,
            decided_by=clinic.manager,
        )  # fmt: skip
    assert (review.stranded, statuses(before, meets, after)) == (
        [meets],
        ["scheduled", "pending_reassignment", "scheduled"],
    )
    with clinic.changing() as review:
        TimeOff.objects.filter(pk=off.pk).update(state="withdrawn")
    assert (review.restored, statuses(meets)) == ([meets], ["scheduled"])


def test_time_off_that_is_only_asked_for_strands_nothing(clinic):
    made = clinic.booked(TOMORROW, 13)
    with clinic.changing() as review:
        off = make.time_off(staff=clinic.staff, first_day=TOMORROW, state="requested")
    assert (review.stranded, statuses(made)) == ([], ["scheduled"])
    with clinic.changing() as review:
        TimeOff.objects.filter(pk=off.pk).update(state="approved", decided_at=NOW, decided_by=clinic.manager)
    assert (review.stranded, statuses(made)) == ([made], ["pending_reassignment"])


def test_a_closure_strands_its_facility_and_its_date_only(clinic):
    elsewhere = make.facility(time_zone="America/Los_Angeles")
    clinic.staff.facilities.add(elsewhere)
    make.week(staff=clinic.staff, at=elsewhere, starts=time(15), ends=time(20))
    program = make.program(at=elsewhere, staff=clinic.staff)
    here, next_day = clinic.booked(TOMORROW, 10), clinic.booked(TOMORROW + DAY, 10)
    there = make.appointment(
        staff=clinic.staff, program=program, starts_at=at(TOMORROW, 16, zone="America/Los_Angeles")
    )
    with clinic.changing() as review:
        closure = make.closure(at=clinic.facility, date=TOMORROW)
    assert (review.stranded, statuses(here, next_day, there)) == (
        [here],
        ["pending_reassignment", "scheduled", "scheduled"],
    )
    with clinic.changing() as review:
        closure.delete()
    assert review.restored == [here]


def test_a_person_who_leaves_strands_all_and_one_who_returns_restores_all(clinic):
    made = [clinic.booked(TOMORROW + n * DAY, 10) for n in range(3)]
    for is_active, found in ((False, "stranded"), (True, "restored")):
        with clinic.changing() as review:
            StaffMember.objects.filter(pk=clinic.staff.pk).update(is_active=is_active)
        assert getattr(review, found) == made


def test_an_extra_shift_restores_what_it_covers(clinic):
    early, late = clinic.booked(TOMORROW, 13), clinic.booked(TOMORROW, 15)
    clinic.shorten(ends=time(12))
    with clinic.changing() as review:
        make.extra_shift(
            staff=clinic.staff, at=clinic.facility, date=TOMORROW, starts=time(12), ends=time(14)
        )
    assert (review.restored, statuses(early, late)) == ([early], ["scheduled", "pending_reassignment"])


def test_a_colleagues_change_leaves_my_appointments_alone(clinic):
    made = clinic.booked(TOMORROW, 15)
    clinic.staff.shifts.update(ends=time(12))
    colleague = make.staff(at=clinic.facility)
    with changing_hours(staff=[colleague], by=clinic.manager, now=NOW) as review:
        make.week(staff=colleague, at=clinic.facility)
    assert (review.stranded, statuses(made)) == ([], ["scheduled"])


# ------------------------------------------------------------------------------- placed outside hours on purpose


def test_one_placed_outside_the_shift_on_purpose_stays_while_the_day_is_worked(clinic):
    made = clinic.booked(TOMORROW, 18, overrides={"outside_hours"})
    assert clinic.shorten(ends=time(12)).stranded == []
    assert clinic.shorten(ends=time(18, 15)).stranded == []
    with clinic.changing() as review:
        clinic.staff.shifts.filter(weekday=TOMORROW.weekday()).delete()
    assert (review.stranded, statuses(made)) == ([made], ["pending_reassignment"])


def test_one_placed_inside_time_off_on_purpose_stays_until_newer_time_off_covers_it(clinic):
    with clinic.changing():
        make.time_off(
            staff=clinic.staff, first_day=TOMORROW, starts=time(12), decided_at=NOW, decided_by=clinic.manager
        )
    made = clinic.booked(TOMORROW, 13, overrides={"outside_hours"}, now=NOW + timedelta(minutes=1))
    assert clinic.shorten(ends=time(16)).stranded == []
    later = NOW + timedelta(minutes=2)
    with clinic.changing(now=later) as review:
        make.time_off(
            staff=clinic.staff, first_day=TOMORROW, starts=time(13, 15), ends=time(14), decided_at=later,
            decided_by=clinic.manager,
        )  # fmt: skip
    assert (review.stranded, statuses(made)) == ([made], ["pending_reassignment"])


# ------------------------------------------------------------------------------------------------------- preview


def test_a_preview_says_what_would_happen_and_changes_nothing(clinic):
    made, stays = clinic.booked(TOMORROW, 15), clinic.booked(TOMORROW, 9)
    review = clinic.shorten(ends=time(12), preview=True)
    assert review.stranded == [made]
    assert set(clinic.staff.shifts.values_list("ends", flat=True)) == {time(17)}
    assert statuses(made, stays) == ["scheduled", "scheduled"]
    assert (AppointmentEvent.objects.count(), Appointment.objects.get(pk=made.pk).version) == (2, 0)
    assert clinic.shorten(ends=time(12)).stranded == [made]


def test_a_change_that_fails_leaves_hours_and_appointments_as_they_were(clinic):
    made = clinic.booked(TOMORROW, 15)
    with pytest.raises(ZeroDivisionError):
        clinic_shortens_and_fails(clinic)
    assert set(clinic.staff.shifts.values_list("ends", flat=True)) == {time(17)}
    assert statuses(made) == ["scheduled"]


def clinic_shortens_and_fails(clinic):
    with clinic.changing():
        clinic.staff.shifts.update(ends=time(12))
        return 1 / 0


# ------------------------------------------------------------------------------------------------ any of it at all

quarters = st.integers(0, 31).map(lambda n: time(9 + n // 4, n % 4 * 15))


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    slots=st.sets(st.tuples(st.integers(0, 6), quarters), max_size=8),
    weekday=st.integers(0, 6),
    ends=quarters.filter(lambda at: at > time(9)),
    off=st.none() | st.tuples(st.integers(0, 6), quarters, quarters).filter(lambda o: o[1] < o[2]),
    closed=st.none() | st.integers(0, 6),
)
def test_any_change_strands_exactly_what_it_leaves_outside_and_its_undoing_restores_it(
    slots, weekday, ends, off, closed
):
    with transaction.atomic():
        clinic = Clinic()
        made = [
            clinic.booked(TOMORROW + n * DAY, start.hour, start.minute, minutes=15)
            for n, start in sorted(slots)
        ]
        with clinic.changing() as review:
            change(clinic, weekday, ends, off, closed)
        left = {one for one in made if not worked(one, weekday, ends, off, closed)}
        assert (set(review.stranded), review.restored) == (left, [])
        assert {one for one in made if statuses(one) == ["pending_reassignment"]} == left
        with clinic.changing() as review:
            change(clinic, weekday, time(17), None, None)
        assert (review.stranded, set(review.restored)) == ([], left)
        assert set(statuses(*made)) <= {"scheduled"}
        transaction.set_rollback(True)


def change(clinic, weekday, ends, off, closed):
    clinic.staff.shifts.filter(weekday=weekday).update(ends=ends)
    clinic.staff.time_off.all().delete()
    clinic.facility.closures.all().delete()
    if off:
        day, begins, until = off
        make.time_off(
            staff=clinic.staff, first_day=TOMORROW + day * DAY, starts=begins, ends=until, decided_at=NOW,
            decided_by=clinic.manager,
        )  # fmt: skip
    if closed is not None:
        make.closure(at=clinic.facility, date=TOMORROW + closed * DAY)


def worked(appointment, weekday, ends, off, closed):
    """By the wall alone."""
    start, end = shown(appointment.starts_at, ZONE), shown(appointment.ends_at, ZONE)
    day = start.date()
    if day.weekday() == weekday and end > datetime.combine(day, ends):
        return False
    if off and day == TOMORROW + off[0] * DAY and start.time() < off[2] and end.time() > off[1]:
        return False
    return closed is None or day != TOMORROW + closed * DAY
