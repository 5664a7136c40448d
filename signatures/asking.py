"""What staff ask for by choice: documents no program asks for, and others in place of those that were signed or declined."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from appointments.models import Appointment, Customer, Facility, StaffMember
from signatures import attaching, links, requests, signing
from signatures.models import (
    OPEN_STATES,
    DocumentTemplate,
    RequestState,
    SignatureLink,
    SignatureRequest,
    Signer,
    SignerRole,
    TemplateVersion,
)
from signatures.requests import RequestRefused

NOBODY_NAMED = "Name the second party first."


def offered(customer: Customer, facilities: Iterable[Facility | int]) -> QuerySet[TemplateVersion]:
    """The published versions that the customer can be asked for there: those not waiting for them already."""
    waiting = SignatureRequest.objects.filter(customer=customer, state__in=OPEN_STATES).values("template")
    templates = DocumentTemplate.objects.visible_at(facilities).filter(is_active=True)
    found = TemplateVersion.objects.current().filter(template__in=templates.exclude(pk__in=waiting))
    return found.select_related("template").defer("body", "pdf")


@transaction.atomic
def ask(
    *,
    versions: Iterable[TemplateVersion],
    customer: Customer,
    facility: Facility,
    by: User,
    now: datetime,
    appointment: Appointment | None = None,
) -> list[SignatureRequest]:
    """Requests that are to be sent; with an appointment it needs them from now on. Raises RequestRefused."""
    made = []
    for version in versions:
        request = requests.prepare(
            version=version, customer=customer, facility=facility, appointment=appointment, by=by, now=now
        )
        if appointment is not None:
            attaching.attach_request(appointment, request)
        made.append(request)
    return made


@transaction.atomic
def ask_anew(*, request: SignatureRequest, by: User, now: datetime) -> SignatureRequest:
    """The document in its present version, once more: it takes the place of a signed one, which stays as it is.
    Raises RequestRefused."""
    current = requests.locked(request)
    if current.is_open:
        raise RequestRefused("It is still waiting. Send it again, or void it first.")
    if current.state == RequestState.SIGNED:
        raise RequestRefused("It is being sealed. Wait until it is, then ask for a new one.")
    version = (
        TemplateVersion.objects.current().filter(template=current.template_id).select_related("template")
    )
    found = version.first()
    if found is None or not found.template.is_active:
        raise RequestRefused("This document is no longer asked for.")
    made = requests.prepare(
        version=found,
        customer=current.customer,
        facility=current.facility,
        appointment=current.appointment,
        supersedes=current.document if current.state == RequestState.SEALED else None,
        by=by,
        now=now,
    )
    attaching.replace(current, made)
    return made


def hand_over(request: SignatureRequest, *, facilities: Iterable[int], by: User, now: datetime) -> str:
    """The token of a link for this facility's own device: to all that the person whose turn it is has to sign. Raises
    RequestRefused."""
    signer = signing.whose_turn(request) if request.is_open else None
    if signer is None:
        raise RequestRefused("Nobody has to sign it any more.")
    if signer.role == SignerRole.STAFF:
        raise RequestRefused("A staff member signs it next, on their own page.")
    return links.make(
        signers=theirs(request, signer, facilities=facilities),
        channel=SignatureLink.Channel.KIOSK,
        now=now,
        by=by,
    )


def theirs(request: SignatureRequest, signer: Signer, *, facilities: Iterable[int]) -> list[Signer]:
    """All that this person has to sign now: of a second party, what the same name, address and number stand on."""
    found = Signer.objects.filter(
        request__customer=request.customer_id,
        request__state__in=OPEN_STATES,
        request__facility__in=list(facilities),
        role=signer.role,
        signed_at=None,
    )
    if signer.role == SignerRole.SECOND:
        same = found.filter(name=signer.name, email=signer.email, phone=signer.phone)
        found = same if signer.name else found.filter(pk=signer.pk)
    rows = found.select_related("request__template").order_by("request_id", "place")
    return [each for each in rows if signing.whose_turn(each.request) == each]


@transaction.atomic
def sign_as_staff(request: SignatureRequest, *, staff: StaffMember, by: User, now: datetime) -> str:
    """The token of a link for this staff member's own signature, if theirs is next. Raises RequestRefused."""
    current = requests.locked(request)
    signer = signing.whose_turn(current) if current.is_open else None
    if signer is None or signer.role != SignerRole.STAFF:
        raise RequestRefused("No staff member has to sign it now.")
    if not is_theirs(signer, staff, current):
        raise RequestRefused(f"{signer.staff} signs this.")
    if signer.staff_id != staff.pk:
        signer.staff, signer.name = staff, staff.display_name
        signer.save(update_fields=["staff", "name"])
    return links.make(signers=[signer], channel=SignatureLink.Channel.DESK, now=now, by=by)


def is_theirs(signer: Signer, staff: StaffMember, request: SignatureRequest) -> bool:
    """Named for it; or nobody is, or one who has left, or the appointment has become theirs since."""
    named = signer.staff
    if named is None or named.pk == staff.pk or not named.is_active:
        return True
    return request.appointment is not None and request.appointment.staff_id == staff.pk
