from datetime import date, time, timedelta

import pytest

from appointments.models import Appointment, AppointmentEvent
from scheduling import booking
from scheduling.booking import BookingRefused
from tests import factories as make
from tests.factories import NOW, TODAY, at

pytestmark = pytest.mark.django_db
Status = Appointment.Status


@pytest.fixture
def place():
    facility = make.facility()
    staff = make.staff(at=facility)
    make.week(staff=staff, at=facility, days=range(5))
    return facility, staff, make.program(at=facility, staff=staff)


def book(place, starts_at=None, customer=None, **fields):
    facility, staff, program = place
    defaults = {"minutes": 30, "by": staff.user, "now": NOW}
    return booking.book(
        customer=customer or make.customer(at=facility),
        staff=fields.pop("staff", staff),
        program=fields.pop("program", program),
        starts_at=starts_at or at(TODAY, 10),
        **{**defaults, **fields},
    )


def refused(*args, **kwargs):
    with pytest.raises(BookingRefused) as error:
        book(*args, **kwargs)
    return error.value.code


def test_book_records_one_event_and_makes_the_customer_known(place):
    facility, staff, program = place
    stranger = make.customer()
    made = book(place, customer=stranger, public_note="Bring your card")
    event = made.events.get()
    assert (event.kind, event.by, event.actor, event.version, event.before) == (
        "booked",
        staff.user,
        "staff",
        0,
        {},
    )
    assert event.after["starts_at"] == "2026-11-23T15:00:00+00:00"
    assert list(stranger.facilities.all()) == [facility]
    assert (made.status, made.ends_at - made.starts_at) == (Status.SCHEDULED, timedelta(minutes=30))


def test_book_refuses_by_rule(place):
    facility, staff, program = place
    booked = book(place)
    elsewhere = make.staff(at=make.facility())
    assert refused(place) == "taken"
    assert refused(place, customer=booked.customer, staff=colleague(place)) == "customer_busy"
    assert refused(place, at(date(2026, 11, 28), 10)) == "not_working"
    assert refused(place, staff=elsewhere) == "not_working"
    assert refused(place, at(TODAY, 18)) == "outside_hours"
    assert refused(place, at(TODAY, 16, 45)) == "outside_hours"
    assert refused(place, at(TODAY, 11) + timedelta(minutes=5)) == "off_grid"
    assert refused(place, at(TODAY, 11), minutes=20) == "off_grid"
    assert refused(place, at(TODAY, 11), minutes=-15) == "off_grid"
    make.closure(at=facility, date=date(2026, 11, 24))
    assert refused(place, at(date(2026, 11, 24), 10)) == "closed"
    assert Appointment.objects.count() == 1


def colleague(place):
    facility, _, program = place
    other = make.staff(at=facility)
    make.week(staff=other, at=facility)
    program.staff.add(other)
    return other


def test_book_outside_hours_needs_the_override_and_records_it(place):
    made = book(place, at(TODAY, 18), overrides={"outside_hours"})
    assert made.outside_hours
    assert made.events.get().overrides == ["outside_hours"]
    assert refused(place, at(date(2026, 11, 28), 10), overrides={"outside_hours"}) == "not_working"


def test_book_by_customer_obeys_the_portal_rules(place):
    facility, staff, program = place
    assert refused(place, by=None) == "not_public"
    program.allows_public_booking = True
    program.min_notice_hours, program.max_advance_days = 2, 7
    program.save()
    assert refused(place, at(TODAY, 10, 45), by=None) == "too_soon"
    assert refused(place, at(TODAY, 8, 45), by=None) == "past"
    assert refused(place, at(date(2026, 12, 1), 10), by=None) == "too_far"
    assert refused(place, at(TODAY, 18), by=None, overrides={"outside_hours"}) == "outside_hours"
    assert book(place, at(date(2026, 11, 30), 10), by=None).events.get().actor == "customer"


def test_cool_down_counts_local_dates_in_both_directions(place):
    facility, staff, program = place
    program.cool_down_days = 3
    program.save()
    customer = make.customer()
    book(place, at(date(2026, 11, 26), 16), customer=customer)
    for day in (24, 25, 26, 27):
        assert refused(place, at(date(2026, 11, day), 9), customer=customer) == "cool_down"
    assert book(place, at(TODAY, 9, 30), customer=customer).events.get().overrides == []
    assert book(
        place, at(date(2026, 11, 25), 9), customer=customer, overrides={"cool_down"}
    ).events.get().overrides == ["cool_down"]


def test_cool_down_refusal_names_the_first_allowed_date(place):
    _, _, program = place
    program.cool_down_days = 3
    program.save()
    customer = make.customer()
    book(place, at(TODAY, 10), customer=customer)
    book(place, at(date(2026, 11, 27), 10), customer=customer)
    with pytest.raises(BookingRefused) as error:
        book(place, at(date(2026, 11, 24), 10), customer=customer)
    assert error.value.first_allowed == date(2026, 11, 30)


def test_reschedule_bumps_revision_and_clears_confirmations(place):
    made = book(place)
    Appointment.objects.filter(pk=made.pk).update(email_confirmed_at=NOW, phone_confirmed_at=NOW)
    booking.reschedule(appointment=made, starts_at=at(TODAY, 14), by=made.staff.user, now=NOW)
    made.refresh_from_db()
    assert (made.revision, made.version, made.email_confirmed_at, made.phone_confirmed_at) == (
        1,
        1,
        None,
        None,
    )
    assert (made.starts_at, made.minutes) == (at(TODAY, 14), 30)
    event = made.events.last()
    assert (event.kind, event.before["starts_at"]) == ("rescheduled", "2026-11-23T15:00:00+00:00")


def test_reschedule_into_itself_is_allowed_and_nothing_happens_when_nothing_changes(place):
    made = book(place, minutes=60)
    booking.reschedule(appointment=made, starts_at=at(TODAY, 10, 15), by=made.staff.user, now=NOW)
    booking.reschedule(appointment=made, starts_at=at(TODAY, 10, 15), by=made.staff.user, now=NOW)
    assert [event.kind for event in made.events.all()] == ["booked", "rescheduled"]


def test_reassign_keeps_the_time(place):
    made = book(place)
    other = colleague(place)
    booking.reassign(appointment=made, staff=other, by=other.user, now=NOW)
    made.refresh_from_db()
    assert (made.staff, made.starts_at, made.events.last().kind) == (other, at(TODAY, 10), "reassigned")


def test_changes_with_a_stale_version_are_refused_with_the_present_state(place):
    made = book(place)
    seen = Appointment.objects.get(pk=made.pk)
    booking.reschedule(appointment=made, starts_at=at(TODAY, 14), by=made.staff.user, now=NOW)
    with pytest.raises(booking.StaleAppointment) as error:
        booking.cancel(appointment=seen, reason="", by=made.staff.user, now=NOW, version=seen.version)
    assert error.value.appointment.starts_at == at(TODAY, 14)
    seen.refresh_from_db()
    assert seen.status == Status.SCHEDULED


def test_cancel_frees_the_slot_and_can_be_undone_until_it_is_taken(place):
    made = book(place)
    booking.cancel(appointment=made, reason="Ill", by=made.staff.user, now=NOW)
    assert (made.status, made.cancelled_at, made.cancel_reason) == (Status.CANCELLED, NOW, "Ill")
    booking.mark(appointment=made, status=Status.SCHEDULED, by=made.staff.user, now=NOW)
    assert (made.status, made.cancelled_at, made.cancel_reason) == (Status.SCHEDULED, None, "")
    booking.cancel(appointment=made, reason="", by=made.staff.user, now=NOW)
    book(place)
    with pytest.raises(BookingRefused) as error:
        booking.mark(appointment=made, status=Status.SCHEDULED, by=made.staff.user, now=NOW)
    assert error.value.code == "taken"


def test_mark_stamps_and_unstamps_arrival(place):
    made = book(place)
    user = made.staff.user
    booking.mark(appointment=made, status=Status.ARRIVED, by=user, now=NOW)
    assert (made.arrived_at, made.arrived_by) == (NOW, user)
    booking.mark(appointment=made, status=Status.COMPLETED, by=user, now=NOW)
    assert made.arrived_at == NOW
    booking.mark(appointment=made, status=Status.SCHEDULED, by=user, now=NOW)
    assert (made.arrived_at, made.arrived_by) == (None, None)
    assert list(AppointmentEvent.objects.values_list("version", flat=True)) == [0, 1, 2, 3]


def test_settled_appointments_do_not_move(place):
    made = book(place)
    booking.mark(appointment=made, status=Status.COMPLETED, by=made.staff.user, now=NOW)
    with pytest.raises(booking.ChangeRefused):
        booking.reschedule(appointment=made, starts_at=at(TODAY, 14), by=made.staff.user, now=NOW)


def test_undoing_a_cancellation_is_a_new_revision_and_other_marks_are_none(place):
    """The customer may have been told that it is off: what a link or a calendar says of it no longer holds."""
    made = book(place)
    user = made.staff.user
    for status, revision in (
        (Status.ARRIVED, 0),
        (Status.SCHEDULED, 0),
        (Status.NO_SHOW, 0),
        (Status.SCHEDULED, 0),
    ):
        booking.mark(appointment=made, status=status, by=user, now=NOW)
        assert made.revision == revision
    booking.cancel(appointment=made, reason="", by=user, now=NOW)
    assert made.revision == 0
    booking.mark(appointment=made, status=Status.SCHEDULED, by=user, now=NOW)
    made.refresh_from_db()
    assert (made.revision, made.events.last().revision) == (1, 1)


@pytest.mark.parametrize("is_customer", [True, False])
def test_customers_who_cancel_take_back_having_confirmed_and_staff_leave_it(place, is_customer):
    made = book(place, at(date(2026, 11, 30), 10))
    stamps = {"email_confirmed_at": NOW, "phone_confirmed_at": NOW}
    Appointment.objects.filter(pk=made.pk).update(**stamps)
    booking.cancel(appointment=made, reason="", by=None if is_customer else made.staff.user, now=NOW)
    booking.mark(appointment=made, status=Status.SCHEDULED, by=made.staff.user, now=NOW)
    made.refresh_from_db()
    kept = None if is_customer else NOW
    assert (made.email_confirmed_at, made.phone_confirmed_at) == (kept, kept)
    cancelled = made.events.get(kind="cancelled")
    assert [name for name in stamps if name in cancelled.before] == (list(stamps) if is_customer else [])


def test_customer_cannot_cancel_inside_the_notice(place):
    _, _, program = place
    program.min_notice_hours = 2
    program.save()
    made = book(place, at(TODAY, 11))
    with pytest.raises(BookingRefused) as error:
        booking.cancel(appointment=made, reason="", by=None, now=NOW + timedelta(seconds=1))
    assert error.value.code == "too_soon"
    booking.cancel(appointment=made, reason="", by=None, now=NOW)
    assert made.is_cancelled


def test_customer_is_held_to_the_notice_of_the_present_time_not_of_the_one_seen(place):
    _, _, program = place
    program.allows_public_booking, program.min_notice_hours = True, 2
    program.save()
    made = book(place, at(TODAY, 15))
    seen = Appointment.objects.get(pk=made.pk)
    booking.reschedule(appointment=made, starts_at=at(TODAY, 10), by=made.staff.user, now=NOW)
    with pytest.raises(BookingRefused) as error:
        booking.reschedule(appointment=seen, starts_at=at(TODAY, 16), by=None, now=NOW)
    assert error.value.code == "too_soon"


def test_past_appointments_may_be_recorded_by_staff(place):
    made = book(place, at(date(2026, 11, 16), 10))
    assert made.starts_at < NOW


def test_overnight_shift_counts_on_the_day_it_runs_into(place):
    facility, _, program = place
    night = make.staff(at=facility)
    program.staff.add(night)
    make.shift(staff=night, at=facility, weekday=4, starts=time(22), ends=time(6))
    assert refused(place, at(date(2026, 11, 28), 5, 45), staff=night) == "outside_hours"
    assert book(place, at(date(2026, 11, 28), 5, 30), staff=night).outside_hours is False
    assert refused(place, at(date(2026, 11, 29), 5), staff=night) == "not_working"
