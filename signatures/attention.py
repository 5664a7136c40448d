"""Which documents need somebody: those that could not be sealed, were declined, or wait for a second party nobody has named."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Subquery, Value, When

from appointments.access import SEE_DOCUMENTS, Access
from securecare.outbox import State
from signatures.models import OPEN_STATES, RequestState, SignatureRequest, Signer, SignerRole

NOT_SEALED, WAITS, DECLINED, NOBODY_NAMED = "1", "2", "3", "4"
WHY = {
    NOT_SEALED: "Sealing failed",
    WAITS: "Waits to be sealed",
    DECLINED: "Declined",
    NOBODY_NAMED: "Name the second party",
}
# A declined document is talked about within that time, or asked for anew; after it the customer's page still shows it.
DECLINED_FOR = timedelta(days=14)

# How many there are, as one number: the bar of every staff page asks, in one statement with other counts.
COUNT = """
(CASE WHEN %(sees_documents)s THEN (
 SELECT count(*)
   FROM signatures_signaturerequest asked
  WHERE asked.facility_id = ANY(%(facilities)s)
    AND (EXISTS (SELECT FROM signatures_sealing sealing
                  WHERE sealing.request_id = asked.id AND asked.state = 'signed'
                    AND (sealing.state = 'given_up' OR (sealing.state = 'pending' AND sealing.last_error <> '')))
         OR (asked.state = 'declined' AND asked.closed_at > now() - interval '14 days'
             AND NOT EXISTS (SELECT FROM signatures_signaturerequest later
                              WHERE later.customer_id = asked.customer_id AND later.template_id = asked.template_id
                                AND later.id > asked.id))
         OR (asked.state IN ('prepared', 'sent')
             AND EXISTS (SELECT FROM signatures_signer signer
                          WHERE signer.request_id = asked.id AND signer.role = 'second' AND signer.name = ''
                            AND signer.signed_at IS NULL
                            AND NOT EXISTS (SELECT FROM signatures_signer earlier
                                             WHERE earlier.request_id = asked.id AND earlier.place < signer.place
                                               AND earlier.signed_at IS NULL))))
 ) ELSE 0 END)
"""


def bounds(access: Access) -> dict[str, list[int] | bool]:
    """What COUNT needs to know of the user."""
    return {"facilities": list(access.facility_ids), "sees_documents": access.may(SEE_DOCUMENTS)}


def count(access: Access) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COUNT}", bounds(access))
        found: int = cursor.fetchone()[0]
    return found


def needing(access: Access, *, now: datetime) -> QuerySet[SignatureRequest]:
    """Those that need somebody, each with `why`, a key of WHY: the most urgent kind first, the longest waiting first."""
    later = SignatureRequest.objects.filter(
        customer=OuterRef("customer"), template=OuterRef("template"), pk__gt=OuterRef("pk")
    )
    turn = Signer.objects.filter(request=OuterRef("pk"), signed_at=None).order_by("place")
    rows = SignatureRequest.objects.visible_at(access.facility_ids).alias(
        turn_role=Subquery(turn.values("role")[:1]), turn_name=Subquery(turn.values("name")[:1])
    )
    kinds = {
        NOT_SEALED: Q(state=RequestState.SIGNED, sealing__state=State.GIVEN_UP),
        WAITS: Q(state=RequestState.SIGNED, sealing__state=State.PENDING) & ~Q(sealing__last_error=""),
        DECLINED: Q(state=RequestState.DECLINED, closed_at__gt=now - DECLINED_FOR) & ~Q(Exists(later)),
        NOBODY_NAMED: Q(state__in=OPEN_STATES, turn_role=SignerRole.SECOND, turn_name=""),
    }
    whens = [When(condition, then=Value(kind)) for kind, condition in kinds.items()]
    rows = rows.annotate(why=Case(*whens, default=Value(""), output_field=CharField()))
    return rows.exclude(why="").order_by("why", "closed_at", "pk")
