"""The rules by which a program reminds its customers."""

from collections.abc import Iterable
from datetime import time

from appointments.models import Channel, Program
from reminders.models import ReminderRule

MORNING = time(10)
# What a new program begins with: a week, two days and two hours before.
USUAL: list[dict[str, object]] = [
    {"channel": Channel.EMAIL, "days_before": 7, "at_time": MORNING},
    {"channel": Channel.EMAIL, "days_before": 2, "at_time": MORNING},
    {"channel": Channel.PHONE, "days_before": 2, "at_time": MORNING},
    {"channel": Channel.PHONE, "hours_before": 2},
]


def of(program: Program) -> list[ReminderRule]:
    """All of them, the earliest first, those switched off too. A program that has none yet is given the usual ones."""
    return of_all([program.pk])[program.pk]


def of_all(programs: Iterable[int]) -> dict[int, list[ReminderRule]]:
    """The rules of each of these programs, as `of` answers for one."""
    ids = set(programs)
    found = _read(ids)
    if new := [program for program in sorted(ids) if not found[program]]:
        usual = [ReminderRule(program_id=program, **fields) for program in new for fields in USUAL]
        ReminderRule.objects.bulk_create(usual, ignore_conflicts=True)
        found |= _read(set(new))
    return found


# Every change of an appointment asks, and building the query costs more than it.
_READ = """
SELECT * FROM reminders_reminderrule WHERE program_id = ANY(%s)
 ORDER BY program_id, days_before DESC NULLS LAST, hours_before DESC, channel
"""


def _read(programs: set[int]) -> dict[int, list[ReminderRule]]:
    found: dict[int, list[ReminderRule]] = {program: [] for program in programs}
    for rule in ReminderRule.objects.raw(_READ, [list(programs)]):
        found[rule.program_id].append(rule)
    return found
