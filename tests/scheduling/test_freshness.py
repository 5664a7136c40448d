"""What a poll compares: the same while nothing changes, another as soon as anything the grid shows does."""

import threading
from datetime import date, time

import pytest
from django.db import connection, transaction

from appointments.access import Access
from appointments.models import Appointment, Facility, Program, StaffMember
from appointments.models.organisation import Role
from reminders import rules
from scheduling import booking
from scheduling.freshness import fresh
from scheduling.models import SchedulerView, TimeOff
from scheduling.selection import remember
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.scheduling.desk import Desk


@pytest.fixture
def desk(db):
    return Desk.open()


def print_of(desk, day=TODAY, user=None, now=NOW):
    """Read as a new request would: nothing of the user is remembered."""
    user = type(desk.staff.user).objects.select_related("staff_member").get(pk=(user or desk.staff.user).pk)
    return fresh(access=Access(user), day=day, now=now).fingerprint


def today(desk, hour=10, **fields):
    given = {"staff": desk.staff, "program": desk.program, "customer": desk.customer, **fields}
    return make.appointment(starts_at=make.at(TODAY, hour), **given)


def test_fingerprint_stays_while_nothing_changes(desk, django_assert_num_queries):
    today(desk)
    access = Access(desk.staff.user)
    access.facilities  # noqa: B018 - loaded once per request

    with django_assert_num_queries(1):
        first = fresh(access=access, day=TODAY, now=NOW).fingerprint

    assert first == print_of(desk)


CHANGES = {
    "booked": lambda desk, one: today(desk, 14, customer=make.customer(at=desk.facility)),
    "moved": lambda desk, one: booking.reschedule(
        appointment=one, starts_at=make.at(TODAY, 15), by=desk.staff.user, now=NOW
    ),
    "moved to another day": lambda desk, one: booking.reschedule(
        appointment=one, starts_at=make.at(date(2026, 11, 25), 15), by=desk.staff.user, now=NOW
    ),
    "cancelled": lambda desk, one: booking.cancel(appointment=one, reason="", by=desk.staff.user, now=NOW),
    "marked": lambda desk, one: booking.mark(
        appointment=one, status=Appointment.Status.ARRIVED, by=desk.staff.user, now=NOW
    ),
    "program renamed": lambda desk, one: Program.objects.filter(pk=one.program_id).update(name="Other"),
    "new shift": lambda desk, one: make.shift(
        staff=desk.staff, at=desk.facility, starts=time(18), ends=time(20)
    ),
    "extra shift": lambda desk, one: make.extra_shift(staff=desk.staff, at=desk.facility, starts=time(20)),
    "time off": lambda desk, one: make.time_off(staff=desk.staff),
    "closure": lambda desk, one: make.closure(at=desk.facility),
    "colleague": lambda desk, one: make.staff(at=desk.facility),
    "colleague renamed": lambda desk, one: StaffMember.objects.filter(pk=desk.staff.pk).update(
        display_name="X"
    ),
    "zone": lambda desk, one: Facility.objects.filter(pk=desk.facility.pk).update(
        time_zone="America/Detroit"
    ),
    "facility renamed": lambda desk, one: Facility.objects.filter(pk=desk.facility.pk).update(name="South"),
    "view": lambda desk, one: remember(user=desk.staff.user, whole_day=True),
    "role": lambda desk, one: StaffMember.objects.filter(pk=desk.staff.pk).update(role=Role.BILLING),
}


@pytest.mark.parametrize("change", CHANGES)
def test_fingerprint_changes_with_what_the_grid_shows(desk, change):
    one = today(desk)
    before = print_of(desk)

    CHANGES[change](desk, one)

    assert print_of(desk) != before


def test_fingerprint_ignores_what_the_grid_does_not_show(desk):
    before = print_of(desk)
    stranger = Desk.open()

    today(stranger)
    make.time_off(staff=stranger.staff)
    make.time_off(staff=desk.staff, state=TimeOff.State.REQUESTED)
    make.time_off(staff=desk.staff, first_day=date(2026, 12, 24))
    make.closure(at=stranger.facility)
    SchedulerView.objects.create(user=stranger.staff.user)
    make.appointment(
        starts_at=make.at(date(2026, 12, 1), 10),
        staff=desk.staff,
        program=desk.program,
        customer=desk.customer,
    )

    assert print_of(desk) == before


def test_fingerprint_follows_the_people_chosen(desk):
    colleague = desk.colleague()
    remember(user=desk.staff.user, staff=[desk.staff.pk])
    before = print_of(desk)

    today(desk, staff=colleague)
    assert print_of(desk) == before

    today(desk, 14, customer=make.customer(at=desk.facility))
    assert print_of(desk) != before


@pytest.mark.django_db(transaction=True)
def test_fingerprint_sees_what_commits_after_a_later_one():
    """A booking that took its id first and commits last is not missed."""
    desk = Desk.open()
    colleague = desk.colleague()
    rules.of(desk.program)  # a program's first booking gives it its rules, for which the next one would wait
    has_written, may_commit = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            today(desk)
            has_written.set()
            may_commit.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    has_written.wait(10)
    later = today(desk, staff=colleague, customer=make.customer(at=desk.facility))
    seen = print_of(desk)
    may_commit.set()
    thread.join()

    assert later.pk == Appointment.objects.latest("pk").pk
    assert Appointment.objects.count() == 2
    assert print_of(desk) != seen
