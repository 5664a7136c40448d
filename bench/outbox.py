"""Reminders that lie in the outbox, all due at one instant, put there by bulk inserts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from appointments.models import Appointment, Channel, Customer
from bench import organisation
from bench.organisation import Place
from reminders import rules
from reminders.models import ConsentLog, Kind, Message, ReminderRule
from securecare import localtime

APPOINTMENTS_EACH = 100
AHEAD = timedelta(days=2)
APART = timedelta(minutes=45)
NOON = 12
# A statement has room for 65,535 values.
AT_ONCE = 1000
ZONES = (
    "Pacific/Auckland",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Europe/Athens",
    "Atlantic/Azores",
    "America/New_York",
    "America/Los_Angeles",
    "Pacific/Honolulu",
)


def create(name: str, *, customers: int, now: datetime) -> Place:
    """A place where it is day now, so that texts do not rest, and whose customers can be reached and have agreed to it."""
    place = organisation.create(name, staff=max(1, customers // APPOINTMENTS_EACH), customers=customers)
    place.facility.time_zone = daytime_zone(now)
    place.facility.save()
    reachable(place.customers)
    agree(place.customers, now=now)
    rules.of(place.program)
    return place


def daytime_zone(now: datetime) -> str:
    """The one where noon is nearest."""
    return min(ZONES, key=lambda zone: abs(localtime.local(now, localtime.zone_of(zone)).hour - NOON))


def reachable(customers: Sequence[Customer]) -> None:
    """Give each an e-mail address and a number of their own."""
    for customer in customers:
        customer.email = f"customer{customer.pk}@example.org"
        customer.phone = f"+1212{2_000_000 + customer.pk % 8_000_000}"
    Customer.objects.bulk_update(customers, ["email", "phone"], batch_size=AT_ONCE)


def agree(customers: Sequence[Customer], *, now: datetime) -> None:
    """Each has agreed to texts."""
    entries = [
        ConsentLog(
            channel=Channel.PHONE,
            address=customer.phone,
            granted=True,
            source=ConsentLog.Source.PORTAL_BOOKING,
            wording="I agree to texts.",
            at=now,
        )
        for customer in customers
    ]
    ConsentLog.objects.bulk_create(entries, batch_size=AT_ONCE)


def appointments(place: Place, *, now: datetime) -> list[Appointment]:
    """One for each customer, some days ahead."""
    first = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + AHEAD
    made = []
    for number, customer in enumerate(place.customers):
        starts_at = first + (number // len(place.staff)) * APART
        made.append(
            Appointment(
                customer=customer,
                staff=place.staff[number % len(place.staff)],
                facility=place.facility,
                program=place.program,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(minutes=30),
                placed_at=now,
            )
        )
    return Appointment.objects.bulk_create(made, batch_size=AT_ONCE)


def fill(
    booked: Sequence[Appointment],
    *,
    channels: Sequence[str] = tuple(Channel.values),
    due_at: datetime,
    now: datetime,
) -> int:
    """A reminder of each by each channel; how many there are."""
    rule = {channel: _rule(booked[0], channel) for channel in channels}
    made = [
        reminder(appointment, rule[channel], due_at=due_at, now=now)
        for appointment in booked
        for channel in channels
    ]
    return len(Message.objects.bulk_create(made, batch_size=AT_ONCE))


def reminder(appointment: Appointment, rule: ReminderRule, *, due_at: datetime, now: datetime) -> Message:
    """As planning writes it: without text."""
    return Message(
        kind=Kind.REMINDER,
        channel=rule.channel,
        address=appointment.email if rule.channel == Channel.EMAIL else appointment.phone,
        language="en",
        customer_id=appointment.customer_id,
        appointment=appointment,
        revision=appointment.revision,
        rule=rule,
        due_at=due_at,
        created_at=now,
    )


def _rule(appointment: Appointment, channel: str) -> ReminderRule:
    return next(rule for rule in rules.of(appointment.program) if rule.channel == channel)
