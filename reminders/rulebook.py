"""Changing the rules by which a program reminds its customers.

Reminders that wait follow a change at once, in its transaction; those that were sent stay. Words are not part of what is
planned: a reminder is worded when it is sent. Who changed what is kept in the admin's history of the rule.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, time

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction

from appointments.models import Channel, Program
from reminders import planning, rules, templates, timing
from reminders.models import ReminderRule, ReminderWording
from reminders.models.rule import MOST_DAYS, MOST_HOURS


class RuleRefused(Exception):
    """The change is not possible. `field` names what was entered wrongly, if one field is to blame."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True)
class Lead:
    """How long before the appointment: days, at a time of the facility's clock; or hours."""

    days_before: int | None = None
    at_time: time | None = None
    hours_before: int | None = None

    @classmethod
    def of(cls, rule: ReminderRule) -> "Lead":
        return cls(rule.days_before, rule.at_time, rule.hours_before)


@dataclass(frozen=True)
class Words:
    """A program's own words in one language; without text SecureCare's are used."""

    text: str = ""
    subject: str = ""

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.subject.strip())


def add(*, program: Program, channel: str, lead: Lead, by: User, now: datetime) -> ReminderRule:
    """Remind by this channel at that time, too. Raises RuleRefused."""
    check_lead(lead, channel=channel)
    with transaction.atomic():
        _check_new(_locked(program), channel, lead)
        rule = ReminderRule.objects.create(program=program, channel=channel, **asdict(lead))
        _record(rule, ADDITION, f"Added: {rule}.", by)
        planning.rules_changed(program, now=now)
    return rule


def change(
    *, rule: ReminderRule, lead: Lead, by: User, now: datetime, wordings: Mapping[str, Words] | None = None
) -> None:
    """Give the rule another time and other words, by language; languages left out keep theirs. Raises RuleRefused."""
    check_lead(lead, channel=rule.channel)
    for language, words in (wordings or {}).items():
        for field, problems in problems_of(words, channel=rule.channel, lead=lead).items():
            raise RuleRefused(problems[0], field=f"{field}_{language}")
    with transaction.atomic():
        others = {other.pk: other for other in _locked(rule.program)}
        before = Lead.of(others.pop(rule.pk))
        if lead != before:
            _check_new(others.values(), rule.channel, lead)
            _save_lead(rule, lead, by)
            planning.rules_changed(rule.program, now=now)
        for language, words in (wordings or {}).items():
            _save_words(rule, language, words, by)


def switch(*, rule: ReminderRule, is_on: bool, by: User, now: datetime) -> None:
    """Remind by this rule, or no longer. What it says is kept."""
    with transaction.atomic():
        _locked(rule.program)
        if not ReminderRule.objects.filter(pk=rule.pk, is_active=not is_on).update(is_active=is_on):
            return
        rule.is_active = is_on
        _record(rule, CHANGE, "Switched on." if is_on else "Switched off.", by)
        planning.rules_changed(rule.program, now=now)


def check_lead(lead: Lead, *, channel: str) -> None:
    """Raises RuleRefused for what is no time to remind at."""
    if lead.hours_before is not None:
        _check_hours(lead.hours_before)
    elif lead.days_before is None:
        raise RuleRefused("Enter how many days before.", field="days_before")
    else:
        _check_day_and_time(lead.days_before, lead.at_time, channel)


def problems_of(words: Words, *, channel: str, lead: Lead) -> dict[str, list[str]]:
    """What has to be changed before these words can be used: for `subject` and `text`, those that have problems."""
    if not words:
        return {}
    if not words.text.strip():
        return {"text": ["Write the text as well, or leave the subject empty too."]}
    found = {
        "subject": templates.problems(words.subject, channel=channel, is_subject=True),
        "text": templates.problems(words.text, channel=channel) + _day_missing(words.text, channel, lead),
    }
    return {field: problems for field, problems in found.items() if problems}


def _check_hours(hours: int) -> None:
    if not 1 <= hours <= MOST_HOURS:
        raise RuleRefused(f"Enter 1 to {MOST_HOURS} hours.", field="hours_before")


def _check_day_and_time(days: int, at: time | None, channel: str) -> None:
    if not 0 <= days <= MOST_DAYS:
        raise RuleRefused(f"Enter 0 to {MOST_DAYS} days.", field="days_before")
    if at is None:
        raise RuleRefused("Enter the time of day.", field="at_time")
    if at.second or at.microsecond:
        raise RuleRefused("Enter the time to the minute, as 10:15 AM.", field="at_time")
    if channel == Channel.PHONE and not timing.QUIET_UNTIL <= at < timing.QUIET_FROM:
        raise RuleRefused(
            "Texts rest from 8:00 PM to 8:00 AM. Enter a time between, as 10:00 AM.", field="at_time"
        )


def _day_missing(text: str, channel: str, lead: Lead) -> list[str]:
    is_said = channel == Channel.EMAIL or bool(templates.names_in(text) & {"day", "date"})
    return ["Add {day} or {date}: it is read days before."] if lead.days_before and not is_said else []


def _locked(program: Program) -> list[ReminderRule]:
    """The program's rules, while nobody else changes them."""
    Program.objects.select_for_update(no_key=True).get(pk=program.pk)
    return rules.of(program)


def _check_new(others: Iterable[ReminderRule], channel: str, lead: Lead) -> None:
    for other in others:
        if other.channel == channel and Lead.of(other) == lead:
            advice = "" if other.is_active else " It is switched off: switch it on."
            raise RuleRefused(f"There is this reminder already: {other}.{advice}")


def _save_lead(rule: ReminderRule, lead: Lead, by: User) -> None:
    before = str(rule)
    for name, value in asdict(lead).items():
        setattr(rule, name, value)
    rule.save(update_fields=list(asdict(lead)))
    _record(rule, CHANGE, f"{before} became {rule}.", by)


def _save_words(rule: ReminderRule, language: str, words: Words, by: User) -> None:
    stored = ReminderWording.objects.filter(rule=rule, language=language)
    if words == next((Words(each.text, each.subject) for each in stored), Words()):
        return
    if words:
        ReminderWording.objects.update_or_create(rule=rule, language=language, defaults=asdict(words))
    else:
        stored.delete()
    _record(rule, CHANGE, f"Words in {language}: {'own' if words else 'the usual ones'}.", by)


def _record(rule: ReminderRule, flag: int, text: str, by: User) -> None:
    LogEntry.objects.log_actions(by.pk, [rule], flag, change_message=text, single_object=True)
