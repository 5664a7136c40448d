"""A customer's own appointments, by either door: signed in, or with the link that stands in a message."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse

from appointments import links
from appointments.models import Appointment, AppointmentLink, Customer, Facility, Program
from portal.contacts import Contact
from portal.models import OnlineBooking
from portal.showing import ShownAppointment, is_bookable
from reminders.models import ConsentLog
from securecare import localtime

RELATED = ("customer", "staff", "program__facility", "facility")
PAGE = 10
JUST_NOW = timedelta(hours=1)


@dataclass(frozen=True)
class Door:
    """The addresses at which one appointment is seen and changed. Whoever `is_signed_in` is the customer; whoever holds a link
    may be somebody who merely knew an e-mail address and a birth date, and is told of this one appointment alone."""

    see: str
    move: str
    cancel: str
    calendar_file: str
    is_signed_in: bool

    @classmethod
    def of_account(cls, reference: UUID) -> "Door":
        names = ("portal-appointment", "portal-move", "portal-cancel", "portal-ics")
        see, move, cancel, calendar_file = (reverse(name, args=[reference]) for name in names)
        return cls(see, move, cancel, calendar_file, is_signed_in=True)

    @classmethod
    def of_link(cls, token: str) -> "Door":
        names = ("portal-link", "portal-link-move", "portal-link-cancel", "portal-link-ics")
        see, move, cancel, calendar_file = (reverse(name, args=[token]) for name in names)
        return cls(see, move, cancel, calendar_file, is_signed_in=False)


@dataclass(frozen=True)
class Entry:
    """One line of "My appointments". `own_zone` is set where the customer's clock differs from the facility's."""

    appointment: ShownAppointment
    door: Door
    own_zone: ZoneInfo | None


@dataclass(frozen=True)
class Page:
    entries: tuple[Entry, ...]
    number: int
    has_more: bool


@dataclass(frozen=True)
class Told:
    """Where word of a booking goes: the e-mail address, and the number's last four digits; either may be empty."""

    email: str
    number_ends_in: str


@dataclass(frozen=True)
class Overview:
    upcoming: Page
    past: Page


def of_customer(customer: Customer, reference: UUID, *, proved: Collection[Contact]) -> Appointment | None:
    return _theirs(customer, proved).filter(reference=reference).first()


def of_link(token: str, now: datetime) -> Appointment | None:
    """The appointment that this link lets its holder see and change."""
    link = links.find(token, purpose=AppointmentLink.Purpose.MANAGE, now=now)
    return link.appointment if link else None


def confirm_link(token: str, now: datetime) -> AppointmentLink | None:
    """The link that lets its holder confirm its appointment."""
    return links.find(token, purpose=AppointmentLink.Purpose.CONFIRM, now=now)


def overview(
    customer: Customer,
    *,
    proved: Collection[Contact],
    upcoming: int,
    past: int,
    own_zone: ZoneInfo | None,
    now: datetime,
) -> Overview:
    """Those on today's local date at their facility or later, the soonest first; and those before, the latest first.
    `upcoming` and `past` are numbers of pages, from 1."""
    mine = _theirs(customer, proved)
    over = _before_today(customer, now)
    ahead, behind = (
        mine.exclude(over).order_by("starts_at", "id"),
        mine.filter(over).order_by("-starts_at", "-id"),
    )
    return Overview(_page(ahead, upcoming, own_zone, now), _page(behind, past, own_zone, now))


def just_booked(appointment: Appointment, *, now: datetime) -> Told | None:
    """For an hour after it was booked online: where word of it goes. None later, and for one that will not take place.

    A number is told only if it was entered with this booking, so that nobody learns here which numbers are on record.
    """
    shown = ShownAppointment.of(appointment, now=now)
    booking = OnlineBooking.objects.filter(appointment=appointment, at__gt=now - JUST_NOW).first()
    if booking is None or not shown.is_open or shown.is_over:
        return None
    entered = ConsentLog.objects.filter(address=appointment.phone, granted=True, at=booking.at)
    is_texted = bool(appointment.phone) and entered.exists()
    return Told(appointment.email, appointment.phone[-4:] if is_texted else "")


def book_again(program: Program) -> str:
    """Where to book this program once more, else where to see what can be booked."""
    return reverse("portal-times", args=[program.pk]) if is_bookable(program) else reverse("portal-home")


def where_it_differs(own_zone: ZoneInfo | None, appointment: Appointment) -> ZoneInfo | None:
    """The customer's own zone, if its clock shows another time than the facility's when the appointment starts."""
    if own_zone is None:
        return None
    at, there = appointment.starts_at, appointment.facility.zone
    same = localtime.local(at, own_zone).utcoffset() == localtime.local(at, there).utcoffset()
    return None if same else own_zone


def _theirs(customer: Customer, proved: Collection[Contact]) -> QuerySet[Appointment]:
    """The customer's appointments, but for those booked by a visitor who gave contacts that this session has not proved: whoever
    put the record there, with somebody's birth date and one of their contacts, would see what that person books later.
    """
    emails = [contact.address for contact in proved if contact.is_email]
    numbers = [contact.address for contact in proved if not contact.is_email]
    may_see = Q(contact_email="", contact_phone="", no_texts=False)
    if emails:
        may_see |= Q(contact_email="") | Q(email_given__in=emails)
    if numbers:
        may_see |= Q(contact_phone__in=["", *numbers], no_texts=False)
    mine = Appointment.objects.filter(customer=customer).annotate(email_given=Lower("contact_email"))
    return mine.filter(may_see).select_related(*RELATED)


def _before_today(customer: Customer, now: datetime) -> Q:
    zones = Facility.objects.filter(appointments__customer=customer).order_by().distinct()
    over = Q(pk=None)
    for zone in zones.values_list("time_zone", flat=True):
        today = localtime.day_bounds(localtime.local_date(now, zone), zone)[0]
        over |= Q(facility__time_zone=zone, starts_at__lt=today)
    return over


def _page(rows: QuerySet[Appointment], number: int, own_zone: ZoneInfo | None, now: datetime) -> Page:
    found = list(rows[(number - 1) * PAGE : number * PAGE + 1])
    entries = (_entry(appointment, own_zone, now) for appointment in found[:PAGE])
    return Page(tuple(entries), number, has_more=len(found) > PAGE)


def _entry(appointment: Appointment, own_zone: ZoneInfo | None, now: datetime) -> Entry:
    return Entry(
        ShownAppointment.of(appointment, now=now),
        Door.of_account(appointment.reference),
        where_it_differs(own_zone, appointment),
    )
