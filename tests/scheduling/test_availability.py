"""Open times against a slow search that reads wall clocks and looks at every appointment, and against booking itself."""

from datetime import date, datetime, time, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments.models import Appointment
from scheduling import booking
from scheduling.availability import open_times, openings_of, serving
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.wallclock import DAY, QUARTER, changes, clock, utc

pytestmark = pytest.mark.django_db
LONG_AGO = utc(2020, 1, 1)


def starts(found):
    return [(open_time.staff.display_name, open_time.starts_at) for open_time in found]


# ----------------------------------------------------------------------------------------------- a slow search


class Search:
    """Every quarter hour of the days, one by one: the wall reads inside a shift, nothing is off, nobody is near."""

    def __init__(self, change, *, shifts, absences, closures, appointments, buffer, minutes, now):
        self.seen, self.shifts, self.absences, self.closures = clock(change), shifts, absences, closures
        self.appointments, self.buffer, self.now = appointments, timedelta(minutes=buffer), now
        self.length = minutes // 15
        self.wall_of = dict(zip(self.seen.instants, self.seen.shown, strict=True))

    def open_starts(self, member, first_day, last_day):
        slots = self.seen.instants
        first = slots.index(self.seen.begin(first_day))
        end = slots.index(self.seen.begin(last_day + DAY))
        worked = [self._works(member, instant) for instant in slots]
        return [
            slots[n]
            for n in range(first, end)
            if all(worked[n : n + self.length]) and slots[n] >= self.now and not self._meets(member, slots[n])
        ]

    def _works(self, member, instant):
        wall = self.wall_of[instant]
        if wall.date() in self.closures or (member, wall.date()) in self.absences:
            return False
        return any(
            datetime.combine(day, begins) <= wall < datetime.combine(day + DAY * (ends <= begins), ends)
            for day in (wall.date() - DAY, wall.date())
            for begins, ends in self.shifts.get((member, day.weekday()), ())
        )

    def _meets(self, member, start):
        end = start + self.length * QUARTER
        return any(
            staff == member and begins - self.buffer < end and ends + self.buffer > start
            for staff, begins, ends in self.appointments
        )


quarters = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_open_times_are_those_of_the_slow_search_around_any_change_of_clocks(data):
    change = data.draw(st.sampled_from(changes()))
    first_day, last_day = sorted(data.draw(st.tuples(*[st.sampled_from(change.days)] * 2)))
    shifts = data.draw(
        st.dictionaries(
            st.tuples(st.integers(0, 1), st.integers(0, 6)),
            st.lists(st.tuples(quarters, quarters) | st.just((time(0), time(0))), max_size=2),
            min_size=3,
        )
    )
    absences = data.draw(st.sets(st.tuples(st.integers(0, 1), st.sampled_from(change.days)), max_size=1))
    closures = data.draw(st.sets(st.sampled_from([*change.days, change.days[-1] + DAY]), max_size=1))
    lengths = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 20), st.integers(1, 12)), max_size=8)
    appointments = list(laid_out(clock(change).begin(first_day) - 6 * QUARTER, data.draw(lengths)))
    buffer, minutes = data.draw(st.sampled_from([0, 15, 60])), data.draw(st.sampled_from([15, 45, 60, 180]))
    now = data.draw(st.sampled_from([LONG_AGO, change.at, change.at + timedelta(minutes=7)]))
    search = Search(
        change,
        shifts=shifts,
        absences=absences,
        closures=closures,
        appointments=appointments,
        buffer=buffer,
        minutes=minutes,
        now=now,
    )
    with transaction.atomic():
        program, team = laid_down(change.zone, shifts, absences, closures, appointments, buffer, minutes)
        found = open_times(program=program, first_day=first_day, last_day=last_day, now=now)
        transaction.set_rollback(True)
    expected = [
        (instant, team[member].display_name)
        for member in (0, 1)
        for instant in search.open_starts(member, first_day, last_day)
    ]
    assert [(one.starts_at, one.staff.display_name) for one in found] == sorted(expected)
    assert {one.ends_at - one.starts_at for one in found} <= {timedelta(minutes=minutes)}


def laid_out(start, gaps_and_lengths):
    """Appointments one after another, so that nobody is in two places."""
    for member, gap, length in gaps_and_lengths:
        begins = start + gap * QUARTER
        start = begins + length * QUARTER
        yield member, begins, start


def laid_down(zone, shifts, absences, closures, appointments, buffer, minutes):
    place = make.facility(time_zone=zone)
    team = [make.staff(at=place, display_name=name, user=None) for name in ("A", "B")]
    program = make.program(at=place, staff=team, buffer_minutes=buffer, default_minutes=minutes)
    for (member, weekday), many in shifts.items():
        for begins, ends in many:
            make.shift(staff=team[member], at=place, weekday=weekday, starts=begins, ends=ends)
    for member, day in absences:
        make.time_off(staff=team[member], first_day=day)
    for day in closures:
        make.closure(at=place, date=day)
    for member, begins, ends in appointments:
        row(staff=team[member], program=program, starts_at=begins, ends_at=ends)
    return program, team


def row(*, staff, program, starts_at, ends_at, **fields):
    """An appointment that is simply there, whatever the rules say."""
    return Appointment.objects.create(
        **{
            "customer": make.customer(),
            "staff": staff,
            "program": program,
            "facility": program.facility,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "placed_at": NOW,
            **fields,
        }
    )


# --------------------------------------------------------------------------------------------------- a small clinic


@pytest.fixture
def place():
    facility = make.facility()
    staff = make.staff(at=facility, display_name="Dana")
    make.week(staff=staff, at=facility)
    return facility, staff, make.program(at=facility, staff=staff, default_minutes=30)


def times(program, day=TODAY, now=LONG_AGO, **options):
    found = open_times(program=program, first_day=day, last_day=day, now=now, **options)
    zone = program.facility.zone
    return [f"{one.starts_at.astimezone(zone):%H:%M}" for one in found]


def hours(first, last):
    """Quarter hours from the first up to and with the last."""
    start, end = (datetime.strptime(text, "%H:%M") for text in (first, last))  # noqa: DTZ007 - wall times
    return [f"{start + n * QUARTER:%H:%M}" for n in range((end - start) // QUARTER + 1)]


def test_a_customer_can_book_exactly_the_open_times(place):
    """Every quarter hour of a day is tried: what is offered is accepted, what is not offered is refused."""
    facility, staff, program = place
    program.allows_public_booking, program.buffer_minutes = True, 15
    program.save()
    row(staff=staff, program=program, starts_at=at(TODAY, 11), ends_at=at(TODAY, 11, 45))
    row(staff=staff, program=program, starts_at=at(TODAY, 14, 15), ends_at=at(TODAY, 15), status="completed")
    make.time_off(staff=staff, starts=time(12, 30), ends=time(13), decided_at=NOW, decided_by=staff.user)
    customer = make.customer()
    accepted = [slot for n in range(96) if books(place, customer, slot := at(TODAY, 0) + n * QUARTER)]
    found = open_times(program=program, first_day=TODAY, last_day=TODAY, now=NOW)
    assert [one.starts_at for one in found] == accepted
    assert len(accepted) > 10


def books(place, customer, slot):
    _, staff, program = place
    try:
        with transaction.atomic():
            booking.book(
                customer=customer, staff=staff, program=program, starts_at=slot, minutes=30, by=None, now=NOW
            )
            transaction.set_rollback(True)
    except booking.BookingRefused:
        return False
    return True


def test_open_times_leave_room_for_the_whole_length(place):
    _, _, program = place
    assert times(program) == hours("09:00", "16:30")
    assert times(program, minutes=120) == hours("09:00", "15:00")
    assert times(program, minutes=480) == ["09:00"]
    assert times(program, minutes=495) == []


def test_past_starts_are_not_open(place):
    _, _, program = place
    assert times(program, now=at(TODAY, 15)) == hours("15:00", "16:30")
    assert times(program, now=at(TODAY, 15) + timedelta(seconds=1)) == hours("15:15", "16:30")
    assert times(program, now=at(TODAY + DAY, 0)) == []


def test_a_night_shift_is_open_on_both_days_and_across_midnight(place):
    facility, _, program = place
    night = make.staff(at=facility)
    program.staff.add(night)
    make.shift(staff=night, at=facility, weekday=0, starts=time(23), ends=time(1))
    assert times(program, staff=night) == hours("23:00", "23:45")
    assert times(program, TODAY + DAY, staff=night) == hours("00:00", "00:30")
    assert times(program, staff=night, minutes=120) == ["23:00"]


def test_appointments_elsewhere_and_of_other_programs_take_time(place):
    _, staff, program = place
    elsewhere = make.facility(time_zone="America/Los_Angeles")
    other = make.program(at=elsewhere, staff=staff)
    row(staff=staff, program=other, starts_at=at(TODAY, 9), ends_at=at(TODAY, 16))
    assert times(program) == hours("16:00", "16:30")


def test_cancelled_appointments_take_none_and_the_one_that_moves_is_ignored(place):
    _, staff, program = place
    row(
        staff=staff, program=program, starts_at=at(TODAY, 9), ends_at=at(TODAY, 12), status="cancelled",
        cancelled_at=NOW,
    )  # fmt: skip
    moving = row(staff=staff, program=program, starts_at=at(TODAY, 13), ends_at=at(TODAY, 16))
    assert times(program) == hours("09:00", "12:30") + hours("16:00", "16:30")
    assert times(program, ignoring=moving) == hours("09:00", "16:30")


def test_an_appointment_off_the_quarter_hour_takes_all_it_touches(place):
    _, staff, program = place
    row(staff=staff, program=program, starts_at=at(TODAY, 9, 20), ends_at=at(TODAY, 16, 10))
    assert times(program) == ["16:15", "16:30"]


def test_the_buffer_is_kept_on_both_sides(place):
    _, staff, program = place
    program.buffer_minutes = 30
    row(staff=staff, program=program, starts_at=at(TODAY, 12), ends_at=at(TODAY, 13))
    assert times(program) == hours("09:00", "11:00") + hours("13:30", "16:30")


def test_a_long_appointment_of_the_day_before_and_one_after_the_last_day_count(place):
    facility, _, program = place
    always = make.staff(at=facility)
    program.staff.add(always)
    make.week(staff=always, at=facility, starts=time(0), ends=time(0))
    row(staff=always, program=program, starts_at=at(TODAY - DAY, 12), ends_at=at(TODAY, 12))
    row(staff=always, program=program, starts_at=at(TODAY + DAY, 11), ends_at=at(TODAY + DAY, 11, 15))
    assert times(program, staff=always, minutes=23 * 60) == ["12:00"]
    assert times(program, staff=always, minutes=22 * 60 + 45) == ["12:00", "12:15"]


def test_open_times_are_ordered_by_time_and_then_by_name(place):
    facility, _, program = place
    early = make.staff(at=facility, display_name="Avi")
    program.lead_staff = early
    program.save()
    make.extra_shift(staff=early, at=facility, starts=time(9), ends=time(10))
    found = open_times(program=program, first_day=TODAY, last_day=TODAY, now=LONG_AGO)
    assert starts(found)[:6] == [
        ("Avi", at(TODAY, 9)),
        ("Dana", at(TODAY, 9)),
        ("Avi", at(TODAY, 9, 15)),
        ("Dana", at(TODAY, 9, 15)),
        ("Avi", at(TODAY, 9, 30)),
        ("Dana", at(TODAY, 9, 30)),
    ]


def test_those_who_serve_a_program_are_its_active_staff_and_its_lead_at_its_facility(place):
    facility, dana, program = place
    elsewhere = make.facility()
    lead = make.staff(at=facility, display_name="Lead")
    others = [
        make.staff(at=facility, display_name="Left", is_active=False),
        make.staff(at=facility, display_name="Desk", takes_appointments=False),
        make.staff(at=elsewhere, display_name="Elsewhere"),
    ]
    make.staff(at=facility, display_name="Other program")
    program.staff.add(*others, lead)
    program.lead_staff = lead
    program.save()
    assert serving(program) == [dana, lead]


@pytest.mark.parametrize("field", ["is_active", "takes_appointments"])
def test_nobody_can_be_booked_with_one_who_takes_no_appointments(place, field):
    _, staff, program = place
    setattr(staff, field, False)
    staff.save()
    assert times(program, staff=staff) == []


def test_a_date_that_never_was_has_no_open_times():
    facility = make.facility(time_zone="Pacific/Apia")
    staff = make.staff(at=facility)
    make.week(staff=staff, at=facility, starts=time(0), ends=time(0), valid_from=date(2011, 1, 1))
    program = make.program(at=facility, staff=staff)
    assert times(program, date(2011, 12, 30), now=utc(2011, 1, 1)) == []
    assert len(times(program, date(2011, 12, 31), now=utc(2011, 1, 1))) == 96


def test_no_days_and_no_staff_give_no_times(place):
    facility, _, program = place
    assert open_times(program=program, first_day=TODAY, last_day=TODAY - DAY, now=NOW) == []
    assert times(make.program(at=facility)) == []


@pytest.mark.parametrize("count", [1, 30])
def test_open_times_take_three_queries_for_any_number_of_people(count):
    facility = make.facility()
    team = [make.staff(at=facility) for _ in range(count)]
    program = make.program(at=facility, staff=team)
    for member in team:
        make.week(staff=member, at=facility)
        row(staff=member, program=program, starts_at=at(TODAY, 9), ends_at=at(TODAY, 10))
    with CaptureQueriesContext(connection) as queries:
        found = open_times(program=program, first_day=TODAY, last_day=TODAY + 29 * DAY, now=LONG_AGO)
    assert (len(queries), len(found)) == (3, count * (30 * 31 - 4))


def test_open_times_of_one_person_take_two_queries(place):
    _, staff, program = place
    with CaptureQueriesContext(connection) as queries:
        open_times(program=program, first_day=TODAY, last_day=TODAY, staff=staff, now=LONG_AGO)
    assert len(queries) == 2


# ------------------------------------------------------------------------------------- taking away before making


@pytest.fixture
def openings(place):
    """Dana and Eve from 9:00 to 17:00 on three days, half an hour each."""
    facility, dana, program = place
    eve = make.staff(at=facility, display_name="Eve")
    make.week(staff=eve, at=facility)
    return openings_of(
        staff=[dana, eve], program=program, first_day=TODAY, last_day=TODAY + 2 * DAY, now=LONG_AGO
    )


def gone(before, after):
    return sorted(set(starts(before.times())) - set(starts(after.times())), key=lambda each: each[::-1])


def test_openings_clear_of_a_period_lose_what_would_meet_it(openings):
    period = (at(TODAY, 12, 5), at(TODAY, 12, 40))
    assert gone(openings, openings.clear_of([period])) == [
        (name, at(TODAY, hour, minute))
        for hour, minute in ((11, 45), (12, 0), (12, 15), (12, 30))
        for name in ("Dana", "Eve")
    ]


def test_openings_on_some_days_are_those_that_start_there(openings):
    kept = openings.on([TODAY, TODAY + 2 * DAY], "America/New_York").times()
    assert {one.starts_at.date() for one in kept} == {TODAY, TODAY + 2 * DAY}
    assert len(kept) == 2 * 2 * 31


def test_openings_besides_one_start_of_one_person_keep_all_others(openings):
    dana = openings.starts[0][0]
    assert gone(openings, openings.besides(dana.pk, at(TODAY, 12))) == [("Dana", at(TODAY, 12))]


def test_anyones_openings_count_each_start_once(openings):
    assert openings.anyones().bit_count() == 3 * 31


def test_nobody_has_no_openings(place):
    none = openings_of(staff=[], program=place[2], first_day=TODAY, last_day=TODAY, now=LONG_AGO)
    assert (none.times(), none.anyones()) == ([], 0)
    assert none.besides(1, at(TODAY, 12)).clear_of([]).on([TODAY], "America/New_York").times() == []
