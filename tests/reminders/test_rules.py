"""A new program's rules, and what the database refuses of one."""

from datetime import time
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from appointments.models import Channel
from reminders import rules
from reminders.models import ReminderRule
from tests import factories as make
from tests.together import at_once

USUAL = [
    ("email", 7, time(10), None),
    ("email", 2, time(10), None),
    ("phone", 2, time(10), None),
    ("phone", None, None, 2),
]


def told(found: list[ReminderRule]) -> list[tuple[Any, ...]]:
    return [(rule.channel, rule.days_before, rule.at_time, rule.hours_before) for rule in found]


@pytest.mark.django_db
def test_new_program_has_the_usual_rules() -> None:
    program = make.program(at=make.facility())

    assert told(rules.of(program)) == USUAL
    assert told(rules.of(program)) == USUAL
    assert ReminderRule.objects.count() == 4


@pytest.mark.django_db
def test_program_with_rules_of_its_own_keeps_to_them() -> None:
    program = make.program(at=make.facility())
    ReminderRule.objects.create(program=program, channel=Channel.EMAIL, hours_before=24, is_active=False)

    assert told(rules.of(program)) == [("email", None, None, 24)]


@pytest.mark.django_db(transaction=True)
def test_usual_rules_are_given_once_to_whoever_asks_first() -> None:
    program = make.program(at=make.facility())

    found = at_once([lambda: told(rules.of(program))] * 4)

    assert found == [USUAL] * 4
    assert ReminderRule.objects.count() == 4


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"days_before": 2},
        {"at_time": time(10)},
        {"days_before": 2, "at_time": time(10), "hours_before": 2},
        {"hours_before": 0},
        {"hours_before": 73},
        {"days_before": 61, "at_time": time(10)},
        {},
    ],
)
def test_database_refuses_a_rule_that_says_no_time(fields: dict[str, Any]) -> None:
    program = make.program(at=make.facility())

    with pytest.raises(IntegrityError), transaction.atomic():
        ReminderRule.objects.create(program=program, channel=Channel.EMAIL, **fields)


@pytest.mark.django_db
def test_database_refuses_the_same_rule_twice() -> None:
    program = make.program(at=make.facility())
    ReminderRule.objects.create(program=program, channel=Channel.EMAIL, hours_before=24)

    with pytest.raises(IntegrityError), transaction.atomic():
        ReminderRule.objects.create(program=program, channel=Channel.EMAIL, hours_before=24)
