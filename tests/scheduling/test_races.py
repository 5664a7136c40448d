"""Many people at once: real threads, each with its own connection, let go at the same moment."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, time, timedelta

import pytest
from django.db import connection

from appointments.models import Appointment, AppointmentEvent
from scheduling import booking
from scheduling.booking import BookingRefused, ChangeRefused, StaleAppointment
from scheduling.reassignment import changing_hours
from tests import factories as make
from tests import together
from tests.factories import NOW, TODAY, at

pytestmark = pytest.mark.django_db(transaction=True)
Status = Appointment.Status
THREADS = 8
SLOT = at(TODAY, 10)
DAY = timedelta(days=1)


@pytest.fixture
def place():
    facility = make.facility()
    team = [make.staff(at=facility) for _ in range(THREADS)]
    for member in team:
        make.week(staff=member, at=facility)
    return facility, team, make.program(at=facility, staff=team)


def at_once(jobs):
    """How many of the jobs were done, and how many refused under which code."""
    return Counter(together.at_once([lambda job=job: _outcome(job) for job in jobs]))


def _outcome(job):
    try:
        job()
    except BookingRefused as refusal:
        return refusal.code
    except (StaleAppointment, ChangeRefused) as refusal:
        return type(refusal).__name__
    return "done"


def booker(program, staff, customer, starts_at, minutes=30):
    return lambda: booking.book(
        customer=customer,
        staff=staff,
        program=program,
        starts_at=starts_at,
        minutes=minutes,
        by=staff.user,
        now=NOW,
    )


def mover(appointment, starts_at, staff=None, version=None):
    mine = Appointment.objects.select_related("customer", "staff", "program__facility").get(pk=appointment.pk)
    return lambda: booking.reschedule(
        appointment=mine, starts_at=starts_at, staff=staff, by=mine.staff.user, now=NOW, version=version
    )


def booked(program, staff, starts_at, customer=None):
    return make.appointment(program=program, staff=staff, starts_at=starts_at, customer=customer)


# What must hold after any race, read from the rows alone.
_DOUBLES = """
SELECT count(*) FROM appointments_appointment a JOIN appointments_appointment b ON a.id < b.id
   AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at AND (a.staff_id = b.staff_id OR a.customer_id = b.customer_id)
 WHERE a.status <> 'cancelled' AND b.status <> 'cancelled'
"""


def doubles():
    with connection.cursor() as cursor:
        cursor.execute(_DOUBLES)
        return cursor.fetchone()[0]


def assert_nothing_doubled_and_every_version_recorded_once():
    assert doubles() == 0
    for appointment in Appointment.objects.all():
        versions = list(appointment.events.values_list("version", flat=True))
        assert versions == list(range(appointment.version + 1))


# ------------------------------------------------------------------------------------------------------ one winner


def test_one_booking_wins_a_staff_member(place):
    facility, team, program = place
    customers = [make.customer(at=facility) for _ in range(THREADS)]
    for round_ in range(6):
        slot = SLOT + round_ * timedelta(minutes=30)
        outcome = at_once([booker(program, team[0], customer, slot) for customer in customers])
        assert outcome == {"done": 1, "taken": THREADS - 1}
    assert AppointmentEvent.objects.count() == 6
    assert_nothing_doubled_and_every_version_recorded_once()


def test_one_booking_wins_a_customer(place):
    facility, team, program = place
    customer = make.customer(at=facility)
    for round_ in range(6):
        slot = SLOT + round_ * timedelta(minutes=30)
        outcome = at_once([booker(program, member, customer, slot) for member in team])
        assert outcome == {"done": 1, "customer_busy": THREADS - 1}
    assert AppointmentEvent.objects.count() == 6
    assert_nothing_doubled_and_every_version_recorded_once()


def test_bookings_that_overlap_by_a_quarter_hour_never_both_win(place):
    facility, team, program = place
    customers = [make.customer(at=facility) for _ in range(THREADS)]
    for day in range(4):
        slots = [SLOT + day * DAY + n * timedelta(minutes=15) for n in range(THREADS)]
        outcome = at_once(
            [booker(program, team[0], who, slot, 45) for who, slot in zip(customers, slots, strict=True)]
        )
        assert set(outcome) == {"done", "taken"}
    assert_nothing_doubled_and_every_version_recorded_once()


def test_one_move_wins_a_staff_member(place):
    _, team, program = place
    for day in range(4):
        first = SLOT + day * DAY
        crowd = [booked(program, team[0], first + n * timedelta(minutes=30)) for n in range(THREADS)]
        goal = first + timedelta(minutes=30 * THREADS)
        assert at_once([mover(one, goal) for one in crowd]) == {"done": 1, "taken": THREADS - 1}
    assert_nothing_doubled_and_every_version_recorded_once()


def test_one_move_wins_a_customer(place):
    facility, team, program = place
    customer = make.customer(at=facility)
    for day in range(4):
        first = SLOT + day * DAY
        crowd = [
            booked(program, member, first + n * timedelta(minutes=30), customer)
            for n, member in enumerate(team)
        ]
        goal = first + timedelta(minutes=30 * THREADS)
        assert at_once([mover(one, goal) for one in crowd]) == {"done": 1, "customer_busy": THREADS - 1}
    assert_nothing_doubled_and_every_version_recorded_once()


def test_moves_and_bookings_race_for_one_slot(place):
    facility, team, program = place
    goal = SLOT + timedelta(hours=5)
    for day in range(4):
        movers = [
            mover(booked(program, team[0], SLOT + day * DAY + n * timedelta(minutes=30)), goal + day * DAY)
            for n in range(4)
        ]
        bookers = [booker(program, team[0], make.customer(at=facility), goal + day * DAY) for _ in range(4)]
        assert at_once(movers + bookers) == {"done": 1, "taken": 7}
    assert_nothing_doubled_and_every_version_recorded_once()


def test_one_of_many_who_saw_the_same_version_moves_it(place):
    _, team, program = place
    made = booked(program, team[0], SLOT)
    for version in range(4):
        goals = [SLOT + timedelta(minutes=15 * (1 + n + 8 * (version % 2))) for n in range(THREADS)]
        outcome = at_once([mover(made, goal, version=version) for goal in goals])
        assert outcome == {"done": 1, "StaleAppointment": THREADS - 1}
        made.refresh_from_db()
        assert (made.version, made.revision) == (version + 1, version + 1)
    assert_nothing_doubled_and_every_version_recorded_once()


def test_one_undo_of_a_cancellation_wins_the_slot_back(place):
    _, team, program = place
    crowd = []
    for _ in range(THREADS):
        crowd.append(booked(program, team[0], SLOT))
        booking.cancel(appointment=crowd[-1], reason="", by=team[0].user, now=NOW)

    def undo(appointment):
        return lambda: booking.mark(
            appointment=appointment, status=Status.SCHEDULED, by=team[0].user, now=NOW
        )

    assert at_once([undo(one) for one in crowd]) == {"done": 1, "taken": THREADS - 1}
    assert_nothing_doubled_and_every_version_recorded_once()


def test_who_did_not_see_the_cancellation_does_not_undo_it(place):
    """To take a slot back, the staff member and the customer must be held: only who saw it cancelled does so."""
    _, team, program = place
    made = booked(program, team[0], SLOT)
    booking.mark(appointment=made, status=Status.ARRIVED, by=team[0].user, now=NOW)
    seen = Appointment.objects.get(pk=made.pk)
    booking.cancel(appointment=made, reason="", by=team[0].user, now=NOW)
    with pytest.raises(StaleAppointment):
        booking.mark(appointment=seen, status=Status.SCHEDULED, by=team[0].user, now=NOW)
    made.refresh_from_db()
    assert made.status == Status.CANCELLED


def test_staff_members_who_swap_appointments_do_not_wait_for_each_other_in_a_ring(place):
    _, team, program = place
    ring = team[:4]
    held = [booked(program, member, SLOT + n * timedelta(hours=1)) for n, member in enumerate(ring)]
    for step in range(1, 7):
        jobs = [mover(one, one.starts_at, staff=ring[(n + step) % len(ring)]) for n, one in enumerate(held)]
        assert at_once(jobs) == {"done": len(ring)}
    assert_nothing_doubled_and_every_version_recorded_once()


def test_a_busy_desk_leaves_nothing_doubled_and_every_version_recorded(place):
    """Everything at once on few slots: any mixture of wins and refusals, but no deadlock and no other error."""
    facility, team, program = place
    staff, customers = team[:3], [make.customer(at=facility) for _ in range(4)]
    shift = staff[0].shifts.get(weekday=0)
    dice = random.Random(20261123)
    for turn in range(60):
        live = list(Appointment.objects.select_related("customer", "staff", "program__facility"))
        jobs = [_any_job(dice, live, program, staff, customers) for _ in range(THREADS - 1)]
        ends = time(dice.choice([11, 17]))
        outcome = at_once([*jobs, lambda ends=ends: _set_end(shift, ends)])
        allowed = {"done", "taken", "customer_busy", "outside_hours", "StaleAppointment", "ChangeRefused"}
        assert set(outcome) <= allowed
        assert_nothing_doubled_and_every_version_recorded_once()
        happened = set(AppointmentEvent.objects.values_list("kind", flat=True))
        if turn >= 11 and happened >= {"booked", "rescheduled", "cancelled"}:
            return
    raise AssertionError(f"Of all that was tried, only this was ever done: {happened}")


def _any_job(dice, live, program, staff, customers):
    slot = SLOT + dice.randrange(4) * timedelta(minutes=30)
    member = dice.choice(staff)
    if not live or dice.random() < 0.4:
        return booker(program, member, dice.choice(customers), slot)
    mine = Appointment.objects.get(pk=dice.choice(live).pk)
    if dice.random() < 0.5:
        return mover(mine, slot, staff=member)
    if mine.is_cancelled:
        return lambda: booking.mark(appointment=mine, status=Status.SCHEDULED, by=member.user, now=NOW)
    return lambda: booking.cancel(appointment=mine, reason="", by=member.user, now=NOW)


def _set_end(shift, ends):
    with changing_hours(staff=[shift.staff_id], by=None, now=NOW):
        shift.ends = ends
        shift.save()


def test_bookings_of_different_people_do_not_wait_for_each_other(place):
    facility, team, program = place
    day = date(2026, 11, 25)
    jobs = [booker(program, member, make.customer(at=facility), at(day, 10)) for member in team]
    assert at_once(jobs) == {"done": THREADS}


# -------------------------------------------------------------------- a booking meets a change of hours


def shorten(facility, staff):
    staff.shifts.update(ends=time(9, 30))


def take_the_day_off(facility, staff):
    make.time_off(staff=staff, decided_at=NOW, decided_by=staff.user)


def close(facility, staff):
    make.closure(at=facility)


def leave(facility, staff):
    type(staff).objects.filter(pk=staff.pk).update(is_active=False)


def stop_taking_appointments(facility, staff):
    type(staff).objects.filter(pk=staff.pk).update(takes_appointments=False)


CHANGES = [
    (shorten, "outside_hours"),
    (take_the_day_off, "not_working"),
    (close, "closed"),
    (leave, "not_working"),
    (stop_taking_appointments, "not_working"),
]


@pytest.mark.parametrize(("change", "code"), CHANGES)
def test_a_booking_that_waits_for_a_change_of_hours_is_judged_by_the_new_hours(place, change, code):
    facility, team, program = place
    job = booker(program, team[0], make.customer(at=facility), SLOT)
    assert _while_hours_change(facility, team[0], change, job) == {code: 1}
    assert Appointment.objects.count() == 0


@pytest.mark.parametrize(("change", "code"), CHANGES)
def test_a_move_that_waits_for_a_change_of_hours_is_judged_by_the_new_hours(place, change, code):
    facility, team, program = place
    made = booked(program, team[1], SLOT)
    assert _while_hours_change(facility, team[0], change, mover(made, SLOT, staff=team[0])) == {code: 1}
    made.refresh_from_db()
    assert (made.staff, made.version) == (team[1], 0)


def _while_hours_change(facility, staff, change, job):
    """Start the job inside the change, and let the change end once the job waits for it."""
    with ThreadPoolExecutor(1) as pool:
        with changing_hours(staff=[staff], by=None, now=NOW):
            change(facility, staff)
            outcome = pool.submit(at_once, [job])
            together.wait_until_somebody_waits()
        return outcome.result(timeout=20)


def test_a_booking_that_meets_a_change_of_hours_is_refused_or_stranded(place):
    facility, team, program = place
    shift = team[0].shifts.get(weekday=0)
    seen = Counter()
    for _ in range(12):
        shift.ends = time(17)
        shift.save()
        customer = make.customer(at=facility)
        outcome = at_once([booker(program, team[0], customer, SLOT), lambda: _set_end(shift, time(10))])
        statuses = list(customer.appointments.values_list("status", flat=True))
        if outcome == {"done": 2}:
            assert statuses == [Status.PENDING_REASSIGNMENT]
            booking.cancel(appointment=customer.appointments.get(), reason="", by=team[0].user, now=NOW)
        else:
            assert (outcome, statuses) == ({"done": 1, "outside_hours": 1}, [])
        seen.update(statuses or ["refused"])
    assert seen.total() == 12
