"""Texts that customers send: kept once each, sealed, and acted upon in the same transaction."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation

from appointments import confirmation
from appointments.confirmation import Window
from appointments.models import Appointment, Customer, Facility
from reminders import consent, keywords, replies
from reminders.models import Channel, InboundText, Meaning, Message, Source
from securecare.encryption import Sealed, key_ring
from securecare.rotation import SealedTable

LONGEST = 2000
# A provider asks again at once if it got no answer; whoever comes later with the same words is not told anything.
ASKED_AGAIN_WITHIN = timedelta(minutes=5)
MOST_LOOKED_AT = 50


@dataclass(frozen=True)
class Received:
    """A text as a provider hands it over. `opt_out` is what the provider took it for: STOP, START, HELP or ""."""

    provider_id: str
    address: str
    words: str
    opt_out: str = ""

    @property
    def said(self) -> str:
        return self.words.replace("\x00", "")[:LONGEST]


@dataclass
class Outcome:
    """What a text led to."""

    answer: str = ""
    appointment: Appointment | None = None
    needs_person: bool = False
    holds_texts: bool = False


def receive(received: Received, *, now: datetime) -> str:
    """Keep the text and do what it says; returns what to text back, "" for nothing. Once, however often it is handed over."""
    with transaction.atomic():
        agreed = consent.may_text(received.address) or (
            consent.is_held(received.address) and not consent.was_withdrawn(received.address)
        )
        meaning = keywords.meaning_of(received.said, opt_out=received.opt_out, has_agreed=agreed)
        text, is_new = _keep(received, meaning, now)
        if not is_new:
            return text.answer if now - text.received_at <= ASKED_AGAIN_WITHIN else ""
        with translation.override(_language(received)):
            outcome = _ACTS[meaning](received, now)
        outcome.answer = outcome.answer[: InboundText._meta.get_field("answer").max_length]
        InboundText.objects.filter(pk=text.pk).update(**vars(outcome))
    return outcome.answer


def text_of(text: InboundText) -> str:
    """What the customer wrote. Raises CannotOpen. Checks no permission and records nothing: callers do."""
    stored = Sealed(bytes(text.ciphertext), bytes(text.salt), text.key_id)
    return key_ring().open(stored, place=_place(text.provider_id))


def reseal(text: InboundText) -> bool:
    """Seal the same words under the current key. False if somebody changed them meanwhile. Raises CannotOpen."""
    unchanged = InboundText.objects.filter(pk=text.pk, ciphertext=text.ciphertext)
    return bool(unchanged.update(**_sealed(text_of(text), text.provider_id)))


def sealed_table() -> SealedTable:
    return SealedTable(
        called="texts from customers",
        model=InboundText,
        reseal=reseal,
        name_of=lambda text: f"text {text.provider_id}",
    )


def _keep(received: Received, meaning: Meaning, now: datetime) -> tuple[InboundText, bool]:
    return InboundText.objects.get_or_create(
        provider_id=received.provider_id,
        defaults={
            "address": received.address,
            "received_at": now,
            "meaning": meaning,
            **_sealed(received.said, received.provider_id),
        },
    )


def _sealed(words: str, provider_id: str) -> dict[str, bytes | str]:
    return asdict(key_ring().seal(words, place=_place(provider_id)))


def _place(provider_id: str) -> tuple[str, ...]:
    return ("inbound-text", provider_id)


# --------------------------------------------------------------------------------------------- what follows


def _stop(received: Received, now: datetime) -> Outcome:
    _record(received, granted=False, source=Source.TEXT_STOP, now=now)
    is_answered = received.opt_out or keywords.normalised(received.said) in keywords.STOP_OF_PROVIDER
    return Outcome("" if is_answered else replies.ended())


def _start(received: Received, now: datetime) -> Outcome:
    if not consent.may_text(received.address):
        _record(received, granted=True, source=Source.TEXT_START, now=now)
    is_answered = received.opt_out or keywords.normalised(received.said) in keywords.START_OF_PROVIDER
    return Outcome("" if is_answered else replies.started())


def _record(received: Received, *, granted: bool, source: str, now: datetime) -> None:
    consent.record(
        phone=received.address,
        granted=granted,
        source=source,
        wording=received.said,
        now=now,
        customer=whose(received.address),
    )


def _help(received: Received, now: datetime) -> Outcome:
    if received.opt_out:
        return Outcome()
    return Outcome(replies.help_offered(_number_to_call(received.address)))


def _maybe_stop(received: Received, now: datetime) -> Outcome:
    """Nothing more is sent until staff have read it. That is said once, to those who were getting texts."""
    answer = replies.held() if consent.may_text(received.address) else ""
    return Outcome(answer, needs_person=True, holds_texts=True)


def _other(received: Received, now: datetime) -> Outcome:
    return Outcome(needs_person=True)


def _confirm(received: Received, now: datetime) -> Outcome:
    """The one appointment that it can mean. A number that nobody agreed to texts to is told nothing of any."""
    if not consent.may_text(received.address):
        return Outcome(needs_person=True)
    ahead = _ahead(received.address, now)
    is_open = [each for each in ahead if confirmation.window(each, now=now) is Window.OPEN]
    unconfirmed = [each for each in is_open if each.phone_confirmed_at is None]
    if len(unconfirmed) > 1:
        return Outcome(replies.several())
    if unconfirmed:
        return _confirm_one(unconfirmed[0], now)
    if is_open:
        return Outcome(replies.confirmed_already(is_open[0]))
    if ahead:
        return Outcome(replies.too_early(ahead[0]))
    return Outcome(replies.nothing_to_confirm(_number_to_call(received.address)))


def _confirm_one(appointment: Appointment, now: datetime) -> Outcome:
    if confirmation.confirm(appointment=appointment, channel=Channel.PHONE, now=now):
        return Outcome(replies.confirmed(appointment), appointment)
    # Somebody changed it at the same moment.
    if appointment.phone_confirmed_at is not None:
        return Outcome(replies.confirmed_already(appointment))
    return Outcome(replies.nothing_to_confirm(appointment.facility.phone))


_ACTS: dict[Meaning, Callable[[Received, datetime], Outcome]] = {
    Meaning.STOP: _stop,
    Meaning.START: _start,
    Meaning.HELP: _help,
    Meaning.CONFIRM: _confirm,
    Meaning.MAYBE_STOP: _maybe_stop,
    Meaning.OTHER: _other,
}


# ---------------------------------------------------------------------------------------------- whose it is


def whose(phone: str) -> Customer | None:
    """The customer with this number on record, if it is one alone."""
    found = _with_number(phone)
    return found[0] if len(found) == 1 else None


def _with_number(phone: str) -> list[Customer]:
    return list(Customer.objects.filter(phone=phone).order_by("pk"))


def _ahead(phone: str, now: datetime) -> list[Appointment]:
    """What lies ahead and is texted about to this number, the next one first."""
    theirs = Appointment.objects.filter(
        _texted_to(phone), no_texts=False, status__in=confirmation.CONFIRMABLE, starts_at__gt=now
    )
    return list(theirs.select_related("customer", "facility").order_by("starts_at", "pk")[:MOST_LOOKED_AT])


def _number_to_call(phone: str) -> str:
    """The desk of the facility that they were at last or go to next; else the organisation's, if all have the same."""
    if consent.may_text(phone):
        last = Appointment.objects.filter(_texted_to(phone)).exclude(facility__phone="")
        found = last.order_by("-starts_at").values_list("facility__phone", flat=True).first()
        if found:
            return str(found)
    numbers = Facility.objects.filter(is_active=True).exclude(phone="").values_list("phone", flat=True)
    each = set(numbers)
    return each.pop() if len(each) == 1 else ""


def _texted_to(phone: str) -> Q:
    return Q(contact_phone=phone) | Q(
        contact_phone="", customer__in=[each.pk for each in _with_number(phone)]
    )


def _language(received: Received) -> str:
    """That of the customer's record, or of the last text we sent there, or of the word itself."""
    known = dict(settings.LANGUAGES)
    on_record = {customer.language for customer in _with_number(received.address)} - {""}
    sent = Message.objects.filter(
        channel=Channel.PHONE, address=received.address, handed_over_at__isnull=False
    ).order_by("-handed_over_at")
    choices = [
        *(on_record if len(on_record) == 1 else []),
        sent.values_list("language", flat=True).first() or "",
        "es" if keywords.is_spanish(received.said) else "",
    ]
    return next((choice for choice in choices if choice in known), settings.LANGUAGE_CODE)
