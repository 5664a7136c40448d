"""The verb behind the button: one submission, one booking, whoever comes at the same moment."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import pytest

from appointments import links as appointment_links
from appointments.models import Appointment, AppointmentLink, Customer
from portal import bookings, holds
from portal.bookings import Person, book_online
from portal.models import OnlineBooking
from portal.times import Search
from reminders.consent import Origin
from reminders.models import ConsentLog, Message
from scheduling import booking
from scheduling.availability import OpenTime
from scheduling.booking import BookingRefused
from securecare import links, localtime
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.portal.booking_online import Visitor, nothing_is_booked
from tests.portal.clinic import Clinic
from tests.portal.visiting import signed_in, text_of
from tests.together import at_once

pytestmark = pytest.mark.django_db
DAY = TODAY + timedelta(days=7)
ADA = Person("Ada", "Nguyen", date(1991, 4, 12), "ada@example.org", "+12125550143", "I agree.")
BEN = Person("Ben", "Ortiz", date(1984, 7, 1), "ben@example.org")
ORIGIN = Origin("192.0.2.1", "Firefox")
VISITOR = "v" * 43


@pytest.fixture
def clinic():
    return Clinic.open()


def book(clinic, starts_at, *, person=ADA, staff=None, customer=None, submission="", now=NOW, visitor=""):
    return book_online(
        submission=submission or links.new_token(),
        search=Search(clinic.program, staff, customer, visitor=visitor),
        starts_at=starts_at,
        person=person,
        origin=ORIGIN,
        now=now,
    )


def code_of(*args, **kwargs):
    """ "booked", or why not."""
    try:
        book(*args, **kwargs)
    except BookingRefused as refusal:
        return refusal.code
    return "booked"


def at(clinic, hour, minute=0, day=DAY):
    return clinic.at(hour, minute, day)


# ------------------------------------------------------------------------------------------------- what it writes


def test_booking_leaves_its_traces_together(clinic):
    made = book(clinic, at(clinic, 10), submission="secret")
    appointment = made.appointment
    assert (appointment.starts_at, appointment.ends_at) == (at(clinic, 10), at(clinic, 10, 30))
    assert (made.ip, made.user_agent, made.at) == ("192.0.2.1", "Firefox", NOW)
    assert bytes(made.submission) == links.digest("secret")
    event = appointment.events.get()
    assert (event.actor, event.by) == ("customer", None)
    found = appointment_links.find(
        bookings.token_of("secret"), purpose=AppointmentLink.Purpose.MANAGE, now=NOW
    )
    assert found.appointment == appointment
    assert Message.objects.filter(appointment=appointment, kind="booked", state="pending").count() == 2
    assert list(appointment.customer.facilities.all()) == [clinic.facility]


def test_the_link_cannot_be_told_from_what_is_stored(clinic):
    made = book(clinic, at(clinic, 10), submission="secret")
    assert links.token_from(bytes(made.submission).hex(), purpose="manage") != bookings.token_of("secret")


def test_the_same_submission_answers_with_what_it_booked(clinic):
    first = book(clinic, at(clinic, 10), submission="secret")
    second = book(clinic, at(clinic, 11), submission="secret", person=BEN)
    assert second == first
    assert (Appointment.objects.count(), Customer.objects.count(), ConsentLog.objects.count()) == (1, 1, 1)


def test_a_refusal_leaves_nothing(clinic):
    with pytest.raises(BookingRefused):
        book(clinic, at(clinic, 3))
    assert nothing_is_booked()
    assert not Customer.objects.exists()


def test_a_new_record_has_what_was_typed_and_needs_no_contact_beside_it(clinic):
    appointment = book(clinic, at(clinic, 10)).appointment
    customer = appointment.customer
    assert (customer.full_name, customer.email, customer.phone) == ("Ada Nguyen", ADA.email, ADA.phone)
    assert (appointment.contact_name, appointment.contact_email, appointment.contact_phone) == ("", "", "")


@pytest.mark.parametrize(
    ("record", "contact"),
    [
        ({}, ("", "", "")),
        ({"email": "old@example.org"}, ("", "ada@example.org", "")),
        ({"phone": "+12125550199"}, ("", "", "+12125550143")),
        ({"given_name": "ADA"}, ("Ada Nguyen", "", "")),
        ({"given_name": "Adelaide", "email": "ADA@example.org"}, ("Ada Nguyen", "ada@example.org", "")),
    ],
)
def test_contact_holds_what_the_record_says_differently(clinic, record, contact):
    on_record = {
        "given_name": "Ada",
        "family_name": "Nguyen",
        "email": "ada@example.org",
        "phone": ADA.phone,
    } | record
    known = make.customer(at=clinic.facility, **on_record)
    appointment = book(clinic, at(clinic, 10)).appointment
    assert appointment.customer == known
    assert (appointment.contact_name, appointment.contact_email, appointment.contact_phone) == contact
    known.refresh_from_db()
    assert {name: getattr(known, name) for name in on_record} == on_record


# ------------------------------------------------------------------------------------------------- who will do it


def test_anyone_is_whoever_has_the_least_to_do_that_day(clinic):
    colleague = clinic.colleague(display_name="Zoe Zimmer")
    make.appointment(starts_at=at(clinic, 15), staff=clinic.staff, program=clinic.program)
    assert book(clinic, at(clinic, 10)).appointment.staff == colleague


def test_whom_the_visitor_holds_comes_first(clinic):
    make.appointment(starts_at=at(clinic, 15), staff=clinic.staff, program=clinic.program)
    clinic.colleague()
    held = OpenTime(clinic.staff, at(clinic, 10), at(clinic, 10, 30))
    holds.hold(held, facility=clinic.facility.pk, visitor=VISITOR, now=NOW)
    assert book(clinic, at(clinic, 10), visitor=VISITOR).appointment.staff == clinic.staff
    assert holds.held_by(VISITOR, facility=clinic.facility.pk, now=NOW) is None


def test_a_chosen_staff_member_is_kept_to(clinic):
    clinic.colleague()
    make.appointment(starts_at=at(clinic, 15), staff=clinic.staff, program=clinic.program)
    assert book(clinic, at(clinic, 10), staff=clinic.staff).appointment.staff == clinic.staff
    assert code_of(clinic, at(clinic, 10), staff=clinic.staff, person=BEN) == "taken"


@pytest.mark.parametrize("chosen", [False, True])
def test_who_books_without_holding_does_not_take_what_another_holds(clinic, chosen):
    """With the buffer around it, as around an appointment."""
    clinic.program.buffer_minutes = 15
    clinic.program.save()
    held = OpenTime(clinic.staff, at(clinic, 10), at(clinic, 10, 30))
    holds.hold(held, facility=clinic.facility.pk, visitor="w" * 43, now=NOW)
    staff = clinic.staff if chosen else None
    codes = [
        code_of(clinic, at(clinic, *when), staff=staff, visitor=VISITOR) for when in ((10, 30), (10, 45))
    ]
    assert codes == ["taken", "booked"]


# --------------------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize("chosen", [False, True])
def test_portal_rules_bind_with_their_own_codes(clinic, chosen):
    staff = clinic.staff if chosen else None
    clinic.program.min_notice_hours, clinic.program.max_advance_days = 24, 30
    clinic.program.save()
    make.closure(at=clinic.facility, date=DAY + timedelta(days=1))
    codes = {
        at(clinic, 10, 5): "off_grid",
        NOW - timedelta(hours=1): "past",
        NOW + timedelta(hours=23, minutes=45): "too_soon",
        at(clinic, 10, day=TODAY + timedelta(days=31)): "too_far",
        at(clinic, 10, day=DAY + timedelta(days=1)): "closed",
        at(clinic, 3): "outside_hours" if chosen else "taken",
    }
    assert {when: code_of(clinic, when, staff=staff) for when in codes} == codes


def test_a_program_without_staff_offers_nothing(clinic):
    clinic.program.staff.clear()
    assert code_of(clinic, at(clinic, 10)) == "taken"


def test_a_program_that_is_not_public_is_not_booked(clinic):
    clinic.program.allows_public_booking = False
    assert code_of(clinic, at(clinic, 10)) == "not_public"
    assert code_of(clinic, at(clinic, 10), staff=clinic.staff) == "not_public"


def test_a_staff_member_of_another_program_takes_nothing(clinic):
    outsider = make.staff(at=clinic.facility)
    make.week(staff=outsider, at=clinic.facility)
    assert code_of(clinic, at(clinic, 10), staff=outsider) == "not_working"


@pytest.mark.parametrize("change", [date(2026, 11, 1), date(2027, 3, 14), date(2026, 6, 10)])
@pytest.mark.parametrize("chosen", [False, True])
def test_notice_holds_to_the_instant_across_a_clock_change(clinic, change, chosen):
    """Twenty-four hours are twenty-four hours on days of 23 and 25."""
    clinic.program.min_notice_hours = 24
    clinic.program.save()
    staff, starts_at = clinic.staff if chosen else None, at(clinic, 10, day=change)
    last = starts_at - timedelta(hours=24)
    late = code_of(clinic, starts_at, staff=staff, now=last + timedelta(microseconds=1))
    assert (late, code_of(clinic, starts_at, staff=staff, now=last)) == ("too_soon", "booked")


@pytest.mark.parametrize("change", [date(2026, 11, 1), date(2027, 3, 14), date(2026, 6, 10)])
def test_furthest_day_ends_at_midnight_of_the_facility_across_a_clock_change(clinic, change):
    clinic.program.max_advance_days = 3
    clinic.program.save()
    make.week(staff=clinic.staff, at=clinic.facility, starts=time(0), ends=time(0))
    now = at(clinic, 23, 45, day=change - timedelta(days=2))
    last = at(clinic, 23, 30, day=change + timedelta(days=1))
    first_beyond = at(clinic, 0, 0, day=change + timedelta(days=2))
    assert code_of(clinic, first_beyond, now=now) == "too_far"
    assert code_of(clinic, last, now=now) == "booked"


# ----------------------------------------------------------------------------------------------------- cool-down


@pytest.fixture
def spaced(clinic):
    """Seven days apart, at work day and night."""
    clinic.program.cool_down_days = 7
    clinic.program.max_advance_days = 400
    clinic.program.save()
    make.week(staff=clinic.staff, at=clinic.facility, starts=time(0), ends=time(0))
    return clinic


def round_the_clock(clinic, count):
    """Colleagues who are at work whenever the others are."""
    team = [clinic.colleague() for _ in range(count)]
    for member in team:
        make.week(staff=member, at=clinic.facility, starts=time(0), ends=time(0))
    return team


def who_is(kind, clinic):
    """How the customer of both bookings is told to be the same: signed in, by e-mail, or by number alone."""
    if kind == "signed in":
        customer = make.customer(at=clinic.facility)
        return {"customer": customer, "person": None}, {"customer": customer, "person": None}
    if kind == "e-mail":
        return {"person": ADA}, {"person": replace(ADA, email="ada@example.org", phone="", given_name="A.")}
    return {"person": ADA}, {"person": replace(ADA, email="another@example.org", family_name="Other")}


@pytest.mark.parametrize("kind", ["signed in", "e-mail", "number"])
@pytest.mark.parametrize("change", [date(2026, 11, 1), date(2027, 3, 14), date(2026, 6, 10)])
def test_cool_down_counts_local_dates_across_a_clock_change(spaced, kind, change):
    """The first appointment is late on its day; a minute past midnight a week later is far enough, before it is not."""
    now = at(spaced, 9, day=change - timedelta(days=60))
    first, second = who_is(kind, spaced)
    day = change - timedelta(days=3)
    book(spaced, at(spaced, 23, 30, day=day), now=now, **first)
    last_barred = at(spaced, 23, 45, day=day + timedelta(days=6))
    with pytest.raises(BookingRefused) as refused:
        book(spaced, last_barred, now=now, **second)
    assert (refused.value.code, refused.value.first_allowed) == ("cool_down", day + timedelta(days=7))
    assert code_of(spaced, at(spaced, 0, day=day - timedelta(days=6)), now=now, **second) == "cool_down"
    assert code_of(spaced, at(spaced, 0, day=day + timedelta(days=7)), now=now, **second) == "booked"
    assert code_of(spaced, at(spaced, 23, 30, day=day - timedelta(days=7)), now=now, **second) == "booked"


def test_cool_down_of_somebody_else_binds_nobody(spaced):
    book(spaced, at(spaced, 10))
    twin = replace(ADA, date_of_birth=date(1991, 4, 13))
    assert code_of(spaced, at(spaced, 11), person=twin) == "booked"
    assert code_of(spaced, at(spaced, 12), person=BEN) == "booked"


def test_cool_down_ends_with_a_cancellation(spaced):
    appointment = book(spaced, at(spaced, 10)).appointment
    booking.cancel(appointment=appointment, reason="", by=None, now=NOW)
    assert code_of(spaced, at(spaced, 11)) == "booked"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["signed in", "e-mail", "number"])
@pytest.mark.parametrize("is_known", [False, True])
def test_one_customer_who_books_many_times_at_once_gets_one_in_a_cool_down(spaced, kind, is_known):
    """Across the night clocks go back, each with a staff member of its own: only what they hold of the customer is in the way."""
    change = date(2026, 11, 1)
    team = [spaced.staff, *round_the_clock(spaced, 5)]
    now = at(spaced, 9, day=date(2026, 10, 1))
    first, second = who_is(kind, spaced)
    if is_known and kind != "signed in":
        book(spaced, at(spaced, 9, day=date(2026, 10, 5)), now=now, **first)
    before = Appointment.objects.count()
    days = [change + timedelta(days=n) for n in range(-3, 3)]
    jobs = [
        partial(
            code_of, spaced, at(spaced, 10, day=day), now=now, staff=team[n], **(first if n % 2 else second)
        )
        for n, day in enumerate(days)
    ]
    assert Counter(at_once(jobs)) == {"booked": 1, "cool_down": 5}
    assert Appointment.objects.count() == before + 1
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("days", [7, 8])
def test_cool_down_boundary_holds_at_once(spaced, days):
    """Seven days and one day less, both asked for at the same moment as the first."""
    now, day = at(spaced, 9, day=date(2026, 10, 1)), date(2026, 10, 28)
    team = [spaced.staff, *round_the_clock(spaced, 1)]
    when = [at(spaced, 10, day=day), at(spaced, 10, day=day + timedelta(days=days - 1))]
    ada = {"customer": make.customer(at=spaced.facility), "person": None}
    jobs = [
        partial(code_of, spaced, time, now=now, staff=staff, **ada)
        for time, staff in zip(when, team, strict=True)
    ]
    expected = {"booked": 1, "cool_down": 1} if days == 7 else {"booked": 2}
    assert Counter(at_once(jobs)) == expected


# --------------------------------------------------------------------------------------------------------- races


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_many_times_at_once_books_once(clinic):
    jobs = [partial(book, clinic, at(clinic, 10), submission="secret") for _ in range(8)]
    assert len({made.pk for made in at_once(jobs)}) == 1
    assert (Appointment.objects.count(), OnlineBooking.objects.count(), ConsentLog.objects.count()) == (
        1,
        1,
        1,
    )
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_button_pressed_twice_at_once_shows_the_same_page():
    clinic = Clinic.open()
    visitor = Visitor(clinic)
    review = visitor.fill_in(clinic.at(10))
    answers = at_once([partial(Visitor(clinic).press, review) for _ in range(4)])
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, answers[0]["Location"])}
    assert Appointment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_on_the_last_slot_one_wins_and_the_others_see_other_times(settings):
    settings.BOOKINGS_PER_ADDRESS = "1000/hour"
    clinic = Clinic.open()
    reviews = [Visitor(clinic).fill_in(clinic.at(10), email=f"a{n}@example.org") for n in range(8)]
    answers = at_once([partial(Visitor(clinic).press, review) for review in reviews])
    assert Counter(answer.status_code for answer in answers) == {302: 1, 409: 7}
    for answer in answers:
        assert answer.status_code == 302 or "The nearest open times" in text_of(answer)
    assert (Appointment.objects.count(), Customer.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_whoever_loses_a_race_gets_the_next_free_staff_member(clinic):
    team = {clinic.staff, *(clinic.colleague() for _ in range(3))}
    people = [replace(BEN, email=f"ben{n}@example.org") for n in range(6)]
    outcomes = at_once([partial(code_of, clinic, at(clinic, 10), person=person) for person in people])
    assert Counter(outcomes) == {"booked": 4, "taken": 2}
    assert {appointment.staff for appointment in Appointment.objects.select_related("staff")} == team


@pytest.mark.django_db(transaction=True)
def test_one_customer_is_in_one_place_however_many_staff_are_free(clinic):
    for _ in range(3):
        clinic.colleague()
    outcomes = at_once([partial(code_of, clinic, at(clinic, 10)) for _ in range(4)])
    assert Counter(outcomes) == {"booked": 1, "customer_busy": 3}


@pytest.mark.django_db(transaction=True)
def test_a_signed_in_customer_and_the_same_one_without_signing_in_meet_the_same_rule(spaced):
    customer = make.customer(at=spaced.facility, email=ADA.email)
    colleague = round_the_clock(spaced, 1)[0]
    outcomes = at_once(
        [
            partial(code_of, spaced, at(spaced, 10), customer=customer, person=None, staff=spaced.staff),
            partial(code_of, spaced, at(spaced, 11), staff=colleague),
        ]
    )
    assert Counter(outcomes) == {"booked": 1, "cool_down": 1}


def test_nobody_at_all_is_a_mistake_of_the_caller(clinic):
    with pytest.raises(ValueError, match="Nobody is signed in"):
        book(clinic, at(clinic, 10), person=None)


def test_signed_in_customers_book_as_they_are_on_record():
    clinic = Clinic.open()
    ada = make.customer(at=clinic.facility)
    visitor = Visitor(clinic, signed_in(ada))
    visitor.press(visitor.open(clinic.at(10)))
    appointment = Appointment.objects.get()
    assert (appointment.customer, appointment.booked_as) == (ada, ada.full_name)


def test_a_time_between_the_two_readings_of_an_hour_is_booked_as_the_instant_it_is(spaced):
    """1:30 AM comes twice on the night clocks go back."""
    first, second = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6))
    assert {localtime.local(instant, spaced.facility.zone).hour for instant in (first, second)} == {1}
    now = at(spaced, 9, day=date(2026, 10, 1))
    assert book(spaced, second, now=now).appointment.starts_at == second
    assert book(spaced, first, now=now, person=BEN).appointment.starts_at == first
