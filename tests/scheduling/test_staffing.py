from datetime import date, time, timedelta

import pytest

from appointments.models import Appointment, AppointmentEvent
from scheduling import booking, staffing
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from scheduling.staffing import HoursRefused, PlannedShift
from scheduling.staffing.changing import key_of
from scheduling.staffing.time_off import Away
from tests import factories as make
from tests.factories import NOW, TODAY, at
from tests.together import at_once

pytestmark = pytest.mark.django_db
Status = Appointment.Status
TUESDAY, WEDNESDAY, NEXT_MONDAY = date(2026, 11, 24), date(2026, 11, 25), date(2026, 11, 30)


@pytest.fixture
def place():
    facility = make.facility(name="Northside")
    staff = make.staff(at=facility, display_name="Dana Reyes")
    make.week(staff=staff, at=facility, days=range(5))
    return facility, staff, make.program(at=facility, staff=staff)


@pytest.fixture
def manager(place):
    return make.staff(at=place[0], role="manager").user


def week(days=range(5), starts=time(9), ends=time(17)):
    return [PlannedShift(day, starts, ends) for day in days]


def set_week(place, by, shifts, first_day=TODAY, **options):
    facility, staff, _ = place
    return staffing.set_week(
        staff=staff, facility=facility, shifts=shifts, first_day=first_day, by=by, now=NOW, **options
    )


def book(place, day, hour, minute=0, **fields):
    facility, staff, program = place
    zone = facility.time_zone
    return make.appointment(staff=staff, program=program, starts_at=at(day, hour, minute, zone), **fields)


def statuses(*appointments):
    found = dict(Appointment.objects.values_list("pk", "status"))
    return [found[appointment.pk] for appointment in appointments]


def plan(place, day=TODAY):
    facility, staff, _ = place
    found = Shift.objects.filter(staff=staff, facility=facility)
    return [
        (version.first_day, version.until, [str(shift) for shift in version.shifts])
        for version in staffing.versions(found, day=day)
    ]


NINE_TO_FIVE = [f"{day} 9:00 AM–5:00 PM" for day in ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")]
MORNINGS = [f"{day} 9:00 AM–12:00 PM" for day in ("Monday", "Tuesday")]


def test_new_week_takes_over_on_its_date_and_strands_exactly_what_no_longer_fits(place, manager):
    before = book(place, date(2026, 11, 27), 15)
    morning, afternoon = book(place, NEXT_MONDAY, 10), book(place, NEXT_MONDAY, 14)
    across = book(place, NEXT_MONDAY, 11, 45)
    review = set_week(place, manager, week(range(2), ends=time(12)), NEXT_MONDAY)
    assert [a.pk for a in review.stranded] == [afternoon.pk, across.pk]
    assert statuses(before, morning, afternoon, across) == [
        "scheduled",
        "scheduled",
        "pending_reassignment",
        "pending_reassignment",
    ]
    assert plan(place) == [(TODAY, NEXT_MONDAY, NINE_TO_FIVE), (NEXT_MONDAY, None, MORNINGS)]
    event = afternoon.events.last()
    assert (event.kind, event.by, event.before, event.after) == (
        "stranded",
        manager,
        {"status": "scheduled"},
        {"status": "pending_reassignment"},
    )


def test_hours_that_come_back_restore_what_they_stranded(place, manager):
    afternoon = book(place, NEXT_MONDAY, 14)
    set_week(place, manager, [])
    assert statuses(afternoon) == ["pending_reassignment"]
    review = set_week(place, manager, week())
    assert [a.pk for a in review.restored] == [afternoon.pk]
    assert statuses(afternoon) == ["scheduled"]
    assert [event.kind for event in afternoon.events.all()] == ["booked", "stranded", "restored"]


def test_same_week_again_writes_nothing(place, manager):
    rows = list(Shift.objects.order_by("pk").values())
    set_week(place, manager, week(), NEXT_MONDAY)
    assert list(Shift.objects.order_by("pk").values()) == rows


def test_week_for_a_while_lets_the_old_one_resume(place, manager):
    during, after = book(place, date(2026, 12, 4), 10), book(place, date(2026, 12, 11), 10)
    set_week(place, manager, week(range(4)), NEXT_MONDAY, last_day=date(2026, 12, 6))
    assert statuses(during, after) == ["pending_reassignment", "scheduled"]
    assert plan(place) == [
        (TODAY, NEXT_MONDAY, NINE_TO_FIVE),
        (NEXT_MONDAY, date(2026, 12, 7), NINE_TO_FIVE[:4]),
        (date(2026, 12, 7), None, NINE_TO_FIVE),
    ]


def test_week_for_a_while_inside_hours_that_end_keeps_their_end(place, manager):
    march = date(2027, 3, 1)
    Shift.objects.update(valid_until=march)
    set_week(place, manager, week(range(4)), NEXT_MONDAY, last_day=date(2026, 12, 6))
    assert plan(place) == [
        (TODAY, NEXT_MONDAY, NINE_TO_FIVE),
        (NEXT_MONDAY, date(2026, 12, 7), NINE_TO_FIVE[:4]),
        (date(2026, 12, 7), march, NINE_TO_FIVE),
        (march, None, []),
    ]


def test_later_versions_stay_unless_they_are_to_be_replaced(place, manager):
    january = date(2027, 1, 4)
    set_week(place, manager, week(range(2), ends=time(12)), january)
    set_week(place, manager, week(range(3)), NEXT_MONDAY)
    assert [version[:2] for version in plan(place)] == [
        (TODAY, NEXT_MONDAY),
        (NEXT_MONDAY, january),
        (january, None),
    ]
    set_week(place, manager, week(range(2)), NEXT_MONDAY, replaces_later=True)
    assert plan(place)[1:] == [(NEXT_MONDAY, None, NINE_TO_FIVE[:2])]


def test_week_leaves_other_facilities_and_people_alone(place, manager):
    other = make.facility()
    place[1].facilities.add(other)
    make.shift(staff=place[1], at=other, weekday=5)
    colleague = make.staff(at=place[0])
    make.shift(staff=colleague, at=place[0])
    rows = Shift.objects.exclude(staff=place[1], facility=place[0])
    before = list(rows.values())
    set_week(place, manager, [], replaces_later=True)
    assert list(rows.values()) == before


def test_split_shifts_strand_what_lies_in_the_break(place, manager):
    inside, lunch, across = (
        book(place, TUESDAY, 9),
        book(place, TUESDAY, 12, 15),
        book(place, TUESDAY, 12, 45, minutes=30),
    )
    set_week(
        place, manager, [PlannedShift(1, time(9), time(12)), PlannedShift(1, time(13), time(17))], TUESDAY
    )
    assert statuses(inside, lunch, across) == ["scheduled", "pending_reassignment", "pending_reassignment"]


def test_shift_over_midnight_ends_on_the_next_day(place, manager):
    night = PlannedShift(4, time(22), time(6))
    set_week(place, manager, [night])
    late = book(place, date(2026, 11, 28), 5)
    review = set_week(place, manager, [night._replace(ends=time(5))])
    assert [a.pk for a in review.stranded] == [late.pk]
    assert (night.ends_next_day, str(night)) == (True, "Friday 10:00 PM–6:00 AM the next day")


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (time(3), ["scheduled", "scheduled"]),
        (time(2), ["scheduled", "pending_reassignment"]),
        (time(1, 30), ["pending_reassignment", "pending_reassignment"]),
    ],
)
def test_hours_around_the_fall_clock_change_are_judged_in_real_time(place, manager, ends, expected):
    """On November 7, 2027 clocks in New York show 1:00 to 2:00 twice."""
    sunday = date(2027, 11, 7)
    set_week(place, manager, [PlannedShift(6, time(0), time(4))])
    second_reading = at(sunday, 1) + timedelta(minutes=75)
    repeated = make.appointment(staff=place[1], program=place[2], starts_at=second_reading, minutes=30)
    later = book(place, sunday, 2, 30)
    set_week(place, manager, [PlannedShift(6, time(0), ends)])
    assert statuses(repeated, later) == expected


def test_preview_tells_the_effect_and_changes_nothing(place, manager):
    afternoon = book(place, NEXT_MONDAY, 14)
    rows = list(Shift.objects.order_by("pk").values())
    events = AppointmentEvent.objects.count()
    review = set_week(place, manager, [], preview=True)
    assert [a.pk for a in review.stranded] == [afternoon.pk]
    assert list(Shift.objects.order_by("pk").values()) == rows
    assert (statuses(afternoon), AppointmentEvent.objects.count()) == (["scheduled"], events)


def test_change_needs_agreement_to_exactly_what_it_strands(place, manager):
    first = book(place, NEXT_MONDAY, 14)
    shown = set_week(place, manager, [], preview=True)
    second = book(place, NEXT_MONDAY, 15)
    for agreed in ("", key_of(shown)):
        with pytest.raises(staffing.WouldStrand) as refused:
            set_week(place, manager, [], agreed=agreed)
        assert [a.pk for a in refused.value.review.stranded] == [first.pk, second.pk]
        assert statuses(first, second) == ["scheduled", "scheduled"]
        assert plan(place) == [(TODAY, None, NINE_TO_FIVE)]
    set_week(place, manager, [], agreed=key_of(refused.value.review))
    assert statuses(first, second) == ["pending_reassignment", "pending_reassignment"]


def test_stale_week_is_refused(place, manager):
    known = staffing.fingerprint(staff=place[1], facility=place[0])
    set_week(place, manager, week(range(4)), known=known)
    with pytest.raises(staffing.StaleHours):
        set_week(place, manager, week(range(3)), known=known)
    assert plan(place) == [(TODAY, None, NINE_TO_FIVE[:4])]


@pytest.mark.parametrize(
    ("shifts", "message"),
    [
        (
            [PlannedShift(0, time(9), time(9))],
            "It ends when it starts. For a whole day enter 12:00 AM–12:00 PM and 12:00 PM–12:00 AM.",
        ),
        (
            [PlannedShift(0, time(9, 10), time(17))],
            "Hours go by quarter hours: :00, :15, :30 or :45.",
        ),
        (
            [PlannedShift(0, time(9), time(13)), PlannedShift(0, time(12, 45), time(17))],
            "Monday 9:00 AM–1:00 PM and Monday 12:45 PM–5:00 PM overlap.",
        ),
        (
            [PlannedShift(6, time(22), time(6)), PlannedShift(0, time(5), time(9))],
            "Sunday 10:00 PM–6:00 AM the next day and Monday 5:00 AM–9:00 AM overlap.",
        ),
        (week([0]) + week([0]), "Monday 9:00 AM–5:00 PM and Monday 9:00 AM–5:00 PM overlap."),
    ],
)
def test_impossible_week_is_refused(place, manager, shifts, message):
    with pytest.raises(HoursRefused) as refused:
        set_week(place, manager, shifts)
    assert (refused.value.message, refused.value.field) == (message, "shifts")
    assert plan(place) == [(TODAY, None, NINE_TO_FIVE)]


def test_touching_shifts_are_allowed(place, manager):
    set_week(place, manager, [PlannedShift(0, time(9), time(12)), PlannedShift(0, time(12), time(17))])
    set_week(place, manager, [PlannedShift(6, time(22), time(6)), PlannedShift(0, time(6), time(9))])


def test_week_in_the_past_and_reversed_dates_are_refused(place, manager):
    with pytest.raises(HoursRefused) as past:
        set_week(place, manager, [], date(2026, 11, 22))
    with pytest.raises(HoursRefused) as reversed_:
        set_week(place, manager, [], NEXT_MONDAY, last_day=TUESDAY)
    assert (past.value.field, reversed_.value.field) == ("first_day", "last_day")
    assert past.value.message == (
        "This lies in the past, where hours stay as they were. Enter Mon, Nov 23 or later."
    )


def test_week_of_somebody_who_does_not_belong_is_refused(place, manager):
    stranger = make.staff(at=make.facility(), display_name="Ada Elsewhere")
    with pytest.raises(HoursRefused) as refused:
        set_week((place[0], stranger, None), manager, week())
    assert refused.value.message == "Ada Elsewhere does not belong to Northside."


def test_nobody_works_at_two_facilities_at_once_in_real_time(place, manager):
    facility, staff, _ = place
    chicago = make.facility(name="Lakeside", time_zone="America/Chicago")
    staff.facilities.add(chicago)
    with pytest.raises(HoursRefused) as refused:
        set_week((chicago, staff, None), manager, [PlannedShift(0, time(15, 45), time(20))])
    assert refused.value.message == (
        "Dana Reyes works at Northside then (Mon, Nov 23, 8:00 AM–4:00 PM CST). Change one of the two."
    )
    assert refused.value.facility == facility
    set_week((chicago, staff, None), manager, [PlannedShift(0, time(16), time(20))])
    assert Shift.objects.filter(facility=chicago).count() == 1


def test_clash_that_only_summer_brings_is_found(place, manager):
    """Phoenix has no summer time: it is two hours behind New York in winter, three in summer."""
    _, staff, _ = place
    phoenix = make.facility(time_zone="America/Phoenix")
    staff.facilities.add(phoenix)
    with pytest.raises(HoursRefused) as refused:
        set_week((phoenix, staff, None), manager, [PlannedShift(0, time(4), time(6, 30))])
    assert refused.value.message.endswith(
        "works at Northside then (Mon, Mar 15, 6:00 AM–2:00 PM MST). Change one of the two."
    )


def test_week_strands_only_at_its_own_facility(place, manager):
    facility, staff, _ = place
    other = make.facility(time_zone="America/Chicago")
    staff.facilities.add(other)
    make.shift(staff=staff, at=other, weekday=5)
    there = book((other, staff, make.program(at=other, staff=staff)), date(2026, 11, 28), 10)
    here = book(place, TUESDAY, 10)
    set_week(place, manager, [])
    assert statuses(here, there) == ["pending_reassignment", "scheduled"]


def test_appointment_outside_hours_on_purpose_holds_while_the_day_is_worked(place, manager):
    evening = book(place, TUESDAY, 19, overrides={"outside_hours"})
    set_week(place, manager, week(range(5), ends=time(12)))
    assert statuses(evening) == ["scheduled"]
    set_week(place, manager, week([0, 2]))
    assert statuses(evening) == ["pending_reassignment"]


# Extra shifts


def add_extra(place, by, day, starts=time(9), ends=time(17), **options):
    return staffing.add_extra_shift(
        staff=place[1], facility=place[0], day=day, starts=starts, ends=ends, by=by, now=NOW, **options
    )


def test_extra_shift_restores_and_its_removal_strands(place, manager):
    saturday = date(2026, 11, 28)
    add_extra(place, manager, saturday)
    made = book(place, saturday, 10)
    shift = ExtraShift.objects.get()
    with pytest.raises(staffing.WouldStrand):
        staffing.remove_extra_shift(shift=shift, by=manager, now=NOW, agreed="")
    staffing.remove_extra_shift(shift=shift, by=manager, now=NOW)
    assert statuses(made) == ["pending_reassignment"]
    with pytest.raises(HoursRefused) as gone:
        staffing.remove_extra_shift(shift=shift, by=manager, now=NOW)
    assert gone.value.message == "Someone already removed this shift."
    assert [a.pk for a in add_extra(place, manager, saturday, time(9), time(12)).restored] == [made.pk]


def test_extra_shift_refuses_what_makes_no_sense(place, manager):
    facility, staff, _ = place
    make.closure(at=facility, date=date(2026, 11, 28))
    elsewhere = make.facility(name="Harbor House")
    staff.facilities.add(elsewhere)
    refusals = {}
    for name, where, args in [
        ("past", facility, (date(2026, 11, 22),)),
        ("same", facility, (date(2026, 11, 29), time(9), time(9))),
        ("odd", facility, (date(2026, 11, 29), time(9), time(17, 5))),
        ("closed", facility, (date(2026, 11, 28),)),
        ("working", facility, (TUESDAY, time(16), time(20))),
        ("elsewhere", elsewhere, (TUESDAY, time(16), time(20))),
    ]:
        with pytest.raises(HoursRefused) as refused:
            add_extra((where, staff, None), manager, *args)
        refusals[name] = (refused.value.field, refused.value.message)
    assert refusals == {
        "past": ("date", "This lies in the past, where hours stay as they were. Enter Mon, Nov 23 or later."),
        "same": (
            "ends",
            "It ends when it starts. For a whole day enter 12:00 AM–12:00 PM and 12:00 PM–12:00 AM.",
        ),
        "odd": ("ends", "Hours go by quarter hours: :00, :15, :30 or :45."),
        "closed": ("date", "Northside is closed on Sat, Nov 28. Reopen it first."),
        "working": (
            "starts",
            "Dana Reyes already works Tue, Nov 24, 9:00 AM–5:00 PM. Enter only what comes on top.",
        ),
        "elsewhere": (
            "starts",
            "Dana Reyes works at Northside then (Tue, Nov 24, 9:00 AM–5:00 PM). Change one of the two.",
        ),
    }
    assert ExtraShift.objects.count() == 0


# Time off


def enter(place, by, first_day, last_day=None, starts=None, ends=None, **options):
    away = Away(first_day, last_day or first_day, starts, ends)
    return staffing.enter_time_off(staff=place[1], away=away, reason="Leave", by=by, now=NOW, **options)


def test_asking_changes_no_hours_until_approved(place, manager):
    made = book(place, TUESDAY, 10)
    asked = staffing.ask_time_off(
        staff=place[1], away=Away(TUESDAY, TUESDAY), reason="Family", by=place[1].user, now=NOW
    )
    assert (asked.state, asked.requested_by, asked.decided_by, statuses(made)) == (
        "requested",
        place[1].user,
        None,
        ["scheduled"],
    )
    review = staffing.approve(time_off=asked, by=manager, now=NOW)
    asked.refresh_from_db()
    assert (asked.state, asked.decided_by, asked.decided_at) == ("approved", manager, NOW)
    assert ([a.pk for a in review.stranded], statuses(made)) == ([made.pk], ["pending_reassignment"])
    with pytest.raises(HoursRefused) as twice:
        staffing.decline(time_off=asked, answer="No", by=manager, now=NOW)
    assert twice.value.message == "This time off is already approved."


def test_declining_needs_a_reason_and_strands_nothing(place, manager):
    made = book(place, TUESDAY, 10)
    asked = staffing.ask_time_off(
        staff=place[1], away=Away(TUESDAY, TUESDAY), reason="", by=place[1].user, now=NOW
    )
    with pytest.raises(HoursRefused) as refused:
        staffing.decline(time_off=asked, answer=" ", by=manager, now=NOW)
    assert refused.value.field == "answer"
    staffing.decline(time_off=asked, answer="Two are away already.", by=manager, now=NOW)
    asked.refresh_from_db()
    assert (asked.state, asked.answer, statuses(made)) == (
        "declined",
        "Two are away already.",
        ["scheduled"],
    )


def test_time_off_over_days_strands_between_its_times_and_withdrawing_restores(place, manager):
    before, during, after = book(place, TUESDAY, 11), book(place, WEDNESDAY, 9), book(place, WEDNESDAY, 13)
    review = enter(place, manager, TUESDAY, WEDNESDAY, time(12), time(12, 30))
    assert [a.pk for a in review.stranded] == [during.pk]
    back = staffing.withdraw(time_off=TimeOff.objects.get(), by=manager, now=NOW)
    assert [a.pk for a in back.restored] == [during.pk]
    assert statuses(before, during, after) == ["scheduled", "scheduled", "scheduled"]


def test_time_off_strands_at_every_facility_of_the_person(place, manager):
    facility, staff, _ = place
    west = make.facility(time_zone="America/Los_Angeles")
    staff.facilities.add(west)
    make.shift(staff=staff, at=west, weekday=5)
    there = book((west, staff, make.program(at=west, staff=staff)), date(2026, 11, 28), 10)
    here, later = book(place, date(2026, 11, 27), 10), book(place, NEXT_MONDAY, 10)
    enter(place, manager, date(2026, 11, 27), date(2026, 11, 28))
    assert statuses(here, there, later) == ["pending_reassignment", "pending_reassignment", "scheduled"]


def test_time_off_strands_even_what_was_placed_outside_hours(place, manager):
    evening = book(place, TUESDAY, 19, overrides={"outside_hours"})
    staffing.enter_time_off(
        staff=place[1],
        away=Away(TUESDAY, TUESDAY, time(18), time(21)),
        reason="",
        by=manager,
        now=NOW + timedelta(minutes=1),
    )
    assert statuses(evening) == ["pending_reassignment"]


def test_time_off_refuses_what_makes_no_sense(place, manager):
    enter(place, manager, date(2026, 12, 1), date(2026, 12, 3))
    refusals = []
    for args in [
        (TUESDAY, TODAY),
        (date(2026, 11, 20),),
        (TUESDAY, TUESDAY, time(12), time(12)),
        (TUESDAY, TUESDAY, time(12, 5), time(13)),
        (TODAY, date(2029, 1, 1)),
        (date(2026, 12, 3), date(2026, 12, 4)),
    ]:
        with pytest.raises(HoursRefused) as refused:
            enter(place, manager, *args)
        refusals.append((refused.value.field, refused.value.message))
    assert refusals == [
        ("last_day", "The last day is before the first."),
        ("last_day", "This lies in the past, where hours stay as they were. Enter Mon, Nov 23 or later."),
        ("ends", "Time off must end after it begins."),
        ("starts", "Hours go by quarter hours: :00, :15, :30 or :45."),
        ("last_day", "Enter at most two years at a time."),
        (
            "first_day",
            "There is time off already, approved: Tue, Dec 1 – Thu, Dec 3. Withdraw it first.",
        ),
    ]
    enter(place, manager, date(2026, 12, 4))


def test_time_off_that_is_over_cannot_be_withdrawn(place, manager):
    past = make.time_off(staff=place[1], first_day=date(2026, 11, 20))
    with pytest.raises(HoursRefused):
        staffing.withdraw(time_off=past, by=manager, now=NOW)
    assert TimeOff.objects.get().state == "approved"


# Closures


def close(place, by, first_day, last_day=None, **options):
    return staffing.close_facility(
        facility=place[0],
        first_day=first_day,
        last_day=last_day or first_day,
        reason="Snow",
        by=by,
        now=NOW,
        **options,
    )


def test_closure_strands_over_all_staff_and_reopening_restores(place, manager):
    facility, _, program = place
    colleague = make.staff(at=facility)
    make.week(staff=colleague, at=facility)
    program.staff.add(colleague)
    mine, theirs = book(place, TUESDAY, 10), book((facility, colleague, program), TUESDAY, 10)
    other = book(place, NEXT_MONDAY, 10)
    review = close(place, manager, TUESDAY, WEDNESDAY)
    assert [a.pk for a in review.stranded] == [mine.pk, theirs.pk]
    assert statuses(mine, theirs, other) == ["pending_reassignment", "pending_reassignment", "scheduled"]
    tuesday = Closure.objects.get(date=TUESDAY)
    assert [a.pk for a in staffing.reopen(closure=tuesday, by=manager, now=NOW).restored] == [
        mine.pk,
        theirs.pk,
    ]
    with pytest.raises(HoursRefused) as twice:
        staffing.reopen(closure=tuesday, by=manager, now=NOW)
    assert twice.value.message == "Someone already reopened it."


def test_closure_of_some_days_already_closed_adds_the_others(place, manager):
    close(place, manager, TUESDAY)
    close(place, manager, TUESDAY, WEDNESDAY)
    assert list(Closure.objects.values_list("date", flat=True)) == [TUESDAY, WEDNESDAY]
    with pytest.raises(HoursRefused) as again:
        close(place, manager, WEDNESDAY)
    assert again.value.message == "Northside is already closed then."


def test_closure_refuses_past_reversed_and_endless_dates(place, manager):
    for first, last in [
        (date(2026, 11, 22), TODAY),
        (WEDNESDAY, TUESDAY),
        (TUESDAY, date(2027, 3, 1)),
    ]:
        with pytest.raises(HoursRefused):
            close(place, manager, first, last)
    assert Closure.objects.count() == 0


# At once


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_at_once_one_wins_and_the_other_is_told(place, manager):
    known = staffing.fingerprint(staff=place[1], facility=place[0])

    def change(days):
        try:
            set_week(place, manager, week(range(days)), known=known)
        except staffing.StaleHours:
            return "stale"
        return days

    results = at_once([lambda: change(2), lambda: change(3)])
    assert sorted(map(str, results)) in (["2", "stale"], ["3", "stale"])
    winner = next(days for days in results if days != "stale")
    assert plan(place) == [(TODAY, None, NINE_TO_FIVE[:winner])]


@pytest.mark.django_db(transaction=True)
def test_booking_and_time_off_at_once_never_leave_a_booking_unnoticed(place, manager):
    """Whoever comes second sees the first: the booking is refused, or it is stranded."""
    customers = [make.customer() for _ in range(8)]

    def try_to_book(number):
        try:
            book(place, TUESDAY, 9 + number, customer=customers[number])
        except booking.BookingRefused as refused:
            return refused.code
        return "booked"

    jobs = [lambda number=number: try_to_book(number) for number in range(8)]
    results = at_once([*jobs, lambda: enter(place, manager, TUESDAY)])[:8]
    assert set(results) <= {"booked", "not_working"}
    assert list(Appointment.objects.values_list("status", flat=True)) == ["pending_reassignment"] * (
        results.count("booked")
    )
