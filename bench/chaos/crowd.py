"""Whom the messages are for: customers with appointments whose reminders all become due while there is chaos, and others whose
appointments are made, moved and called off meanwhile."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from appointments.models import Appointment, Channel, Customer
from bench import organisation, outbox
from bench.organisation import Place
from reminders import planning
from reminders.models import ReminderRule

HOURS_BEFORE = 48
AGREED = 0.9
STAFF_AT_DESK = 20


@dataclass(frozen=True)
class Crowd:
    reminded: list[Appointment]
    desk: Place
    silent: frozenset[str]
    """Numbers that nobody has agreed to be texted at."""


def gathered(rng: random.Random, *, reminded: int, others: int, begins: datetime, seconds: float) -> Crowd:
    """`reminded` appointments with an e-mail and a text each, due at any moment of the time to come."""
    now = begins
    place = organisation.create("reminded", staff=reminded, customers=reminded)
    desk = organisation.create("desk", staff=STAFF_AT_DESK, customers=others)
    for each in (place, desk):
        each.facility.time_zone = outbox.daytime_zone(now)
        each.facility.save()
    desk.program.allows_public_booking = True
    desk.program.save()
    silent = _reachable([*place.customers, *desk.customers], rng, now)
    booked = _booked(place, [begins + timedelta(seconds=rng.uniform(3, seconds)) for _ in place.customers])
    planning.replan(Appointment.objects.filter(program=place.program), now=now)
    return Crowd(booked, desk, silent)


def _reachable(customers: Sequence[Customer], rng: random.Random, now: datetime) -> frozenset[str]:
    outbox.reachable(customers)
    agreed = [customer for customer in customers if rng.random() < AGREED]
    outbox.agree(agreed, now=now)
    return frozenset({customer.phone for customer in customers} - {customer.phone for customer in agreed})


def _booked(place: Place, due: Sequence[datetime]) -> list[Appointment]:
    for channel in Channel.values:
        ReminderRule.objects.create(program=place.program, channel=channel, hours_before=HOURS_BEFORE)
    return Appointment.objects.bulk_create(
        Appointment(
            customer=customer,
            staff=member,
            facility=place.facility,
            program=place.program,
            starts_at=at + timedelta(hours=HOURS_BEFORE),
            ends_at=at + timedelta(hours=HOURS_BEFORE, minutes=30),
            placed_at=at,
        )
        for customer, member, at in zip(place.customers, place.staff, due, strict=True)
    )
