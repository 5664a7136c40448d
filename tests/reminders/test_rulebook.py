"""Changing rules: what lies ahead follows at once, and what makes no sense is refused with nothing changed."""

from datetime import time, timedelta

import pytest
from django.contrib.admin.models import LogEntry

from appointments.models import Channel
from reminders import rulebook, rules
from reminders.models import Message, ReminderRule, ReminderWording
from reminders.rulebook import Lead, RuleRefused, Words
from tests import factories as make
from tests.reminders import sending
from tests.together import at_once

pytestmark = pytest.mark.django_db

NOW = make.NOW
IN_TEN_DAYS = make.at(make.TODAY + timedelta(days=10), 14)
TEXT = "{organisation}: {day}, {time}. {link}"


@pytest.fixture
def visit():
    """Ten days ahead at two in the afternoon, of somebody who agreed to texts."""
    customer = make.customer()
    sending.agreed(customer=customer)
    return make.appointment(starts_at=IN_TEN_DAYS, customer=customer)


@pytest.fixture
def by():
    return make.user()


def rule_of(program, lead="2 days before at 10:00 AM", channel=Channel.PHONE):
    return next(rule for rule in rules.of(program) if (rule.lead, rule.channel) == (lead, channel))


def planned(visit):
    """When each of its reminders that wait is due, as the facility's clock shows it."""
    rows = Message.objects.filter(appointment=visit, kind="reminder", state="pending").order_by(
        "due_at", "id"
    )
    zone = visit.facility.zone
    return [(row.channel, f"{row.due_at.astimezone(zone):%b %-d %H:%M}") for row in rows]


USUAL = [
    ("email", "Nov 26 10:00"),
    ("email", "Dec 1 10:00"),
    ("phone", "Dec 1 10:00"),
    ("phone", "Dec 3 12:00"),
]


def test_the_usual_rules_are_planned(visit):
    assert planned(visit) == USUAL


def test_added_rule_holds_for_appointments_ahead(visit, by):
    rulebook.add(program=visit.program, channel="phone", lead=Lead(1, time(9, 30)), by=by, now=NOW)
    assert planned(visit) == [*USUAL[:3], ("phone", "Dec 2 09:30"), USUAL[3]]


def test_first_rule_that_is_added_comes_on_top_of_the_usual_ones(by):
    program = make.program(at=make.facility())
    rulebook.add(program=program, channel="email", lead=Lead(hours_before=24), by=by, now=NOW)
    assert ReminderRule.objects.filter(program=program).count() == 5


def test_changed_rule_moves_what_waits(visit, by):
    rule = rule_of(visit.program)
    rulebook.change(rule=rule, lead=Lead(3, time(16, 0)), by=by, now=NOW)
    assert planned(visit) == [USUAL[0], ("phone", "Nov 30 16:00"), USUAL[1], USUAL[3]]
    assert str(rule_of(visit.program, "3 days before at 4:00 PM")) == str(rule)


def test_days_become_hours(visit, by):
    rulebook.change(rule=rule_of(visit.program), lead=Lead(hours_before=5), by=by, now=NOW)
    assert planned(visit) == [USUAL[0], USUAL[1], ("phone", "Dec 3 09:00"), USUAL[3]]


def test_changed_rule_leaves_other_programs_alone(visit, by):
    other = make.appointment(starts_at=IN_TEN_DAYS)
    before = planned(other)
    rulebook.change(rule=rule_of(visit.program), lead=Lead(3, time(16, 0)), by=by, now=NOW)
    assert planned(other) == before != []


def test_rule_switched_off_closes_what_waits_and_switched_on_plans_it_again(visit, by):
    rule = rule_of(visit.program)
    rulebook.switch(rule=rule, is_on=False, by=by, now=NOW)
    closed = Message.objects.get(appointment=visit, rule=rule)
    assert (planned(visit), closed.state, rule.is_active) == ([*USUAL[:2], USUAL[3]], "closed", False)
    assert "switched off" in closed.closed_reason
    rulebook.switch(rule=rule, is_on=True, by=by, now=NOW)
    assert planned(visit) == USUAL


def test_switching_twice_is_recorded_once(visit, by):
    rule = rule_of(visit.program)
    for _ in range(2):
        rulebook.switch(rule=rule, is_on=False, by=by, now=NOW)
    assert LogEntry.objects.count() == 1


def test_own_words_are_kept_by_language_and_taken_back_when_empty(visit, by):
    rule = rule_of(visit.program)
    lead = Lead.of(rule)
    rulebook.change(rule=rule, lead=lead, wordings={"en": Words(TEXT), "es": Words()}, by=by, now=NOW)
    assert list(rule.wordings.values_list("language", "text", "subject")) == [("en", TEXT, "")]
    rulebook.change(rule=rule, lead=lead, wordings={"es": Words(f"{TEXT} Hola")}, by=by, now=NOW)
    assert list(rule.wordings.values_list("language", flat=True)) == ["en", "es"]
    rulebook.change(rule=rule, lead=lead, wordings={"en": Words(" ")}, by=by, now=NOW)
    assert list(rule.wordings.values_list("language", flat=True)) == ["es"]


def test_who_changed_what_is_recorded(visit, by):
    rule = rule_of(visit.program)
    rulebook.change(rule=rule, lead=Lead(3, time(16)), wordings={"en": Words(TEXT)}, by=by, now=NOW)
    rulebook.switch(rule=rule, is_on=False, by=by, now=NOW)
    added = rulebook.add(program=visit.program, channel="email", lead=Lead(hours_before=3), by=by, now=NOW)
    log = LogEntry.objects.order_by("id")
    assert {entry.user for entry in log} == {by}
    assert [entry.get_change_message() for entry in log] == [
        "Text message 2 days before at 10:00 AM became Text message 3 days before at 4:00 PM.",
        "Words in en: own.",
        "Switched off.",
        "Added: E-mail 3 hours before.",
    ]
    assert [int(entry.object_id) for entry in log] == [rule.pk] * 3 + [added.pk]


@pytest.mark.parametrize(
    ("channel", "lead", "field", "message"),
    [
        ("email", Lead(), "days_before", "Enter how many days before."),
        ("email", Lead(2), "at_time", "Enter the time of day."),
        ("email", Lead(-1, time(10)), "days_before", "Enter 0 to 60 days."),
        ("email", Lead(61, time(10)), "days_before", "Enter 0 to 60 days."),
        ("email", Lead(1, time(10, 0, 1)), "at_time", "Enter the time to the minute, as 10:15 AM."),
        ("email", Lead(hours_before=0), "hours_before", "Enter 1 to 72 hours."),
        ("email", Lead(hours_before=73), "hours_before", "Enter 1 to 72 hours."),
        (
            "phone",
            Lead(1, time(20)),
            "at_time",
            "Texts rest from 8:00 PM to 8:00 AM. Enter a time between, as 10:00 AM.",
        ),
        (
            "phone",
            Lead(1, time(7, 59)),
            "at_time",
            "Texts rest from 8:00 PM to 8:00 AM. Enter a time between, as 10:00 AM.",
        ),
        (
            "phone",
            Lead(2, time(10)),
            "",
            "There is this reminder already: Text message 2 days before at 10:00 AM.",
        ),
        ("phone", Lead(hours_before=2), "", "There is this reminder already: Text message 2 hours before."),
    ],
)
def test_what_makes_no_sense_is_refused(visit, by, channel, lead, field, message):
    email = rule_of(visit.program, "7 days before at 10:00 AM", Channel.EMAIL)
    hours = rule_of(visit.program, "2 hours before") if lead.days_before else rule_of(visit.program)
    rule = email if channel == "email" else hours
    for attempt in (
        lambda: rulebook.add(program=visit.program, channel=channel, lead=lead, by=by, now=NOW),
        lambda: rulebook.change(rule=rule, lead=lead, by=by, now=NOW),
    ):
        with pytest.raises(RuleRefused) as refusal:
            attempt()
        assert (refusal.value.field, refusal.value.message) == (field, message)
    assert (planned(visit), LogEntry.objects.count()) == (USUAL, 0)


@pytest.mark.parametrize(
    ("channel", "lead"),
    [
        ("email", Lead(0, time(0))),
        ("email", Lead(60, time(23, 59))),
        ("phone", Lead(1, time(8))),
        ("phone", Lead(1, time(19, 59))),
        ("phone", Lead(hours_before=1)),
        ("phone", Lead(hours_before=72)),
    ],
)
def test_the_edges_are_taken(visit, by, channel, lead):
    rule = rulebook.add(program=visit.program, channel=channel, lead=lead, by=by, now=NOW)
    rule.refresh_from_db()
    assert Lead.of(rule) == lead


def test_one_that_is_switched_off_is_pointed_to(visit, by):
    rulebook.switch(rule=rule_of(visit.program), is_on=False, by=by, now=NOW)
    with pytest.raises(RuleRefused, match="It is switched off: switch it on"):
        rulebook.add(program=visit.program, channel="phone", lead=Lead(2, time(10)), by=by, now=NOW)


@pytest.mark.parametrize(
    ("words", "field", "message"),
    [
        (
            Words("{organisation}: {day} {tme}. {link}"),
            "text_es",
            "There is no field {tme}. Did you mean {time}?",
        ),
        (Words("{organisation}: {time}. {link}"), "text_es", "Add {day} or {date}: it is read days before."),
    ],
)
def test_words_with_a_problem_are_refused_with_nothing_changed(visit, by, words, field, message):
    rule = rule_of(visit.program)
    with pytest.raises(RuleRefused) as refusal:
        rulebook.change(
            rule=rule, lead=Lead(3, time(16)), wordings={"en": Words(TEXT), "es": words}, by=by, now=NOW
        )
    assert (refusal.value.field, refusal.value.message) == (field, message)
    assert (planned(visit), ReminderWording.objects.count()) == (USUAL, 0)


def test_words_need_no_day_on_the_day():
    words = Words("{organisation}: {time}. {link}")
    for lead in (Lead(hours_before=2), Lead(0, time(8))):
        assert rulebook.problems_of(words, channel="phone", lead=lead) == {}


def test_subject_without_text_is_refused():
    found = rulebook.problems_of(Words(subject="Soon"), channel="email", lead=Lead(1, time(9)))
    assert found == {"text": ["Write the text as well, or leave the subject empty too."]}


@pytest.mark.django_db(transaction=True)
def test_two_who_add_the_same_at_once_make_one(by):
    program = make.program(at=make.facility())
    rules.of(program)

    def add():
        try:
            rulebook.add(program=program, channel="email", lead=Lead(hours_before=9), by=by, now=NOW)
        except RuleRefused:
            return "refused"
        return "added"

    assert sorted(at_once([add, add])) == ["added", "refused"]
    assert ReminderRule.objects.filter(program=program, hours_before=9).count() == 1
