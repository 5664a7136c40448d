"""What the sample organisation's customers were told so far, and what went wrong: so that every page of messages shows something.

Nothing is sent. What was due before the sample was loaded is past, and the latest of it stands as if the console had kept it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import F

from appointments.models import Appointment, Channel, Customer
from reminders import consent, inbound, letters, links, messages, reachability, transports
from reminders.inbound import Received
from reminders.models import ConsentLog, Delivery, DeliveryReport, Kind, Message, MessageQuerySet, Source
from reminders.outcome import CONSOLE
from scheduling.demo import people

OF_THE_SAMPLE = "Due before the sample organization was loaded."
SHOWN_OF_EACH = 20
LATELY = timedelta(days=2)
BOUNCED = "550 5.1.1 The mailbox does not exist."
PLEASE_STOP = "Please stop texting me at work, my boss sees it"
LATE = "Running 10 minutes late, sorry!"
State = Message.State
RELATED = (
    "rule",
    "appointment__customer",
    "appointment__staff",
    "appointment__facility",
    "appointment__program",
)


def agree(customers: Iterable[Customer], *, now: datetime) -> None:
    """Most agreed to texts when they booked. One in ten never did, and a few took it back."""
    words = consent.wording(people.ORGANISATION)
    log = []
    for number, customer in enumerate(customers):
        if customer.phone and number % 10 != 7:
            agreed_at = now - timedelta(days=60 + number)
            log.append(_entry(customer, True, Source.PORTAL_BOOKING, words, agreed_at))
            if number % 40 == 21:
                log.append(_entry(customer, False, Source.TEXT_STOP, "STOP", now - timedelta(days=30)))
    ConsentLog.objects.bulk_create(log)


def _entry(customer: Customer, granted: bool, source: str, wording: str, at: datetime) -> ConsentLog:
    return ConsentLog(
        channel=Channel.PHONE,
        address=customer.phone,
        granted=granted,
        source=source,
        wording=wording,
        wording_version=consent.WORDING_VERSION,
        customer=customer,
        at=at,
    )


def settle(made: Iterable[Appointment], *, now: datetime) -> None:
    """Let what was due by now be past. Reminders ahead stay planned, unless a provider is set: these addresses are nobody's."""
    waiting = Message.objects.filter(
        appointment__in=[appointment.pk for appointment in made], state=State.PENDING
    )
    _keep_latest(waiting.filter(due_at__lte=now), now)
    waiting.filter(appointment__starts_at__lte=now).delete()
    waiting.exclude(kind=Kind.REMINDER).delete()
    past: dict[str, object] = {
        "state": State.CLOSED,
        "settled_at": F("due_at"),
        "closed_reason": OF_THE_SAMPLE,
    }
    waiting.filter(due_at__lte=now).update(**past)
    real = [channel for channel in Channel.values if transports.of(channel).name != CONSOLE]
    waiting.filter(channel__in=real).close(reason=OF_THE_SAMPLE, now=now)


def _keep_latest(due: MessageQuerySet, now: datetime) -> None:
    """Some reminders and some notices."""
    lately = due.filter(due_at__gt=now - LATELY).select_related(*RELATED).order_by("-due_at", "-pk")
    reminders, notices = lately.filter(kind=Kind.REMINDER), lately.exclude(kind=Kind.REMINDER)
    kept = [_kept(message) for some in (reminders, notices) for message in some[:SHOWN_OF_EACH]]
    sealed = ["ciphertext", "salt", "key_id"]
    outcome = ["state", "settled_at", "handed_over_at", "transport", "attempts"]
    Message.objects.bulk_update(kept, [*sealed, *outcome])


def _kept(message: Message) -> Message:
    """As the console keeps it: written when it was due."""
    at = message.due_at
    letter = letters.compose(message, links=links.issue(message, now=at), now=at)
    fields = {
        "state": State.DONE,
        "settled_at": at,
        "handed_over_at": at,
        "transport": CONSOLE,
        "attempts": 1,
        **messages.sealed(letter, message.reference),
    }
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def trouble(*, now: datetime) -> None:
    """One e-mail that came back, and two texts that somebody has to read."""
    kept = Message.objects.filter(transport=CONSOLE, appointment__starts_at__gt=now).select_related(*RELATED)
    email = kept.filter(channel=Channel.EMAIL).order_by("-settled_at", "pk").first()
    if email is not None:
        _send_back(email, now=now)
    texts = kept.filter(channel=Channel.PHONE).exclude(customer=email.customer if email else None)
    numbers = list(texts.order_by("-settled_at", "pk").values_list("address", flat=True)[:2])
    for number, words in zip(numbers, (PLEASE_STOP, LATE), strict=False):
        inbound.receive(Received(f"sample{number}", number, words), now=now)


def _send_back(email: Message, *, now: datetime) -> None:
    """As if a mail server had been set, and had returned it a minute later."""
    at = min(email.due_at + timedelta(minutes=1), now)
    DeliveryReport.objects.create(
        message=email,
        transport="sendgrid",
        event_id=f"sample-{email.reference}",
        status="bounce",
        delivery=Delivery.FAILED,
        code="5.1.1",
        detail=BOUNCED,
        at=at,
        received_at=at,
    )
    Message.objects.filter(pk=email.pk).update(
        transport="sendgrid",
        delivery=Delivery.FAILED,
        delivery_at=at,
        delivery_detail=BOUNCED,
        needs_person_since=at,
    )
    reachability.flag(channel=Channel.EMAIL, address=email.address, reason=BOUNCED, message=email, now=now)
