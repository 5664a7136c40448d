"""Asking people to sign: one message for all that one person has to sign, by the channels that reach them.

Messages go through the outbox like all others: whether their address may be written to is asked again when each is sent.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction

from appointments.models import Appointment, Channel
from reminders import messages, suppression
from reminders.models import Kind
from securecare import links as tokens
from securecare import localtime
from signatures import evidence, letters, links
from signatures import requests as asking
from signatures.evidence import Caller
from signatures.models import (
    OPEN_STATES,
    EventKind,
    RequestState,
    SignatureRequest,
    SignedDocument,
    Signer,
    SignerRole,
    SigningReminder,
)
from signatures.models.template import usual_reminders

REMINDED_AT = time(10)
# Whoever was written to so lately is not reminded yet.
LATELY = timedelta(hours=20)
# A reminder missed by more than that, as after an outage, is left to the next one.
CAUGHT_UP = timedelta(hours=12)
LONGEST_LEAD = timedelta(days=62)


class CannotSend(Exception):
    """Nobody can be reached; the message says what to do."""


@dataclass(frozen=True)
class Way:
    """A channel that a signer has an address for, and what speaks against it, if anything does."""

    channel: str
    address: str
    against: str

    @property
    def label(self) -> str:
        return str(Channel(self.channel).label)


@dataclass
class Sent:
    """How many documents were sent to which addresses, and who has none to send to."""

    documents: int = 0
    addresses: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)


def ways(signer: Signer) -> list[Way]:
    """E-mail first. Empty where no address is on record."""
    addresses = [(Channel.EMAIL, signer.email), (Channel.PHONE, signer.phone)]
    keys = [suppression.key(channel, address) for channel, address in addresses if address]
    standings = suppression.standings(keys)
    return [Way(key[0], key[1], suppression.of_address(*key, standings[key])) for key in keys]


def send(
    *,
    requests: Iterable[SignatureRequest],
    by: User | None,
    now: datetime,
    channels: Sequence[str] | None = None,
    is_reminder: bool = False,
) -> Sent:
    """Ask whoever's turn it is to sign these, each person once for all of theirs. `channels` are those to use, if not all.

    Raises CannotSend where nobody can be reached. A person whom nothing reaches is named in the answer.
    """
    sent = Sent()
    with transaction.atomic():
        for signers in _people(requests):
            _ask(signers, sent, by=by, now=now, channels=channels, is_reminder=is_reminder)
        if by is not None and not sent.addresses:
            raise CannotSend(_nobody_reached(sent))
    return sent


def ask_next(request: SignatureRequest, *, now: datetime) -> None:
    """Tell whoever signs next, in the transaction of the signature before. Staff find it among the documents that wait."""
    send(requests=[request], by=None, now=now)


def send_copy(document: SignedDocument, *, now: datetime) -> None:
    """Tell each signer outside of staff where the signed copy is, by the first channel that reaches them."""
    for signer in document.request.signers.exclude(role=SignerRole.STAFF).select_related("request"):
        way = next((way for way in ways(signer) if not way.against), None)
        if way is None:
            continue
        token = tokens.new_token()
        letter = letters.copy(
            channel=way.channel,
            title=document.title,
            token=token,
            facility=document.request.facility,
            language=_language(document.request),
        )
        message = messages.write(
            kind=Kind.PLEASE_SIGN,
            channel=way.channel,
            address=way.address,
            letter=letter,
            now=now,
            language=_language(document.request),
            customer=document.customer,
        )
        links.make(
            signers=[signer], channel=way.channel, address=way.address, message=message, now=now, token=token
        )


def _people(requests: Iterable[SignatureRequest]) -> list[list[Signer]]:
    """Whose turn it is in each, those of one person together. Staff sign on their own pages."""
    found: dict[tuple[object, ...], list[Signer]] = defaultdict(list)
    for request in requests:
        current = asking.locked(request)
        signer = current.signers.filter(signed_at=None).order_by("place").first()
        if current.state not in OPEN_STATES or signer is None:
            continue
        signer.request = current
        if signer.role == SignerRole.STAFF:
            _note_sent(current)
            continue
        found[signer.role, current.customer_id, signer.email.lower(), signer.phone].append(signer)
    return list(found.values())


def _ask(
    signers: list[Signer],
    sent: Sent,
    *,
    by: User | None,
    now: datetime,
    channels: Sequence[str] | None,
    is_reminder: bool,
) -> None:
    reached = [
        way for way in ways(signers[0]) if not way.against and (channels is None or way.channel in channels)
    ]
    if not reached:
        sent.unreached.append(str(signers[0]))
        return
    for way in reached:
        _write(signers, way, by=by, now=now, is_reminder=is_reminder)
    for signer in signers:
        _note_sent(signer.request, now=now)
        evidence.record(
            signer.request,
            kind=EventKind.REMINDED if is_reminder else EventKind.SENT,
            now=now,
            signer=signer,
            caller=Caller(by=by),
            to=[way.address for way in reached],
        )
    sent.documents += len(signers)
    sent.addresses += [way.address for way in reached]


def _write(signers: list[Signer], way: Way, *, by: User | None, now: datetime, is_reminder: bool) -> None:
    request = signers[0].request
    token, appointment = tokens.new_token(), _appointment_of(request)
    letter = letters.please_sign(
        channel=way.channel,
        titles=[signer.request.template.title for signer in signers],
        token=token,
        facility=request.facility,
        appointment=appointment,
        language=_language(request),
        is_reminder=is_reminder,
    )
    message = messages.write(
        kind=Kind.PLEASE_SIGN,
        channel=way.channel,
        address=way.address,
        letter=letter,
        now=now,
        language=_language(request),
        customer=request.customer,
        appointment=appointment,
    )
    links.make(
        signers=signers,
        channel=way.channel,
        address=way.address,
        message=message,
        by=by,
        now=now,
        token=token,
    )


def _appointment_of(request: SignatureRequest) -> Appointment | None:
    """The next one that needs it, if it stands; messages name that."""
    appointment = request.appointment
    return appointment if appointment is not None and not appointment.is_cancelled else None


def _note_sent(request: SignatureRequest, *, now: datetime | None = None) -> None:
    request.state = RequestState.SENT
    request.sent_at = now or request.sent_at
    request.save(update_fields=["state", "sent_at"])


def _language(request: SignatureRequest) -> str:
    known = dict(settings.LANGUAGES)
    language = request.customer.language
    return language if language in known else settings.LANGUAGE_CODE.partition("-")[0]


def _nobody_reached(sent: Sent) -> str:
    if not sent.unreached:
        return "There is nothing to send: nobody outside of staff has to sign now."
    names = ", ".join(dict.fromkeys(sent.unreached))
    return (
        f"Nothing reaches {names}: enter an e-mail address, or have them agree to texts. "
        "They can also sign on a device here."
    )


# ------------------------------------------------------------------------------------------ reminders

_LACKING = """
SELECT appointment.id, coalesce(rules.remind_days_before, %(usual)s)
  FROM appointments_appointment appointment
  LEFT JOIN signatures_signingrules rules ON rules.program_id = appointment.program_id
 WHERE appointment.status = 'scheduled' AND appointment.starts_at > %(now)s AND appointment.starts_at < %(until)s
   AND EXISTS (SELECT FROM signatures_attacheddocument attached
                 JOIN signatures_signaturerequest request ON request.id = attached.request_id
                WHERE attached.appointment_id = appointment.id AND request.state = 'sent')
 ORDER BY appointment.id
"""


def remind_due(*, now: datetime) -> int:
    """Remind of what was sent and is not signed, so many days before each appointment as its program says, at ten in the
    morning there. Returns for how many appointments. Run twice, it reminds once."""
    with connection.cursor() as cursor:
        cursor.execute(_LACKING, {"now": now, "until": now + LONGEST_LEAD, "usual": usual_reminders()})
        rows = cursor.fetchall()
    return sum(_remind(appointment_id, days, now=now) for appointment_id, days in rows)


@transaction.atomic
def _remind(appointment_id: int, days: Sequence[int], *, now: datetime) -> bool:
    appointment = Appointment.objects.select_related("facility").get(pk=appointment_id)
    due = [each for each in days if _is_due(appointment, each, now=now)]
    if not due or not _take(appointment, due, now=now):
        return False
    open_ones = SignatureRequest.objects.filter(
        attachments__appointment=appointment, state=RequestState.SENT
    ).exclude(sent_at__gt=now - LATELY)
    return bool(send(requests=list(open_ones), by=None, now=now, is_reminder=True).addresses)


def _is_due(appointment: Appointment, days: int, *, now: datetime) -> bool:
    on = appointment.local_date - timedelta(days=days)
    at = localtime.resolve(on, REMINDED_AT, appointment.facility.zone)
    return at <= now < at + CAUGHT_UP


def _take(appointment: Appointment, days: Sequence[int], *, now: datetime) -> bool:
    """Whether it is ours to remind: noted for this date of the appointment, by one of those who try."""
    rows = [
        SigningReminder(
            appointment=appointment, starts_at=appointment.starts_at, days_before=each, sent_at=now
        )
        for each in days
    ]
    there = SigningReminder.objects.filter(
        appointment=appointment, starts_at=appointment.starts_at, days_before__in=days
    )
    before = there.count()
    SigningReminder.objects.bulk_create(rows, ignore_conflicts=True)
    return there.count() > before
