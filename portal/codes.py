"""Codes that prove an address: six digits for the browser that asked, and a link for wherever the message is read.

What is known and what is not takes the same steps and leaves the same traces but one: the message. Neither the page, nor a
cookie, nor a limit tells whether an address is on file.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils.translation import get_language

from appointments.models import Customer
from portal import contacts, letters
from portal.contacts import Contact
from portal.models import PortalCode, Purpose
from reminders import consent, messages
from reminders.models import Channel, Kind
from securecare import limits, links
from securecare.client import network_of

LASTS = timedelta(minutes=15)
MOST_TRIES = 5
# From one network and from all: a stranger who asks for codes does not keep the owner from one.
PER_CONTACT = "5/hour"
PER_CONTACT_ANYWHERE = "20/hour"
# However many codes they are of: a million guesses take decades. The link in the message goes on working.
TRIES_PER_CONTACT = "100/day"
# Texts go to numbers that a customer says are theirs, and cost money.
TEXTS_PER_CUSTOMER = "5/hour"
PER_ADDRESS = "20/hour"
# Proofs are looked at for as long as a session may last that began with one.
KEPT = timedelta(days=31)


class TooManyAsked(Exception):
    """This network address, or this customer for new numbers, has asked for too many codes."""


class CodeRefused(Exception):
    """Nothing is proved. `is_dead`: no further try with this code can succeed."""

    def __init__(self, *, is_dead: bool) -> None:
        super().__init__("The code is dead." if is_dead else "The digits are wrong.")
        self.is_dead = is_dead


@dataclass(frozen=True)
class Asked:
    """What goes out into the world, and is stored as digests only."""

    digits: str
    link: str
    browser: str

    @classmethod
    def new(cls) -> "Asked":
        return cls(f"{secrets.randbelow(10**6):06d}", links.new_token(), links.new_token())


def ask(
    *, contact: Contact, now: datetime, ip: str | None, customer: Customer | None = None, way_back: str = ""
) -> str:
    """Write down a code for this contact, and a message with it if there is one to get it. Returns the secret that lets the
    asking browser enter the digits.

    With a `customer` it proves a new contact of theirs, else it signs in whoever has the contact on file. `way_back` is the
    page to which the link in an e-mail leads. Raises TooManyAsked.
    """
    if not _may_ask(contact, customer, ip):
        raise TooManyAsked
    asked = Asked.new()
    with transaction.atomic():
        owners = list(contacts.on_file(contact)[:2])
        is_known = _may_be_sent(contact, ip) and (customer is not None or bool(owners))
        _write_down(asked, contact, customer=customer, is_known=is_known, ip=ip, now=now)
        with transaction.atomic():
            owner = customer or (owners[0] if len(owners) == 1 else None)
            _send(asked, contact, owner, is_new_contact=customer is not None, way_back=way_back, now=now)
            # The message for an address nobody has is made like any other, so that it takes as long, and let go.
            if not is_known:
                transaction.set_rollback(True)
        if not is_known:
            messages.hint_at_none()
    return asked.browser


def waiting(secret: str, *, now: datetime, customer: Customer | None = None) -> Contact | None:
    """The contact whose digits this browser may still enter."""
    row = _alive(now).filter(_asked_by(customer), browser_digest=links.digest(secret)).first()
    return Contact(row.channel, row.address) if row else None


def use_digits(typed: str, *, secret: str, now: datetime, customer: Customer | None = None) -> PortalCode:
    """The code that these digits prove, used up. Each try is paid for before it is looked at, so that tries at the same moment
    are no more than `MOST_TRIES` either. Raises CodeRefused."""
    mine = PortalCode.objects.filter(_asked_by(customer), browser_digest=links.digest(secret))
    if not _alive(now, mine).update(wrong_tries=F("wrong_tries") + 1):
        raise CodeRefused(is_dead=True)
    right = _unused(now, mine).filter(is_known=True, code_digest=_digest(typed, links.digest(secret)))
    if not _may_be_tried(mine.get()) or not right.update(used_at=now, wrong_tries=F("wrong_tries") - 1):
        raise CodeRefused(is_dead=not _alive(now, mine).exists())
    return mine.get()


def is_open(token: str, *, now: datetime) -> bool:
    """Whether this link would still sign somebody in."""
    return _by_link(token, now).exists()


def use_link(token: str, *, now: datetime) -> PortalCode:
    """The code that this link proves, used up. Raises CodeRefused."""
    if not _by_link(token, now).update(used_at=now):
        raise CodeRefused(is_dead=True)
    return PortalCode.objects.get(link_digest=links.digest(token))


def revoke(customer: Customer, *, keep: int | None = None) -> None:
    """End what was proved or could still be with the customer's contacts: codes on their way, and the right of sessions other
    than the one that began with `keep` to switch to this customer."""
    own = Q(customer=customer)
    for channel in Channel.values:
        own |= Q(channel=channel, address=contacts.current(customer, channel).address)
    PortalCode.objects.filter(own).exclude(pk=keep or 0).delete()


def clear_old(*, now: datetime) -> int:
    return PortalCode.objects.filter(created_at__lte=now - KEPT).delete()[0]


def _may_ask(contact: Contact, customer: Customer | None, ip: str | None) -> bool:
    if not limits.allowed("codes asked from an address", network_of(ip), PER_ADDRESS):
        return False
    if customer is None or contact.is_email:
        return True
    return limits.allowed("texts asked by a customer", str(customer.pk), TEXTS_PER_CUSTOMER)


def _may_be_sent(contact: Contact, ip: str | None) -> bool:
    """Whether the contact has not had too many, and does not refuse texts. Both are looked at whoever it belongs to."""
    who = _counted_as(contact.channel, contact.address)
    is_within = limits.allowed(
        "codes asked for a contact from a network", f"{who} {network_of(ip)}", PER_CONTACT
    ) and limits.allowed("codes asked for a contact", who, PER_CONTACT_ANYWHERE)
    return is_within and (contact.is_email or not consent.was_withdrawn(contact.address))


def _may_be_tried(code: PortalCode) -> bool:
    """Count one more try of digits for this contact, whoever asked for them."""
    who = _counted_as(code.channel, code.address)
    return limits.allowed("digits tried for a contact", who, TRIES_PER_CONTACT)


def _counted_as(channel: str, address: str) -> str:
    return links.keyed_digest(f"{channel} {address}", purpose="limit").hex()


def _write_down(
    asked: Asked,
    contact: Contact,
    *,
    customer: Customer | None,
    is_known: bool,
    ip: str | None,
    now: datetime,
) -> None:
    browser = links.digest(asked.browser)
    PortalCode.objects.create(
        purpose=Purpose.CONTACT if customer else Purpose.SIGN_IN,
        channel=contact.channel,
        address=contact.address,
        is_known=is_known,
        customer=customer,
        code_digest=_digest(asked.digits, browser),
        link_digest=links.digest(asked.link),
        browser_digest=browser,
        created_at=now,
        expires_at=now + LASTS,
        ip=ip,
    )


def _send(
    asked: Asked,
    contact: Contact,
    owner: Customer | None,
    *,
    is_new_contact: bool,
    way_back: str,
    now: datetime,
) -> None:
    if is_new_contact:
        letter = letters.new_contact(contact.channel, digits=asked.digits)
    else:
        link = _address(asked.link, way_back if contact.is_email else "")
        letter = letters.sign_in(contact.channel, digits=asked.digits, link=link)
    messages.write(
        kind=Kind.CONTACT if is_new_contact else Kind.SIGN_IN,
        channel=contact.channel,
        address=contact.address,
        letter=letter,
        now=now,
        language=get_language() or "",
        customer=owner,
        useful_until=now + LASTS,
    )


def _address(token: str, way_back: str) -> str:
    query = f"?{urlencode({'next': way_back})}" if way_back else ""
    return settings.PUBLIC_BASE_URL + reverse("portal-sign-in-link", args=[token]) + query


def _digest(digits: str, browser: bytes) -> bytes:
    """Six digits are soon tried out: their digest is keyed, and worth nothing beside another row."""
    return links.keyed_digest(f"{browser.hex()} {digits}", purpose="portal-code")


def _asked_by(customer: Customer | None) -> Q:
    return Q(purpose=Purpose.SIGN_IN if customer is None else Purpose.CONTACT, customer=customer)


def _by_link(token: str, now: datetime) -> QuerySet[PortalCode]:
    return _alive(now).filter(purpose=Purpose.SIGN_IN, is_known=True, link_digest=links.digest(token))


def _alive(now: datetime, rows: QuerySet[PortalCode] | None = None) -> QuerySet[PortalCode]:
    return _unused(now, rows).filter(wrong_tries__lt=MOST_TRIES)


def _unused(now: datetime, rows: QuerySet[PortalCode] | None = None) -> QuerySet[PortalCode]:
    return (PortalCode.objects.all() if rows is None else rows).filter(used_at=None, expires_at__gt=now)
