"""The benchmarks do the work they claim to measure."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from appointments.models import Appointment, AppointmentEvent
from bench import bookings, openings, organisation, portal, visitors
from bench.organisation import DAY, NOW
from bench.timing import Load
from portal import holds
from scheduling.availability import open_times

pytestmark = pytest.mark.django_db


@pytest.fixture
def place():
    return organisation.create("here", staff=6, customers=12)


def test_fill_puts_in_as_many_appointments_as_it_says_within_hours(place):
    assert organisation.fill(place, staff=slice(4), slots=9) == Appointment.objects.count() == 36
    day = Appointment.objects.on(DAY, "America/New_York")
    assert {a.local_starts_at.hour for a in day} == set(range(9, 16))
    assert organisation.fill(place, slots=2, days=3, first=organisation.OPENS + timedelta(days=1)) == 36


def test_attempt_books_with_all_that_a_booking_records(place):
    assert bookings.book(place, 0, 0, bookings.slot_at(0)) == "booked"
    assert bookings.book(place, 0, 1, bookings.slot_at(0)) == "taken"
    assert bookings.book(place, 1, 0, bookings.slot_at(0)) == "customer_busy"
    assert (Appointment.objects.count(), AppointmentEvent.objects.count()) == (1, 1)


def test_floors_do_the_same_work_without_rules(place):
    assert bookings._insert(place, 0, 0, bookings.slot_at(0)) == "booked"
    assert bookings._insert_if_free(place, 0, 1, bookings.slot_at(0)) == "taken"
    assert bookings._insert_if_free(place, 0, 1, bookings.slot_at(1)) == "booked"
    assert AppointmentEvent.objects.count() == 2


def test_floor_of_open_times_counts_what_open_times_offers(place):
    organisation.fill(place, slots=7, days=5)
    last = DAY + timedelta(days=4)
    offered = open_times(program=place.program, first_day=DAY, last_day=last, now=NOW)
    assert openings.floor(place, people=6, days=5)() == len(offered) > 0


def test_race_fails_when_a_slot_has_two_winners_or_none(place):
    outcomes = ["booked", "taken", "taken"]
    assert bookings._verdict(1, [Load(1.0, [1.0] * 3, outcomes)], floor=1.0).measured == 3
    for wrong in (["booked", "booked"], ["taken", "taken"], ["booked", "OperationalError"]):
        with pytest.raises(RuntimeError, match="ended wrong"):
            bookings._verdict(1, [Load(1.0, [1.0] * 2, wrong)], floor=1.0)


def test_visitors_who_are_ready_book_what_they_hold_and_the_late_one_is_shown_other_times():
    holds.forget()
    here = portal.public("online", staff=2)
    at = portal._start(here, 0)
    first, second = (visitors.ready(here, number, at, keeps_hold=True) for number in range(2))
    holds.forget()
    late = visitors.ready(here, 2, at, keeps_hold=False)
    client, address = Client(SERVER_NAME="localhost"), reverse("portal-confirm", args=[here.program.pk])

    outcomes = [visitors._send(client, address, each) for each in (first, second, late)]

    assert outcomes == [visitors.BOOKED, visitors.BOOKED, visitors.OTHERS_OFFERED]
    assert Appointment.objects.values("staff", "starts_at").distinct().count() == 2


def test_portal_benchmark_fails_when_somebody_is_answered_otherwise():
    here = portal.public("online", staff=1)
    booked = visitors.ready(here, 0, portal._start(here, 0), keeps_hold=False)
    visitors._send(Client(SERVER_NAME="localhost"), reverse("portal-confirm", args=[here.program.pk]), booked)

    portal._check(Load(1.0, [1.0], [visitors.BOOKED]), booked=1, before=0)
    for outcomes, expected in (
        ([visitors.BOOKED] * 2, 2),
        ([visitors.OTHERS_OFFERED], 1),
        (["answered 500"], 0),
    ):
        with pytest.raises(RuntimeError):
            portal._check(Load(1.0, [1.0], outcomes), booked=expected, before=0)
