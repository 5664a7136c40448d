"""How a reminder would read: for an appointment that nobody has, with links that lead nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from types import MappingProxyType

from django.conf import settings

from appointments.models import Appointment, Channel, Customer, StaffMember
from reminders import letters, links, rulebook, segments
from reminders.messages import Letter
from reminders.models import Kind, Message, ReminderRule, ReminderWording
from reminders.rulebook import Lead, Words
from securecare import localtime

AHEAD = timedelta(days=3)
AT = time(10, 45)
NO_WORDS: Mapping[str, Words] = MappingProxyType({})


@dataclass(frozen=True)
class Preview:
    """One language's letter, or what keeps it from being written."""

    language: str
    label: str
    is_own: bool
    letter: Letter | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def characters(self) -> int:
        return len(self.letter.text) if self.letter else 0

    @property
    def segments(self) -> int:
        return segments.count(self.letter.text) if self.letter else 0

    @property
    def costly(self) -> str:
        """What makes its texts short: characters that the alphabet of texts lacks."""
        return segments.beyond(self.letter.text) if self.letter else ""


def previews(
    rule: ReminderRule, *, lead: Lead, now: datetime, wordings: Mapping[str, Words] = NO_WORDS
) -> list[Preview]:
    """What the rule would send in each language, with these words where there are any."""
    return [
        _preview(rule, language, label, wordings.get(language, Words()), lead, now)
        for language, label in settings.LANGUAGES
    ]


def _preview(
    rule: ReminderRule, language: str, label: str, words: Words, lead: Lead, now: datetime
) -> Preview:
    found = rulebook.problems_of(words, channel=rule.channel, lead=lead)
    if problems := [problem for each in found.values() for problem in each]:
        return Preview(language, label, True, problems=problems)
    own = ReminderWording(language=language, text=words.text, subject=words.subject) if words else None
    letter = letters.compose(_specimen(rule, language, now), links=links.sample(), now=now, wording=own)
    return Preview(language, label, bool(words), letter)


def _specimen(rule: ReminderRule, language: str, now: datetime) -> Message:
    """A reminder by this rule that is stored nowhere."""
    facility = rule.program.facility
    day = localtime.local_date(now, facility.zone) + AHEAD
    starts_at = localtime.resolve(day, AT, facility.zone)
    customer = Customer(given_name="Ada", family_name="Nguyen", email="ada@example.org", phone="+12125550143")
    appointment = Appointment(
        customer=customer,
        staff=StaffMember(display_name="Dana Reyes"),
        facility=facility,
        program=rule.program,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=rule.program.default_minutes),
    )
    return Message(
        kind=Kind.REMINDER,
        channel=rule.channel,
        address=appointment.email if rule.channel == Channel.EMAIL else appointment.phone,
        language=language,
        customer=customer,
        appointment=appointment,
        revision=0,
        rule=ReminderRule(program=rule.program, channel=rule.channel),
        due_at=now,
        created_at=now,
    )
