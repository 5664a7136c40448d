"""Customers who sign in: their user, made at the first sign-in, never has a password and never is a staff member's.

A session keeps the proof it began with, so that who shares an address with others, such as a parent with children, can go from
one to the other while it lasts.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import auth
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from appointments.access import belongs_to_staff
from appointments.models import Customer
from portal import codes, contacts
from portal.contacts import Contact
from portal.models import PortalCode
from securecare import idle, sessions

BACKEND = "portal.accounts.PatronBackend"
STAYS_FOR = timedelta(days=30)
CHOOSE_WITHIN = timedelta(minutes=15)
_PROOF = "portal_proof"
_PROVED = "portal_proved"
_STAYS = "portal_stays"
_WAY_BACK = "portal_way_back"


class PatronBackend(BaseBackend):
    """Knows who a portal session belongs to. It signs nobody in by itself and grants nothing.

    A user who belongs to staff has no portal session, whatever their session says: a code sent to a customer must not open what
    a password and a second factor guard. Nor has a user who is deactivated.
    """

    def get_user(self, user_id: int) -> User | None:
        found: Any = User.objects.filter(
            pk=user_id,
            is_active=True,
            customer__isnull=False,
            staff_member__isnull=True,
            is_superuser=False,
        )
        user: User | None = found.select_related("customer", "staff_member").first()
        return user


@dataclass(frozen=True)
class Proof:
    """An address that the holder of this session has proved to be theirs. `stays`: on this device for `STAYS_FOR`."""

    code: PortalCode
    stays: bool
    way_back: str = ""

    @property
    def contact(self) -> Contact:
        return Contact(self.code.channel, self.code.address)

    def people(self) -> list[Customer]:
        """Whom the address belongs to now; another time it may be others."""
        return list(contacts.on_file(self.contact).order_by("given_name", "family_name", "pk"))


def wait(request: HttpRequest, proof: Proof) -> None:
    """Note what is proved, in a session that is nobody's until it is chosen whose it shall be."""
    request.session.flush()
    _keep(request, proof)
    request.session[_WAY_BACK] = proof.way_back


def proof_of(request: HttpRequest, *, now: datetime) -> Proof | None:
    """What this session began with, unless it was revoked since or nobody was chosen in time."""
    code = PortalCode.objects.filter(pk=request.session.get(_PROOF, 0), used_at__isnull=False).first()
    if code is None or code.used_at is None:
        return None
    if not request.user.is_authenticated and now >= code.used_at + CHOOSE_WITHIN:
        return None
    return Proof(code, bool(request.session.get(_STAYS)), request.session.get(_WAY_BACK, ""))


def sign_in(request: HttpRequest, customer: Customer, proof: Proof, *, now: datetime) -> None:
    """Begin a session of this customer's. Nothing of the browser's session before it is left."""
    user = user_of(customer)
    request.session.flush()
    auth.login(request, user, backend=BACKEND)
    _keep(request, proof)
    request.session[idle.IDLE_SECONDS] = idle.DEFAULT_IDLE_SECONDS
    idle.record(request.session, at=now)
    if proof.stays and proof.code.used_at is not None:
        request.session[idle.IDLE_SECONDS] = int(STAYS_FOR.total_seconds())
        request.session.set_expiry(proof.code.used_at + STAYS_FOR)


def user_of(customer: Customer) -> User:
    """The user as whom this customer signs in, made if there is none. Two first sign-ins at once make one.

    Where an administrator named a staff member's user here, the customer gets one of their own: the staff member's stays what
    it is, and no e-mailed code opens it.
    """
    with transaction.atomic():
        found = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
        if found.user is None or belongs_to_staff(found.user):
            found.user = _new_user()
            found.save(update_fields=["user"])
    user: User = found.user
    return user


def proved(request: HttpRequest) -> list[Contact]:
    """The contacts that whoever holds this session has proved to be theirs."""
    return [Contact(channel, address) for channel, address in request.session.get(_PROVED, [])]


def add_proved(request: HttpRequest, contact: Contact) -> None:
    request.session[_PROVED] = [[known.channel, known.address] for known in [*proved(request), contact]]


def end_other_sessions(request: HttpRequest, customer: Customer) -> int:
    """Sign the customer out everywhere but here. Other sessions cannot switch back to them either."""
    codes.revoke(customer, keep=request.session.get(_PROOF))
    return sessions.end_all(user_id=request.user.pk or 0, keep=request.session.session_key)


def end_all_sessions(request: HttpRequest, customer: Customer) -> None:
    codes.revoke(customer)
    sessions.end_all(user_id=request.user.pk or 0)
    auth.logout(request)


def _keep(request: HttpRequest, proof: Proof) -> None:
    request.session[_PROOF] = proof.code.pk
    add_proved(request, proof.contact)
    request.session[_STAYS] = proof.stays


def _new_user() -> User:
    """A name that says nothing of the person, and no password."""
    return User.objects.create_user(username=f"customer-{secrets.token_hex(12)}")
