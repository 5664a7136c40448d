from datetime import date, time, timedelta

import pytest

from appointments.models import Appointment
from scheduling import booking, staffing, suggestions
from scheduling.staffing.time_off import Away
from tests import factories as make
from tests.factories import NOW, TODAY, at

pytestmark = pytest.mark.django_db
TUESDAY, WEDNESDAY = date(2026, 11, 24), date(2026, 11, 25)


class House:
    """One facility, one program; `away` is the person whose appointments are stranded on Tuesday."""

    def __init__(self, **program):
        self.facility = make.facility(name=program.pop("facility_name", "Northside"))
        self.away = self.person("Dana Reyes")
        self.program = make.program(at=self.facility, staff=self.away, **program)

    def person(self, name, days=range(7), **shift):
        member = make.staff(at=self.facility, display_name=name)
        make.week(staff=member, at=self.facility, days=days, **shift)
        return member

    def colleague(self, name, **shift):
        member = self.person(name, **shift)
        self.program.staff.add(member)
        return member

    def book(self, day=TUESDAY, hour=10, minute=0, staff=None, **fields):
        return make.appointment(
            staff=staff or self.away, program=self.program, starts_at=at(day, hour, minute), **fields
        )

    def take_tuesday_off(self, starts=None, ends=None):
        staffing.enter_time_off(
            staff=self.away,
            away=Away(TUESDAY, TUESDAY, starts, ends),
            reason="Leave",
            by=self.away.user,
            now=NOW,
        )

    def options(self, *appointments):
        found = Appointment.objects.filter(pk__in=[a.pk for a in appointments] or Appointment.objects.all())
        waiting = found.select_related("customer", "staff", "facility", "program__facility")
        return suggestions.suggest(appointments=list(waiting), now=NOW)


@pytest.fixture
def house():
    return House()


def names(options):
    return [str(member) for member in options.colleagues]


def times(options):
    return [offer.starts_at for offer in options.times]


def test_colleagues_are_those_of_the_program_who_are_free_and_at_work_then(house):
    made = house.book()
    house.colleague("Free")
    house.person("Not in the program")
    house.colleague("Off duty", starts=time(12), ends=time(20))
    house.book(staff=house.colleague("Busy"), customer=make.customer())
    left = house.colleague("Left")
    left.is_active = False
    left.save()
    moved = house.colleague("Moved away")
    moved.facilities.clear()
    leading = house.person("Leading")
    house.program.lead_staff = leading
    house.program.save()
    make.time_off(staff=house.colleague("On leave"), first_day=TUESDAY)
    house.take_tuesday_off()
    assert names(house.options(made)[0]) == ["Free", "Leading"]


def test_colleagues_with_the_least_booked_that_day_come_first(house):
    made = house.book()
    long, short, other_day = (house.colleague(name) for name in ("A long", "B short", "C other day"))
    house.book(hour=13, staff=long, minutes=60)
    house.book(hour=13, staff=short, minutes=15)
    house.book(day=WEDNESDAY, hour=13, staff=other_day, minutes=120)
    house.take_tuesday_off()
    assert names(house.options(made)[0]) == ["C other day", "B short", "A long"]


def test_buffer_is_kept_free_around_colleagues_appointments():
    house = House(buffer_minutes=15)
    made = house.book()
    house.book(hour=10, minute=30, staff=house.colleague("Too close"))
    house.book(hour=10, minute=45, staff=house.colleague("Far enough"))
    house.take_tuesday_off()
    assert names(house.options(made)[0]) == ["Far enough"]


def test_own_times_are_one_a_day_nearest_to_the_time_of_day(house):
    made = house.book()
    house.book(day=WEDNESDAY, hour=9, minute=30, minutes=60)
    house.take_tuesday_off()
    assert times(house.options(made)[0]) == [
        at(WEDNESDAY, 10, 30),
        at(TODAY, 10),
        at(date(2026, 11, 26), 10),
    ]


def test_own_times_use_what_is_left_of_the_day_and_nothing_past(house):
    morning, early = house.book(), house.book(hour=9, minute=15)
    house.take_tuesday_off(time(9), time(12, 15))
    later = NOW + timedelta(hours=3)
    found = suggestions.suggest(appointments=[morning, early], now=later)
    assert times(found[0])[0] == at(TUESDAY, 12, 15)
    assert times(found[1]) == [at(TUESDAY, 12, 15), at(WEDNESDAY, 9, 15), at(TODAY, 12)]


def test_own_times_avoid_the_customers_other_appointments_and_the_cool_down():
    house = House(cool_down_days=2)
    customer = make.customer()
    made = house.book(customer=customer)
    house.book(day=date(2026, 11, 27), customer=customer)
    elsewhere = House(facility_name="Harbor House")
    elsewhere.book(day=WEDNESDAY, hour=10, customer=customer)
    elsewhere.book(day=TODAY, hour=10, customer=customer, minutes=45)
    house.take_tuesday_off()
    assert times(house.options(made)[0]) == [
        at(WEDNESDAY, 9, 30),
        at(TODAY, 9, 30),
        at(date(2026, 11, 29), 10),
    ]


def test_every_suggestion_can_really_be_taken(house):
    house.colleague("Free")
    customer = make.customer()
    made = [
        house.book(customer=customer),
        house.book(hour=11, minute=30, minutes=90),
        house.book(hour=16, minute=30),
    ]
    house.take_tuesday_off()
    for options in house.options(*made):
        assert len(options.times) == 3
        for offer in options.times:
            booking.reschedule(
                appointment=options.appointment, starts_at=offer.starts_at, by=house.away.user, now=NOW
            )
            assert options.appointment.status == "scheduled"


def test_own_times_cross_the_fall_clock_change_at_the_same_time_of_day():
    house = House()
    saturday = date(2027, 11, 6)
    made = house.book(day=saturday)
    make.closure(at=house.facility, date=saturday)
    found = house.options(made)[0]
    assert times(found) == [at(date(2027, 11, 7), 10), at(date(2027, 11, 5), 10), at(date(2027, 11, 8), 10)]
    assert times(found)[0] - made.starts_at == timedelta(hours=25)


def test_why_says_what_took_the_hours(house):
    made = house.book()
    make.time_off(staff=house.away, first_day=TUESDAY, starts=time(9), ends=time(11), reason="Training")
    assert house.options(made)[0].why == "Dana Reyes is off: Training"
    make.closure(at=house.facility, date=TUESDAY, reason="")
    assert house.options(made)[0].why == "Northside is closed"
    house.facility.closures.all().delete()
    house.away.time_off.all().delete()
    house.away.shifts.update(starts=time(12))
    assert house.options(made)[0].why == "Outside Dana Reyes's hours"
    house.away.shifts.all().delete()
    assert house.options(made)[0].why == "Dana Reyes does not work that day"
    house.away.is_active = False
    house.away.save()
    options = house.options(made)[0]
    assert (options.why, options.times) == ("Dana Reyes has left", [])


def test_appointments_that_have_begun_get_no_suggestions(house):
    house.colleague("Free")
    made = house.book()
    options = suggestions.suggest(appointments=[made], now=made.starts_at)[0]
    assert (options.colleagues, options.times, options.why) == ([], [], "")


@pytest.mark.parametrize("count", [1, 30])
def test_suggestions_take_a_fixed_number_of_queries(house, count, django_assert_num_queries):
    for number in range(count // 3 + 1):
        house.colleague(f"Colleague {number}")
    programs = [
        house.program,
        *(make.program(at=house.facility, staff=house.away) for _ in range(count // 5)),
    ]
    made = [
        make.appointment(
            staff=house.away,
            program=programs[number % len(programs)],
            starts_at=at(TUESDAY + timedelta(days=number * 5), 10),
        )
        for number in range(count)
    ]
    found = Appointment.objects.filter(pk__in=[a.pk for a in made])
    rows = list(found.select_related("customer", "staff", "facility", "program__facility"))
    with django_assert_num_queries(6):
        options = suggestions.suggest(appointments=rows, now=NOW)
    assert len([one for one in options if one.times]) == count


def give(house, *appointments):
    chosen = [(appointment, appointment.version) for appointment in appointments]
    return suggestions.reassign_to_best(chosen=chosen, by=house.away.user, now=NOW)


def outcome(one):
    return (one.staff.display_name if one.staff else None, one.problem)


def test_bulk_spreads_over_colleagues_and_tells_each_result(house):
    house.colleague("Ana")
    house.colleague("Ben")
    first, second, third = house.book(hour=10), house.book(hour=11), house.book(hour=12)
    unhelped = house.book(hour=16, minute=45, overrides={"outside_hours"})
    house.take_tuesday_off()
    for appointment in (first, second, third, unhelped):
        appointment.refresh_from_db()
    outcomes = give(house, first, second, third, unhelped)
    assert [outcome(one) for one in outcomes] == [
        ("Ana", ""),
        ("Ben", ""),
        ("Ana", ""),
        (None, "Nobody else of the program is free at this time. Choose another time."),
    ]
    statuses = Appointment.objects.order_by("starts_at").values_list("status", flat=True)
    assert list(statuses) == ["scheduled"] * 3 + ["pending_reassignment"]


def test_bulk_counts_with_what_it_has_just_given(house):
    """Ana takes one of two at the same time, and who gave it away is free for the other."""
    house.colleague("Ana")
    omar = house.colleague("Omar")
    first, second = house.book(), house.book(staff=omar)
    assert [outcome(one)[0] for one in give(house, first, second)] == ["Ana", "Dana Reyes"]


def test_bulk_leaves_alone_what_changed_meanwhile(house):
    house.colleague("Ana")
    made = house.book()
    seen = made.version
    booking.edit_notes(appointment=made, by=house.away.user, now=NOW, public_note="Bring your card")
    outcomes = suggestions.reassign_to_best(chosen=[(made, seen)], by=house.away.user, now=NOW)
    assert outcome(outcomes[0]) == (None, "Someone changed it in the meantime. Look at it again.")
    made.refresh_from_db()
    assert made.staff == house.away


def test_reassigning_keeps_a_cool_down_that_was_set_aside():
    house = House(cool_down_days=7)
    house.colleague("Ana")
    customer = make.customer()
    house.book(day=WEDNESDAY, customer=customer)
    made = house.book(customer=customer, overrides={"cool_down"})
    house.take_tuesday_off()
    made.refresh_from_db()
    assert outcome(give(house, made)[0]) == ("Ana", "")
