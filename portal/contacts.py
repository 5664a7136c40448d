"""Addresses that reach a customer: read as people type them, looked up among those on file, changed once they are proved."""

from dataclasses import dataclass
from datetime import datetime

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext

from appointments.models import Customer
from portal import letters
from reminders import consent, messages, planning
from reminders.models import Channel, Kind
from reminders.numbers import mobile_number

LONGEST_EMAIL = 254


@dataclass(frozen=True)
class Contact:
    """An e-mail address in lower case or a mobile number in E.164."""

    channel: str
    address: str

    @property
    def is_email(self) -> bool:
        return self.channel == Channel.EMAIL

    @property
    def shown(self) -> str:
        return self.address if self.is_email else shown_number(self.address)


def shown_number(number: str) -> str:
    """+1 212-555-0143"""
    if not number:
        return ""
    international = phonenumbers.PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(phonenumbers.parse(number), international)


def read(typed: str) -> Contact:
    """An e-mail address or a mobile number, whichever it looks like. Raises ValidationError in the active language."""
    return read_email(typed) if "@" in typed else read_mobile(typed)


def read_email(typed: str) -> Contact:
    address = typed.strip().lower()
    try:
        validate_email(address)
        # Some capitals are one letter, and two in lower case.
        MaxLengthValidator(LONGEST_EMAIL)(address)
    except ValidationError as error:
        raise ValidationError(
            gettext("This is not an e-mail address. Enter one such as ada@example.org.")
        ) from error
    return Contact(Channel.EMAIL, address)


def read_mobile(typed: str) -> Contact:
    try:
        number = mobile_number(typed)
    except ValidationError as error:
        raise ValidationError(_why_not(error.code or ""), code=error.code) from error
    return Contact(Channel.PHONE, number)


def on_file(contact: Contact) -> QuerySet[Customer]:
    """The customers with this contact on their record who may sign in: those whose own sign-in is not deactivated.

    A user who belongs to staff is no sign-in of a customer's: see `accounts.user_of`.
    """
    found = Customer.objects.filter(_sign_in_is_open()).select_related("user")
    if contact.is_email:
        # The index is by capitals; but letters that share one, such as i and the dotless i, are addresses of different people.
        same = found.filter(email__iexact=contact.address).exclude(email="")
        return same.alias(lower=Lower("email")).filter(lower=contact.address)
    return found.filter(phone=contact.address).exclude(phone="")


def current(customer: Customer, channel: str) -> Contact:
    return Contact(channel, customer.email.lower() if channel == Channel.EMAIL else customer.phone)


def change(*, customer: Customer, contact: Contact, now: datetime) -> None:
    """Put a contact that its owner has proved in place of the one on record, and tell the old one, so that a change by
    somebody else does not go unseen. A number that may not be texted is told of by e-mail."""
    with transaction.atomic():
        kept = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        told = _whom_to_tell(kept, contact)
        setattr(kept, contact.channel, contact.address)
        kept.save(update_fields=[contact.channel])
        planning.customer_changed(kept, now=now)
        if told is not None:
            letter = letters.contact_changed(told.channel, changed=contact.channel)
            messages.write(
                kind=Kind.ALERT,
                channel=told.channel,
                address=told.address,
                letter=letter,
                now=now,
                language=kept.language,
                customer=kept,
            )
    setattr(customer, contact.channel, contact.address)


def _whom_to_tell(customer: Customer, contact: Contact) -> Contact | None:
    before = current(customer, contact.channel)
    if before.address and (before.is_email or consent.may_text(before.address)):
        return before
    return current(customer, Channel.EMAIL) if customer.email else None


def _sign_in_is_open() -> Q:
    is_of_staff = Q(user__staff_member__isnull=False) | Q(user__is_superuser=True)
    return Q(user__isnull=True) | Q(user__is_active=True) | is_of_staff


def _why_not(code: str) -> str:
    if code == "landline":
        return gettext(
            "This is a landline, which texts cannot reach. Enter a mobile number or an e-mail address."
        )
    if code == "not_mobile":
        return gettext("Texts cannot reach this kind of number. Enter a mobile number or an e-mail address.")
    return gettext("Enter an e-mail address or a mobile number. Check the letters and digits.")
