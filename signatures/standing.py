"""How appointments stand with the documents that they need: on the schedule, on an appointment's page, and in its history."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from appointments.models import Appointment
from signatures.models import (
    AttachedDocument,
    EventKind,
    RequestState,
    SignatureEvent,
    SignatureRequest,
    SignerRole,
)

# Pieces of the schedule's statements. Where nobody needs a document, they cost one look at an empty table.
ANY = "(SELECT EXISTS (SELECT FROM signatures_attacheddocument))"
# By appointment, "2/3" for those that need documents. Joined, for a look at each appointment would by its estimated cost have
# PostgreSQL compile the statement, which takes longer than it does. `needed` names those that are asked for.
SIGNED = """
SELECT needed.id, count(*) FILTER (WHERE asked.state IN ('signed', 'sealed')) || '/' || count(*) AS documents
  FROM appointments_appointment needed
  JOIN signatures_attacheddocument attached ON attached.appointment_id = needed.id
  JOIN signatures_signaturerequest asked ON asked.id = attached.request_id
"""
# What changes with every signature given for an `appointment`, and with every document it needs.
JOINED = """JOIN signatures_attacheddocument attached ON attached.appointment_id = appointment.id
       JOIN signatures_signaturerequest asked ON asked.id = attached.request_id"""
FINGERPRINT = "sum(hashint8extended(attached.id, (asked.state IN ('signed', 'sealed'))::int))"

MOST_SHOWN = 100
# The rest of the evidence stands on the document's own page.
TOLD = (EventKind.SENT, EventKind.REMINDED, EventKind.SIGNED, EventKind.DECLINED, EventKind.VOIDED)


@dataclass(frozen=True)
class Standing:
    """The documents of one appointment: `rows` in the order of their titles, each with its request and template."""

    rows: list[AttachedDocument]

    @property
    def wanted(self) -> int:
        return len(self.rows)

    @property
    def signed(self) -> int:
        return sum(row.request.is_signed for row in self.rows)

    @property
    def open(self) -> int:
        """How many can be sent, or sent once more."""
        return sum(row.request.is_open for row in self.rows)

    @property
    def unsent(self) -> int:
        return sum(row.request.state == RequestState.PREPARED for row in self.rows)

    @property
    def for_device(self) -> SignatureRequest | None:
        """The first that somebody who comes here signs next: a device of the facility can be handed to them."""
        for row in self.rows:
            turn = next((each for each in row.request.signers.all() if not each.signed_at), None)
            if row.request.is_open and turn is not None and turn.role != SignerRole.STAFF:
                return row.request
        return None

    @property
    def is_all(self) -> bool:
        return self.signed == self.wanted

    def __str__(self) -> str:
        return f"{self.signed} of {self.wanted} signed"


def of(appointment: Appointment) -> Standing:
    """Two queries at most."""
    rows = AttachedDocument.objects.filter(appointment=appointment).order_by("template__title", "pk")
    related = rows.select_related("template", "request", "request__document")
    return Standing(list(related.prefetch_related("request__signers")))


_HOLDING = """
SELECT template.title
  FROM signatures_attacheddocument attached
  JOIN signatures_signaturerequest asked ON asked.id = attached.request_id
  JOIN signatures_documenttemplate template ON template.id = attached.template_id
 WHERE attached.appointment_id = %(appointment)s AND asked.state NOT IN ('signed', 'sealed')
   AND EXISTS (SELECT FROM signatures_signingrules WHERE program_id = %(program)s AND holds_arrival)
 ORDER BY template.title
"""


def holding_arrival(appointment: Appointment) -> list[str]:
    """The titles of what is to be signed first, where the program warns before it marks somebody as arrived. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDING, {"appointment": appointment.pk, "program": appointment.program_id})
        return [title for (title,) in cursor.fetchall()]


def told(appointment: Appointment, *, since: datetime) -> list[SignatureEvent]:
    """What became of its documents, in the order in which it happened; of very much the latest. One query."""
    serves = AttachedDocument.objects.filter(request=OuterRef("request"), appointment=appointment)
    events = SignatureEvent.objects.filter(
        Q(Exists(serves)) | Q(request__appointment=appointment), kind__in=TOLD, at__gte=since
    )
    related = ("request__template", "signer", "by__staff_member")
    return list(events.select_related(*related).order_by("-at", "-id")[:MOST_SHOWN])[::-1]
