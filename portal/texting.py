"""Texts on or off, as customers set it for the number on their own record."""

from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext

from appointments.branding import brand
from appointments.models import Customer
from reminders import consent
from reminders.consent import Origin
from reminders.models import Source
from reminders.numbers import mobile_number


class NoMobileNumber(Exception):
    """There is no number on record that texts reach."""


@dataclass(frozen=True)
class Texting:
    """What the profile shows. `wording` is what the customer agrees to, or takes back, by pressing the button."""

    is_on: bool
    is_possible: bool
    wording: str


def of(customer: Customer) -> Texting:
    is_on = consent.may_text(customer.phone)
    return Texting(is_on, _is_mobile(customer.phone), wording(is_on=is_on, customer=customer))


def wording(*, is_on: bool, customer: Customer) -> str:
    if not is_on:
        words = consent.wording_to_turn_on(brand().name)
        return f"{words} {_start()}" if consent.was_stopped(customer.phone) else words
    if customer.email:
        return gettext(
            "Turning texts off ends all texts to this number, sign-in codes too. You sign in by e-mail then."
        )
    return gettext(
        "Turning texts off ends all texts to this number, sign-in codes too. "
        "Add an e-mail address first: without one you could no longer sign in."
    )


def _start() -> str:
    """Carriers keep a block of their own, which nothing but the phone lifts."""
    return gettext(
        "This phone has ended our texts with STOP: text START to us as well, or they will not arrive."
    )


def turn(*, on: bool, customer: Customer, now: datetime, origin: Origin) -> None:
    """Write it down, in the words the customer was shown. Raises NoMobileNumber."""
    if not _is_mobile(customer.phone):
        raise NoMobileNumber
    if consent.may_text(customer.phone) == on:
        return
    consent.record(
        phone=customer.phone,
        granted=on,
        source=Source.PORTAL_PROFILE,
        wording=wording(is_on=not on, customer=customer),
        now=now,
        by=customer.user,
        customer=customer,
        origin=origin,
    )


def _is_mobile(number: str) -> bool:
    try:
        return bool(mobile_number(number))
    except ValidationError:
        return False
