"""Who may be written to. The log is the only source: the last entry for an address decides.

Texts need an entry that agrees. E-mails about appointments need none, but end with one that takes them back.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext

from appointments.models import Customer
from reminders import planning, suppression
from reminders.models import Channel, ConsentLog, InboundText, Source
from reminders.suppression import Standing

# Raised whenever the words below change, in any language.
WORDING_VERSION = "2026-11"


@dataclass(frozen=True)
class Origin:
    """Where a consent came from."""

    ip: str | None = None
    user_agent: str = ""


def wording(organisation: str) -> str:
    """What a person agrees to by giving their number, in the active language (CTIA: sender, subject, frequency, cost, STOP, HELP)."""
    return gettext(
        "By entering it you agree to appointment texts from %(organisation)s at this number. About 3 per appointment; "
        "message and data rates may apply. Reply STOP to end, HELP for help."
    ) % {"organisation": organisation}


def wording_to_turn_on(organisation: str) -> str:
    """The same for somebody who turns texts on for the number on their record."""
    return gettext(
        "By turning texts on you agree to appointment texts from %(organisation)s at this number. About 3 per appointment; "
        "message and data rates may apply. Reply STOP to end, HELP for help."
    ) % {"organisation": organisation}


def wording_to_tick(organisation: str) -> str:
    """The same beside a box to tick, where the carrier asks for one."""
    return gettext(
        "I agree to appointment texts from %(organisation)s at this number. About 3 per appointment; "
        "message and data rates may apply. Reply STOP to end, HELP for help."
    ) % {"organisation": organisation}


def may_text(phone: str) -> bool:
    """Whether the last word about this number is yes, and nothing its owner wrote since waits to be read by staff."""
    return bool(phone) and _standing(Channel.PHONE, phone).granted is True and not is_held(phone)


def may_email(address: str) -> bool:
    """Whether e-mails about appointments may go there: unless somebody unsubscribed it."""
    return bool(address) and _standing(Channel.EMAIL, address).granted is not False


def was_withdrawn(phone: str) -> bool:
    """Whether the last word about this number is no: nothing at all is texted to it then."""
    return _standing(Channel.PHONE, phone).granted is False


def was_stopped(phone: str) -> bool:
    """Whether the phone itself ended texts: only the phone itself, or its proved owner, can have them again."""
    standing = _standing(Channel.PHONE, phone)
    return standing.granted is False and standing.source in (Source.TEXT_STOP, Source.PROVIDER)


def is_held(phone: str) -> bool:
    """Whether its owner wrote something that may mean no more texts, and nobody has read it yet."""
    return InboundText.objects.filter(address=phone, holds_texts=True, handled_at=None).exists()


def record(
    *,
    phone: str,
    granted: bool,
    source: str,
    wording: str,
    now: datetime,
    by: User | None = None,
    customer: Customer | None = None,
    origin: Origin = Origin(),
) -> ConsentLog:
    """Add an entry for a number, and plan its texts accordingly. `by` is the staff member or the signed-in customer; None for
    a visitor. What was held until somebody knew is settled by it."""
    with transaction.atomic():
        entry = _add(Channel.PHONE, phone, granted, source, wording, now, by, customer, origin)
        held = InboundText.objects.filter(address=phone, holds_texts=True, handled_at=None)
        held.update(handled_at=now, handled_by=by, handled_note=str(entry.get_source_display()))
        planning.address_changed(channel=Channel.PHONE, address=phone, now=now)
    return entry


def record_email(
    *,
    address: str,
    granted: bool,
    source: str,
    wording: str,
    now: datetime,
    by: User | None = None,
    customer: Customer | None = None,
    origin: Origin = Origin(),
) -> ConsentLog:
    """The same for an e-mail address."""
    with transaction.atomic():
        entry = _add(Channel.EMAIL, address.lower(), granted, source, wording, now, by, customer, origin)
        planning.address_changed(channel=Channel.EMAIL, address=address, now=now)
    return entry


def _add(
    channel: str,
    address: str,
    granted: bool,
    source: str,
    wording: str,
    now: datetime,
    by: User | None,
    customer: Customer | None,
    origin: Origin,
) -> ConsentLog:
    return ConsentLog.objects.create(
        channel=channel,
        address=address,
        granted=granted,
        source=source,
        wording=wording,
        wording_version=WORDING_VERSION,
        customer=customer,
        at=now,
        ip=origin.ip,
        user_agent=origin.user_agent[:200],
        by=by,
    )


def _standing(channel: str, address: str) -> Standing:
    wanted = suppression.key(channel, address)
    return suppression.standings([wanted])[wanted]
