"""What needs a person: messages that were not delivered, and texts that only somebody who reads them can answer.

A user sees what is about their facilities: messages by the appointment, or by the customer where there is none; texts by whose
number it is. Texts of nobody on record are everyone's to look at, or they would be nobody's.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from appointments.access import Access
from appointments.models import Channel, Customer
from reminders import consent, inbound
from reminders.models import InboundText, Message, MessageQuerySet, Source

NOTE_LIMIT = 200

# How many there are, as one number: the bar of every staff page asks, in one statement with other counts.
COUNT = """
((SELECT count(*)
    FROM reminders_message message
    LEFT JOIN appointments_appointment appointment ON appointment.id = message.appointment_id
   WHERE message.needs_person_since IS NOT NULL AND message.handled_at IS NULL
     AND (%(everywhere)s
          OR appointment.facility_id = ANY(%(facilities)s)
          OR (message.appointment_id IS NULL
              AND EXISTS (SELECT FROM appointments_customer_facilities known
                           WHERE known.customer_id = message.customer_id
                             AND known.facility_id = ANY(%(facilities)s)))))
 +
 (SELECT count(*)
    FROM reminders_inboundtext text
   CROSS JOIN LATERAL (
         SELECT count(*) AS places, coalesce(bool_or(facility_id = ANY(%(facilities)s)), false) AS is_ours
           FROM (SELECT known.facility_id
                   FROM appointments_customer customer
                   LEFT JOIN appointments_customer_facilities known ON known.customer_id = customer.id
                  WHERE customer.phone = text.address AND customer.phone <> ''
                  UNION
                 SELECT appointment.facility_id
                   FROM reminders_message sent
                   JOIN appointments_appointment appointment ON appointment.id = sent.appointment_id
                  WHERE sent.channel = 'phone' AND sent.address = text.address
                    AND sent.handed_over_at IS NOT NULL) AS known_at (facility_id)) whose
   WHERE text.needs_person AND text.handled_at IS NULL
     AND (%(everywhere)s OR whose.places = 0 OR whose.is_ours)))
"""


def bounds(access: Access) -> dict[str, list[int] | bool]:
    """What COUNT needs to know of the user."""
    return {"facilities": list(access.facility_ids), "everywhere": bool(access.user.is_superuser)}


def count(access: Access) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COUNT}", bounds(access))
        found: int = cursor.fetchone()[0]
    return found


def visible(access: Access) -> MessageQuerySet:
    """All messages this user may see."""
    if access.user.is_superuser:
        return Message.objects.all()
    return Message.objects.visible_at(access.facilities)


def messages(access: Access) -> MessageQuerySet:
    """Those that need a person, the longest waiting first."""
    waiting = visible(access).filter(needs_person_since__isnull=False, handled_at__isnull=True)
    return waiting.order_by("needs_person_since", "pk")


def texts(access: Access) -> QuerySet[InboundText]:
    """Texts that nobody has dealt with, the longest waiting first."""
    waiting = InboundText.objects.filter(needs_person=True, handled_at__isnull=True)
    waiting = waiting.order_by("received_at", "pk")
    if access.user.is_superuser:
        return waiting
    customers = Customer.objects.filter(phone=OuterRef("address")).exclude(phone="")
    written_to = Message.objects.filter(
        channel=Channel.PHONE,
        address=OuterRef("address"),
        handed_over_at__isnull=False,
        appointment__isnull=False,
    )
    is_ours = Exists(customers.known_at(access.facility_ids)) | Exists(
        written_to.filter(appointment__facility__in=access.facility_ids)
    )
    return waiting.filter(is_ours | (~Exists(customers) & ~Exists(written_to)))


def handle(message: Message, *, by: User, now: datetime, note: str = "") -> bool:
    """A person has seen to it. False if somebody had already, or nobody needed to."""
    waiting = Message.objects.filter(pk=message.pk, needs_person_since__isnull=False, handled_at__isnull=True)
    return bool(waiting.update(handled_at=now, handled_by=by, handled_note=note[:NOTE_LIMIT]))


def handle_text(text: InboundText, *, by: User, now: datetime, note: str = "") -> bool:
    """A person has read it: texts that it held go on. False if somebody had already."""
    waiting = InboundText.objects.filter(pk=text.pk, needs_person=True, handled_at__isnull=True)
    return bool(waiting.update(handled_at=now, handled_by=by, handled_note=note[:NOTE_LIMIT]))


def end_texts(text: InboundText, *, by: User, now: datetime, note: str = "") -> bool:
    """They meant it: nothing more is texted to the number. The log keeps their words. False if somebody had read it already."""
    with transaction.atomic():
        if not handle_text(text, by=by, now=now, note=note):
            return False
        consent.record(
            phone=text.address,
            granted=False,
            source=Source.STAFF,
            wording=_said(text, note),
            now=now,
            by=by,
            customer=inbound.whose(text.address),
        )
    return True


def _said(text: InboundText, note: str) -> str:
    words = f"Texted: {inbound.text_of(text)}"
    return f"{words}\nNote: {note}" if note else words
