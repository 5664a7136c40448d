"""Turns: together all workers ask one calendar no more often than it likes."""

import time
from itertools import pairwise

import pytest

from calendarsync import pacing
from tests import factories as make
from tests.calendarsync.shelf import connection
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_turns_of_several_workers_are_apart(settings):
    settings.CALENDAR_REQUESTS_PER_SECOND = 50
    calendar = connection(make.staff())

    def turns() -> list[float]:
        taken = []
        for _ in range(5):
            pacing.wait_for_turn(calendar.pk)
            taken.append(time.monotonic())
        return taken

    everybody = sorted(at for taken in at_once([turns] * 3) for at in taken)
    assert everybody[-1] - everybody[0] >= 14 / 50 * 0.95
    assert min(later - earlier for earlier, later in pairwise(everybody[::3])) > 0.02


def test_a_calendar_that_was_left_alone_is_asked_at_once_and_others_are_not_kept(settings):
    settings.CALENDAR_REQUESTS_PER_SECOND = 0.1
    for calendar in (connection(make.staff()), connection(make.staff())):
        begun = time.monotonic()
        pacing.wait_for_turn(calendar.pk)
        assert time.monotonic() - begun < 1
