"""Writing down what is to be sent about appointments, many rows in one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import connection

from appointments.models import Appointment
from reminders import messages
from reminders.models import Message

PASSED = "Its time had passed already when it was planned."


@dataclass(frozen=True)
class Planned:
    """One message about an appointment's present revision: due at an instant, or not to be sent for a `reason`."""

    appointment: Appointment
    kind: str
    channel: str
    address: str
    due_at: datetime
    language: str
    reason: str = ""
    rule_id: int | None = None
    before: dict[str, Any] = field(default_factory=dict)


# A row that has been handed over, is being sent or was given up stays as it is. One whose time passes while it waits to be
# sent is not late, nor is one that waits because it was put off or is tried again; and one closed for another reason keeps
# that. So PASSED never overwrites the same plan.
_PUT = """
INSERT INTO reminders_message AS kept (
    appointment_id, customer_id, revision, created_at, reference, kind, channel, rule_id, address, language, before,
    due_at, state, settled_at, closed_reason,
    attempts, last_error, copy, again_reason, key_id, transport, provider_id, delivery, delivery_detail, handled_note)
SELECT appointment_id, customer_id, revision, %(now)s, reference, kind, channel, rule_id, address, language, before::jsonb,
       due_at, CASE reason WHEN '' THEN 'pending' ELSE 'closed' END, CASE reason WHEN '' THEN NULL ELSE %(now)s END, reason,
       0, '', 0, '', '', '', '', '', '', ''
  FROM unnest(%(appointment)s::bigint[], %(customer)s::bigint[], %(revision)s::int[], %(reference)s::uuid[],
              %(kind)s::text[], %(channel)s::text[], %(rule)s::bigint[], %(address)s::text[], %(language)s::text[],
              %(before)s::text[], %(due_at)s::timestamptz[], %(reason)s::text[])
    AS wanted (appointment_id, customer_id, revision, reference, kind, channel, rule_id, address, language, before,
               due_at, reason)
ON CONFLICT (appointment_id, kind, channel, rule_id, revision, copy) WHERE appointment_id IS NOT NULL
DO UPDATE SET due_at = EXCLUDED.due_at, state = EXCLUDED.state, settled_at = EXCLUDED.settled_at,
              closed_reason = EXCLUDED.closed_reason, address = EXCLUDED.address,
              language = EXCLUDED.language, before = EXCLUDED.before,
              queued_at = NULL, attempts = 0, last_error = ''
        WHERE kept.state IN ('pending', 'closed') AND kept.handed_over_at IS NULL
          AND (kept.due_at, kept.state, kept.closed_reason, kept.address, kept.language) IS DISTINCT FROM
              (EXCLUDED.due_at, EXCLUDED.state, EXCLUDED.closed_reason, EXCLUDED.address, EXCLUDED.language)
          AND NOT (EXCLUDED.closed_reason = %(passed)s
                   AND (kept.due_at = EXCLUDED.due_at OR (kept.state = 'pending' AND kept.last_error <> '')))
RETURNING id, due_at, state
"""


def put(rows: Sequence[Planned], *, now: datetime) -> None:
    """Write the rows, or bring those that are there already and were not sent to what is wanted now. What is due at once is
    sent as soon as the transaction commits."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_PUT, {"now": now, "passed": PASSED, **_columns(rows)})
        written = cursor.fetchall()
    due = [row_id for row_id, due_at, state in written if state == Message.State.PENDING and due_at <= now]
    messages.hint_together(due)


def _columns(rows: Sequence[Planned]) -> dict[str, list[Any]]:
    return {
        "appointment": [row.appointment.pk for row in rows],
        "customer": [row.appointment.customer_id for row in rows],
        "revision": [row.appointment.revision for row in rows],
        "reference": [uuid4() for _ in rows],
        "kind": [str(row.kind) for row in rows],
        "channel": [str(row.channel) for row in rows],
        "rule": [row.rule_id for row in rows],
        "address": [row.address for row in rows],
        "language": [row.language for row in rows],
        "before": [json.dumps(row.before) for row in rows],
        "due_at": [row.due_at for row in rows],
        "reason": [row.reason for row in rows],
    }
