"""Documents in every state, made the way the product makes them."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from appointments.models import Appointment, Customer, Facility, Program
from signatures import requests, signing
from signatures.answers import Mark
from signatures.evidence import Caller
from signatures.models import (
    Disclosure,
    DocumentRequirement,
    DocumentTemplate,
    SignatureRequest,
    Signer,
    TemplateVersion,
)
from tests import factories as make
from tests.factories import NOW

BODY = "# Consent\n\nI, {customer_name}, agree to be seen at {facility}.\n"
MARK = Mark("Ada Nguyen")
DRAWN = Mark("Ada Nguyen", (tuple((100 + 10 * n, 150 + (n % 3) * 20) for n in range(20)),))
PHONE = Caller(ip="203.0.113.9", user_agent="A phone")


def template(
    *,
    body: str = BODY,
    signers: list[str] | None = None,
    at: list[Facility] | None = None,
    needed_by: Program | None = None,
    is_published: bool = True,
    version: dict[str, Any] | None = None,
    **fields: Any,
) -> TemplateVersion:
    """The first version of a new document. `needed_by` is a program that requires it."""
    author = make.user()
    made = DocumentTemplate.objects.create(
        **{"kind": "consent", "title": "Consent to care", "created_at": NOW, "created_by": author, **fields}
    )
    made.facilities.set(at or [])
    published = {"published_at": NOW, "published_by": author} if is_published else {}
    if needed_by is not None:
        DocumentRequirement.objects.create(program=needed_by, template=made)
    return TemplateVersion.objects.create(
        **{
            "template": made,
            "number": 1,
            "body": body,
            "signers": signers or ["customer"],
            "created_at": NOW,
            "created_by": author,
            **published,
            **(version or {}),
        }
    )


def request(
    *,
    of: TemplateVersion | None = None,
    customer: Customer | None = None,
    facility: Facility | None = None,
    appointment: Appointment | None = None,
    now: datetime = NOW,
    is_sent: bool = True,
    **template_fields: Any,
) -> SignatureRequest:
    """One document, asked for; as good as sent, unless told otherwise."""
    if appointment is not None:
        customer, facility = appointment.customer, appointment.facility
    facility = facility or make.facility()
    customer = customer or make.customer(at=facility, given_name="Ada", family_name="Nguyen")
    made = requests.prepare(
        version=of or template(**template_fields),
        customer=customer,
        facility=facility,
        appointment=appointment,
        by=make.user(),
        now=now,
    )
    if is_sent:
        made.state, made.sent_at = SignatureRequest.State.SENT, now
        made.save(update_fields=["state", "sent_at"])
    return made


def tamper(statement: str, *values: object) -> None:
    """As somebody would who owns the database: no trigger runs."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET session_replication_role = DEFAULT")


def disclosure(language: str = "en") -> Disclosure:
    """The one that holds, or else a first one."""
    found = Disclosure.objects.filter(language=language).order_by("-number").first()
    return found or Disclosure.objects.create(
        language=language, number=1, text="You may have all of this on paper.", created_at=NOW
    )


def next_signer(of: SignatureRequest) -> Signer:
    found = signing.whose_turn(of)
    assert found is not None
    return found


def agreed(
    of: SignatureRequest, *, now: datetime = NOW + timedelta(minutes=5), caller: Caller = PHONE
) -> Signer:
    """Whose turn it is, having opened the document and agreed to electronic records."""
    signer = next_signer(of)
    signing.begin(signer, caller=caller, now=now)
    signing.consent(signer, disclosure(), caller=caller, now=now)
    signing.viewed(signer, form="page", sha256=bytes(32), caller=caller, now=now)
    return signer


def signed(
    *,
    values: dict[str, str] | None = None,
    mark: Mark = MARK,
    now: datetime = NOW + timedelta(minutes=9),
    caller: Caller = PHONE,
    **fields: Any,
) -> SignatureRequest:
    """Signed by everybody, and waiting to be sealed."""
    made = fields.pop("request", None) or request(**fields)
    while signing.whose_turn(made) is not None:
        signing.sign(
            agreed(made, now=now, caller=caller), values=values or {}, mark=mark, caller=caller, now=now
        )
        made.refresh_from_db()
    return made
