"""What providers report of messages that they took on: each report once, in whatever order they come, and what follows from it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from appointments.models import Appointment
from reminders import consent, reachability, resending, stops, suppression
from reminders.models import Channel, Delivery, DeliveryReport, Message, Source

logger = logging.getLogger(__name__)

AGAIN_AFTER = timedelta(minutes=10)
STATUS_LIMIT, CODE_LIMIT, DETAIL_LIMIT, ID_LIMIT = 30, 20, 200, 64
State = Message.State


class Cause(Enum):
    """Why a message did not arrive, or what else its reader let us know by it."""

    RETRY = "retry"  # it may arrive another time
    LATE = "late"  # it waited so long that the provider let it go
    ADDRESS = "address"  # nothing reaches this address
    OPT_OUT = "opt out"  # the person wants no more of them
    BLOCKED = "blocked"  # this message alone was turned away
    MESSAGE = "message"  # its wording, our registration, or nobody knows: staff have to look
    ACCOUNT = "account"  # our own account


@dataclass(frozen=True)
class Report:
    """One report. `reference` is our name for the message, if the provider gave it back; `at` is when it happened."""

    transport: str
    channel: str
    reference: UUID | None
    provider_id: str
    event_id: str
    status: str
    delivery: str
    cause: Cause | None
    code: str
    detail: str
    at: datetime

    @property
    def words(self) -> str:
        return " ".join(filter(None, [self.status, self.code, self.detail]))


# A server may accept an e-mail and send it back later: that is the last word. A handset that says it has a text is right,
# whatever the networks between believe.
_RANKS: dict[str, list[str]] = {
    Channel.EMAIL: [
        Delivery.UNKNOWN,
        Delivery.SENT,
        Delivery.DELAYED,
        Delivery.DELIVERED,
        Delivery.FAILED,
    ],
    Channel.PHONE: [
        Delivery.UNKNOWN,
        Delivery.SENT,
        Delivery.DELAYED,
        Delivery.FAILED,
        Delivery.DELIVERED,
    ],
}


def take(report: Report, *, now: datetime) -> bool:
    """Keep the report and do what follows from it, in one transaction. False if it was known, or is of no message of ours."""
    with transaction.atomic():
        message = _named_by(report)
        if message is None:
            logger.info(
                "%s reports on a message that is not ours: %.64r", report.transport, report.provider_id
            )
            return False
        if not _keep(report, message, now):
            return False
        _settle(message, report, now)
        _learn(message, report, now)
    return True


def _named_by(report: Report) -> Message | None:
    """The message, for us alone to change until the transaction ends; after its appointment, as for everybody else."""
    if report.reference is not None:
        named = Q(reference=report.reference)
    elif report.provider_id:
        named = Q(provider_id=report.provider_id)
    else:
        return None
    found = Message.objects.filter(named, channel=report.channel).order_by("pk").first()
    if found is None:
        return None
    if found.appointment_id is not None:
        Appointment.objects.select_for_update(no_key=True).only("pk").get(pk=found.appointment_id)
    rows = Message.objects.select_for_update(of=("self",), no_key=True)
    related = ("appointment__customer", "appointment__facility", "rule", "customer", "again_of")
    return rows.select_related(*related).get(pk=found.pk)


def _keep(report: Report, message: Message, now: datetime) -> bool:
    kept, is_new = DeliveryReport.objects.get_or_create(
        transport=report.transport,
        event_id=report.event_id,
        defaults={
            "message": message,
            "status": _clean(report.status, STATUS_LIMIT),
            "delivery": report.delivery,
            "code": _clean(report.code, CODE_LIMIT),
            "detail": _clean(report.detail, DETAIL_LIMIT),
            "at": report.at,
            "received_at": now,
        },
    )
    return is_new


def _clean(text: str, limit: int) -> str:
    """What the database can keep, and a page can show."""
    return "".join(filter(str.isprintable, text))[:limit]


def _settle(message: Message, report: Report, now: datetime) -> None:
    """A report proves that the message was handed over, whatever became of the attempt: it must not be sent again. A worker
    that is still at it finds its claim gone, which is what it finds when it was too slow."""
    if message.state != State.DONE:
        _save(
            message,
            state=State.DONE,
            settled_at=now,
            claim=None,
            claimed_at=None,
            last_error="",
            closed_reason="",
            transport=report.transport,
            handed_over_at=message.handed_over_at or report.at,
            needs_person_since=None if message.handled_at is None else message.needs_person_since,
        )
    if not message.provider_id and report.provider_id:
        _save(message, provider_id=_clean(report.provider_id, ID_LIMIT))


def _learn(message: Message, report: Report, now: datetime) -> None:
    """Keep the most that is known, and follow a failure up once: when it becomes what is known."""
    ranks, was = _RANKS[message.channel], message.delivery
    if report.cause is Cause.OPT_OUT:
        _withdraw(message, report, now)
    if ranks.index(report.delivery) <= ranks.index(was):
        return
    detail = _clean(report.words, DETAIL_LIMIT)
    _save(message, delivery=report.delivery, delivery_at=report.at, delivery_detail=detail)
    if report.delivery == Delivery.DELIVERED:
        _arrived(message, report, now)
    if report.delivery == Delivery.FAILED:
        _FOLLOWED_BY[report.cause or Cause.MESSAGE](message, report, now)


def _arrived(message: Message, report: Report, now: datetime) -> None:
    """Its address can be reached; whatever was to make up for a failure is not needed."""
    reachability.clear(channel=message.channel, address=message.address, by=None, now=report.at)
    makeshifts = Message.objects.filter(again_of=message, again_by=None, handed_over_at=None)
    makeshifts.close(reason="The message arrived after all.", now=now)
    if message.needs_person_since is not None and message.handled_at is None:
        _save(message, needs_person_since=None)


def _retry(message: Message, report: Report, now: datetime) -> None:
    """Once, after a while, if it is still of use then; by the other channel after that."""
    if _is_retry(message) or not _is_wanted(message, now + AGAIN_AFTER):
        _make_up(message, report, now)
        return
    reason = f"It was not delivered: {report.words}"
    resending.send_again(message, reason=reason, by=None, now=now, due_at=now + AGAIN_AFTER)


def _late(message: Message, report: Report, now: datetime) -> None:
    """The provider was told until when it is of use, so mostly it no longer is."""
    if _is_wanted(message, now + AGAIN_AFTER):
        _retry(message, report, now)


def _flag(message: Message, report: Report, now: datetime) -> None:
    reachability.flag(
        channel=message.channel,
        address=message.address,
        reason=_clean(report.words, reachability.REASON_LIMIT),
        message=message,
        now=report.at,
    )
    _make_up(message, report, now)


def _fall_back(message: Message, report: Report, now: datetime) -> None:
    """Nobody has to look at it: it is what the person wants."""
    resending.fall_back(message, now=now)


def _withdraw(message: Message, report: Report, now: datetime) -> None:
    if message.channel == Channel.PHONE:
        if not consent.was_withdrawn(message.address):
            consent.record(
                phone=message.address,
                granted=False,
                source=Source.PROVIDER,
                wording=f"{report.transport}: {report.words}",
                now=now,
                customer=message.customer,
            )
    elif consent.may_email(message.address):
        consent.record_email(
            address=message.address,
            granted=False,
            source=Source.UNSUBSCRIBE,
            wording=f"{report.transport}: {report.words}",
            now=now,
            customer=message.customer,
        )


def _make_up(message: Message, report: Report, now: datetime) -> None:
    """Tell the customer by the other channel; if that is not to be had, a person has to."""
    if resending.fall_back(message, now=now) is None and _matters(message, now):
        _call_person(message, now)


def _look_into(message: Message, report: Report, now: datetime) -> None:
    resending.fall_back(message, now=now)
    _call_person(message, now)


def _stop_account(message: Message, report: Report, now: datetime) -> None:
    """Others wait until the account works again; this one was taken on and let go."""
    stops.put(channel=message.channel, reason=report.words, now=now)
    _look_into(message, report, now)


def _call_person(message: Message, now: datetime) -> None:
    if message.needs_person_since is None:
        _save(message, needs_person_since=now)


_FOLLOWED_BY: dict[Cause, Callable[[Message, Report, datetime], None]] = {
    Cause.RETRY: _retry,
    Cause.LATE: _late,
    Cause.ADDRESS: _flag,
    Cause.OPT_OUT: _fall_back,
    Cause.BLOCKED: _make_up,
    Cause.MESSAGE: _look_into,
    Cause.ACCOUNT: _stop_account,
}


def _is_retry(message: Message) -> bool:
    """Whether it is itself the second attempt that was made by itself."""
    earlier = message.again_of
    return earlier is not None and message.again_by_id is None and earlier.channel == message.channel


def _is_wanted(message: Message, at: datetime) -> bool:
    """Whether it would be sent then. A code would be another one by then."""
    return message.appointment is not None and not suppression.reason(message, now=at)


def _matters(message: Message, now: datetime) -> bool:
    """Whether the customer still has to be told at all."""
    if message.appointment is None or (message.useful_until is not None and now >= message.useful_until):
        return False
    return not suppression.of_time(message.appointment, kind=message.kind, revision=message.revision, now=now)


def _save(message: Message, **fields: object) -> None:
    Message.objects.filter(pk=message.pk).update(**fields)
    for name, value in fields.items():
        setattr(message, name, value)
