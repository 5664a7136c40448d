"""Whether somebody may be written to, for staff to see and to write down what they are told."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from appointments.models import Customer
from reminders import consent, suppression
from reminders.models import Channel, ConsentLog, ContactProblem, Source
from reminders.numbers import mobile_number

ENDED_BY_PHONE = (
    "Texts to this number were ended from the phone itself. Only the phone can lift that: they have to text START to the "
    "number our texts come from."
)


class AgreementRefused(Exception):
    """What staff were told cannot be written down; the message says why."""


class How(models.TextChoices):
    IN_PERSON = "in_person", "In person"
    BY_PHONE = "by_phone", "By phone"
    ON_PAPER = "on_paper", "On paper"


@dataclass(frozen=True)
class Agreement:
    """What is known of one address. `was_ended_by_phone`: the provider refuses texts, whatever staff write down."""

    channel: str
    address: str
    last: ConsentLog | None
    is_held: bool
    was_ended_by_phone: bool
    problem: ContactProblem | None

    @property
    def state(self) -> str:
        """agreed, withdrawn, held or none, as for no entry."""
        if self.last is None:
            return "none"
        if not self.last.granted:
            return "withdrawn"
        return "held" if self.is_held else "agreed"

    @property
    def is_on(self) -> bool:
        """Whether messages are sent there, as far as their owner is concerned."""
        return self.state == "agreed" or (self.channel == Channel.EMAIL and self.state == "none")


def of(customer: Customer) -> list[Agreement]:
    """For the addresses on the customer's record, the e-mail first. Three queries."""
    keys = [
        suppression.key(Channel.EMAIL, customer.email),
        suppression.key(Channel.PHONE, customer.phone),
    ]
    known = [key for key in keys if key[1]]
    if not known:
        return []
    any_of = Q(pk__in=[])
    for channel, address in known:
        any_of |= Q(channel=channel, address=address)
    entries = list(ConsentLog.objects.filter(any_of).select_related("by__staff_member").order_by("-id"))
    problems = {
        (found.channel, found.address): found
        for found in ContactProblem.objects.filter(any_of, cleared_at__isnull=True)
    }
    is_held = bool(customer.phone) and consent.is_held(customer.phone)
    return [_of(key, entries, problems.get(key), is_held) for key in known]


def _of(
    key: suppression.Address, entries: list[ConsentLog], problem: ContactProblem | None, is_held: bool
) -> Agreement:
    channel, address = key
    about = [entry for entry in entries if (entry.channel, entry.address) == key]
    return Agreement(
        channel=channel,
        address=address,
        last=about[0] if about else None,
        is_held=is_held and channel == Channel.PHONE,
        was_ended_by_phone=_was_ended_by_phone(about),
        problem=problem,
    )


def _was_ended_by_phone(entries: list[ConsentLog]) -> bool:
    """Whether STOP, or the provider, was the last word of anybody but staff: what staff write down does not lift that."""
    own = next((entry for entry in entries if entry.source != Source.STAFF), None)
    return own is not None and not own.granted and own.source in (Source.TEXT_STOP, Source.PROVIDER)


def record(
    *,
    customer: Customer,
    channel: str,
    address: str,
    granted: bool,
    how: str,
    told: str,
    note: str,
    by: User,
    now: datetime,
) -> ConsentLog:
    """Write down what the customer told staff about an address on their record: `how`, and in answer to which words (`told`).

    Raises AgreementRefused if it is no longer on their record, or if it cannot be had this way.
    """
    found = next((one for one in of(customer) if (one.channel, one.address) == (channel, address)), None)
    if found is None:
        raise AgreementRefused(
            "Their contact was changed in the meantime. Look at it, then write it down again."
        )
    wording = _wording(granted=granted, how=how, told=told, note=note)
    if channel == Channel.EMAIL:
        return consent.record_email(
            address=address,
            granted=granted,
            source=Source.STAFF,
            wording=wording,
            now=now,
            by=by,
            customer=customer,
        )
    if granted:
        _check_may_agree(found)
    return consent.record(
        phone=address,
        granted=granted,
        source=Source.STAFF,
        wording=wording,
        now=now,
        by=by,
        customer=customer,
    )


def _check_may_agree(found: Agreement) -> None:
    if found.was_ended_by_phone:
        raise AgreementRefused(ENDED_BY_PHONE)
    try:
        mobile_number(found.address)
    except ValidationError as error:
        raise AgreementRefused(
            "Texts cannot reach this number. Ask for a mobile number and change it under “Edit details”."
        ) from error


def _wording(*, granted: bool, how: str, told: str, note: str) -> str:
    said = f"Told staff {How(how).label.lower()}: {'yes' if granted else 'no more'}."
    return "\n".join(filter(None, [told if granted else "", said, f"Note: {note}" if note else ""]))
