"""Deciding what customers are sent about their appointments: the notices of a change, and the reminders of what lies ahead.

Everything here runs in the transaction of what caused it, and only writes rows. Planning twice changes nothing: rows that
are there are brought to what is wanted now, and those that were sent stay.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import translation

from appointments.models import Appointment, AppointmentEvent, Channel, Customer, Program
from reminders import notices, planned, rules, suppression, timing
from reminders.models import Kind, Message, ReminderRule
from reminders.planned import PASSED, Planned
from reminders.suppression import Address, Standing

RELATED = ("customer", "facility")
TOLD = "The notice of the change says the same at that time."
AT_ONCE = 500


def plan(event: AppointmentEvent) -> None:
    """Plan what follows from one change: its notices, and the reminders anew. Part of its transaction."""
    appointment = event.appointment
    is_new = event.kind == AppointmentEvent.Kind.BOOKED
    if event.kind == AppointmentEvent.Kind.NOTES_EDITED:
        return
    if not is_new:
        _close_reminders(appointment, event.at)
    if suppression.of_status(appointment, event.at) and not notices.is_told(event):
        return
    situation = _Situation.of([appointment])
    language = _language(appointment, event=event, is_new=is_new)
    told: list[Planned] = []
    unheard: list[Message] = []
    if notices.is_told(event):
        unheard = [] if is_new else notices.take_over(appointment, now=event.at)
        told = notices.planned(event, unheard=unheard, language=language, standings=situation.standings)
    reminders = [
        _unless_told(_caught_up(row, told, unheard, situation), told)
        for row in _reminders(appointment, situation, language, now=event.at)
    ]
    planned.put([*reminders, *told], now=event.at)


def replan(appointments: QuerySet[Appointment], *, now: datetime) -> None:
    """Plan the reminders of these appointments anew: what they depend on has changed."""
    ahead = appointments.filter(status=Appointment.Status.SCHEDULED, starts_at__gt=now)
    for some in _batches(ahead):
        situation = _Situation.of(some)
        languages = _languages(some)
        rows = [
            row
            for appointment in some
            for row in _reminders(appointment, situation, languages[appointment.pk], now=now)
        ]
        planned.put(rows, now=now)


def plan_anew(*, now: datetime) -> None:
    """Plan all that lies ahead anew: for what changed without telling, such as zone data."""
    replan(Appointment.objects.all(), now=now)


def rules_changed(program: Program, *, now: datetime) -> None:
    """A rule was added, changed or switched off: reminders that wait follow it."""
    off = Message.objects.filter(rule__program=program, rule__is_active=False, handed_over_at=None)
    off.close(reason=suppression.RULE_OFF, now=now)
    replan(Appointment.objects.filter(program=program), now=now)


# Every booking online with a number asks, and building the query costs more than it. Both sides of OR have an index.
_AHEAD = """
SELECT id FROM appointments_appointment
 WHERE status = 'scheduled' AND starts_at > %(now)s AND ({given} OR customer_id = ANY(ARRAY(
       SELECT id FROM appointments_customer WHERE {on_record})))
"""
_WRITTEN_TO = {
    Channel.EMAIL: _AHEAD.format(
        given="contact_email <> '' AND upper(contact_email) = upper(%(address)s)",
        on_record="email <> '' AND upper(email) = upper(%(address)s)",
    ),
    Channel.PHONE: _AHEAD.format(
        given="contact_phone <> '' AND contact_phone = %(address)s",
        on_record="phone <> '' AND phone = %(address)s",
    ),
}


def address_changed(*, channel: str, address: str, now: datetime) -> None:
    """What is known of an address has changed: its owner agreed to messages, took that back, or can be reached again."""
    with connection.cursor() as cursor:
        cursor.execute(_WRITTEN_TO[Channel(channel)], {"now": now, "address": address})
        theirs = [row[0] for row in cursor.fetchall()]
    if theirs:
        replan(Appointment.objects.filter(pk__in=theirs), now=now)


def customer_changed(customer: Customer, *, now: datetime) -> None:
    """Their addresses, time zone or language were corrected."""
    replan(Appointment.objects.filter(customer=customer), now=now)


@dataclass(frozen=True)
class _Situation:
    """What planning depends on besides the appointment: the programs' rules, and what is known of each address."""

    rules: dict[int, list[ReminderRule]]
    standings: dict[Address, Standing]

    @classmethod
    def of(cls, appointments: Iterable[Appointment]) -> "_Situation":
        some = list(appointments)
        addresses = {
            suppression.key(channel, suppression.address_of(appointment, channel))
            for appointment in some
            for channel in Channel.values
        }
        return cls(rules.of_all(each.program_id for each in some), suppression.standings(addresses))

    def against(self, channel: str, address: str) -> str:
        return suppression.of_address(channel, address, self.standings[suppression.key(channel, address)])


def _reminders(
    appointment: Appointment, situation: _Situation, language: str, *, now: datetime
) -> Iterator[Planned]:
    """A row for each of the program's rules while the appointment lies ahead and stands; none otherwise."""
    if suppression.of_status(appointment, now):
        return
    for rule in situation.rules[appointment.program_id]:
        if rule.is_active:
            due_at = timing.due_at(rule, appointment)
            address = suppression.address_of(appointment, rule.channel)
            yield Planned(
                appointment=appointment,
                kind=Kind.REMINDER,
                channel=rule.channel,
                address=address,
                due_at=due_at,
                language=language,
                reason=_against(appointment, due_at, now) or situation.against(rule.channel, address),
                rule_id=rule.pk,
            )


def _against(appointment: Appointment, due_at: datetime, now: datetime) -> str:
    if due_at >= appointment.starts_at:
        return suppression.STARTED
    return PASSED if due_at <= now else ""


def _caught_up(
    reminder: Planned, told: list[Planned], unheard: list[Message], situation: _Situation
) -> Planned:
    """What fell due between a change and its taking back is late, not lost: it was closed when the change was made."""
    is_taken_back = any(
        notice.channel == reminder.channel and notice.reason == notices.TAKEN_BACK for notice in told
    )
    since = next((each.created_at for each in unheard if each.channel == reminder.channel), None)
    if reminder.reason != PASSED or not is_taken_back or since is None or reminder.due_at <= since:
        return reminder
    return replace(reminder, reason=situation.against(reminder.channel, reminder.address))


def _unless_told(reminder: Planned, told: list[Planned]) -> Planned:
    """Not before the notice that says the same: whoever hears of a change by a reminder is not told that it was taken back."""
    is_told = any(
        notice.channel == reminder.channel and not notice.reason and reminder.due_at <= notice.due_at
        for notice in told
    )
    return replace(reminder, reason=TOLD) if is_told and not reminder.reason else reminder


def _close_reminders(appointment: Appointment, now: datetime) -> None:
    """Those that wait but are no longer wanted: all of them, or those for a time it no longer has."""
    waiting = Message.objects.filter(appointment=appointment, kind=Kind.REMINDER, handed_over_at=None)
    if why := suppression.of_status(appointment, now):
        waiting.close(reason=why, now=now)
    else:
        waiting.exclude(revision=appointment.revision).close(reason=suppression.MOVED, now=now)


def _language(appointment: Appointment, *, event: AppointmentEvent, is_new: bool) -> str:
    """That of the customer's record; else the one they were written to in before, or have just read the page in.

    A visitor whose address is not the one on record may be somebody else: theirs is the page's.
    """
    own = event.actor == AppointmentEvent.Actor.CUSTOMER
    earlier = "" if is_new else _written_in([appointment]).get(appointment.pk, "")
    active = translation.get_language() or "" if own else ""
    return _known(_on_record(appointment), earlier, active, active.partition("-")[0])


def _languages(appointments: list[Appointment]) -> dict[int, str]:
    earlier = _written_in(appointments)
    return {each.pk: _known(_on_record(each), earlier.get(each.pk, "")) for each in appointments}


def _on_record(appointment: Appointment) -> str:
    is_of_visitor = appointment.contact_email or appointment.contact_phone
    return "" if is_of_visitor else appointment.customer.language


def _written_in(appointments: list[Appointment]) -> dict[int, str]:
    rows = Message.objects.filter(appointment__in=appointments).exclude(language="").order_by("id")
    return dict(rows.values_list("appointment_id", "language"))


def _known(*languages: str) -> str:
    ours = dict(settings.LANGUAGES)
    return next((code for code in languages if code in ours), settings.LANGUAGE_CODE.partition("-")[0])


def _batches(rows: QuerySet[Appointment]) -> Iterator[list[Appointment]]:
    """Some at a time, in a fixed order, each batch read when it is needed."""
    last = 0
    ordered = rows.select_related(*RELATED).order_by("pk")
    while some := list(ordered.filter(pk__gt=last)[:AT_ONCE]):
        yield some
        last = some[-1].pk
