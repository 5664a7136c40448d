"""Holds on a real Redis, and without one."""

import socket
import time as clock
from datetime import timedelta

import pytest

from portal import holds
from portal.holds import LASTS
from portal.times import Search, offered
from scheduling.availability import OpenTime, open_times
from securecare.broker import redis_client
from tests import factories as make
from tests.factories import NOW, TODAY
from tests.portal.clinic import Clinic
from tests.together import at_once

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
TEN = make.at(TODAY, 10)


@pytest.fixture
def clinic():
    return Clinic.open()


def offer(clinic, starts_at=TEN, staff=None, minutes=30):
    return OpenTime(staff or clinic.staff, starts_at, starts_at + timedelta(minutes=minutes))


def take(clinic, *, visitor="ann", now=NOW, **fields):
    return holds.hold(offer(clinic, **fields), facility=clinic.facility.pk, visitor=visitor, now=now)


def held(clinic, *, besides="", now=NOW):
    return holds.held(clinic.facility.pk, besides=besides, now=now)


def starts(clinic, *, visitor="", **program):
    for name, value in program.items():
        setattr(clinic.program, name, value)
    search = Search(clinic.program, visitor=visitor)
    return {time.starts_at for time in offered(search, first_day=TODAY, last_day=TODAY, now=NOW)}


def test_a_hold_hides_its_period_from_others_and_not_from_its_holder(clinic):
    before = starts(clinic)
    assert take(clinic)
    quarter = timedelta(minutes=15)
    assert before - starts(clinic, visitor="ben") == {TEN - quarter, TEN, TEN + quarter}
    assert starts(clinic, visitor="ann") == before


def test_a_hold_keeps_the_programs_buffer_free_as_an_appointment_would(clinic):
    take(clinic)
    with_hold = starts(clinic, visitor="ben", buffer_minutes=30)
    holds.forget()
    make.appointment(
        starts_at=TEN, staff=clinic.staff, program=clinic.program, customer=make.customer(at=clinic.facility)
    )
    assert starts(clinic, buffer_minutes=30) == with_hold
    assert TEN - timedelta(minutes=60) in with_hold
    assert TEN - timedelta(minutes=45) not in with_hold


def test_staff_never_see_a_hold(clinic):
    take(clinic)
    found = open_times(program=clinic.program, first_day=TODAY, last_day=TODAY, now=NOW)
    assert TEN in {time.starts_at for time in found}
    make.appointment(
        starts_at=TEN, staff=clinic.staff, program=clinic.program, customer=make.customer(at=clinic.facility)
    )


def test_a_hold_ends_after_five_minutes_to_the_second(clinic):
    take(clinic)
    assert held(clinic, now=NOW + LASTS - SECOND) == {clinic.staff.pk: [(TEN, TEN + timedelta(minutes=30))]}
    assert held(clinic, now=NOW + LASTS) == {}


def test_redis_itself_forgets_them(clinic):
    take(clinic)
    assert 0 < redis_client().ttl(holds._key(clinic.facility.pk)) <= LASTS.total_seconds()


def test_ended_holds_are_swept_by_the_next_one(clinic):
    take(clinic, visitor="ann")
    take(clinic, visitor="ben", now=NOW + LASTS)
    assert set(redis_client().hkeys(holds._key(clinic.facility.pk))) == {b"ben"}


def test_a_visitor_holds_one_time_at_a_facility(clinic):
    take(clinic, starts_at=TEN)
    take(clinic, starts_at=TEN + timedelta(hours=1))
    assert held(clinic) == {clinic.staff.pk: [(TEN + timedelta(hours=1), TEN + timedelta(minutes=90))]}


def test_the_first_of_two_visitors_keeps_the_time(clinic):
    assert take(clinic, visitor="ann")
    assert not take(clinic, visitor="ben", starts_at=TEN + timedelta(minutes=15))
    assert take(clinic, visitor="ben", starts_at=TEN + timedelta(minutes=30))
    assert take(clinic, visitor="ann")
    assert take(clinic, visitor="cy", staff=clinic.colleague())


def test_many_visitors_at_once_and_one_holds_it(clinic):
    results = at_once([lambda n=n: take(clinic, visitor=f"visitor {n}") for n in range(8)])
    assert sorted(results) == [False] * 7 + [True]


def test_releasing_lets_go_of_ones_own_hold_alone(clinic):
    other = clinic.colleague()
    take(clinic, visitor="ann")
    take(clinic, visitor="ben", staff=other)
    holds.release(facility=clinic.facility.pk, visitor="ann")
    assert set(held(clinic)) == {other.pk}
    holds.release(facility=clinic.facility.pk, visitor="")
    assert set(held(clinic)) == {other.pk}


def test_holds_of_another_facility_or_installation_are_not_looked_at(clinic):
    take(clinic)
    assert holds.held(clinic.facility.pk + 1, besides="", now=NOW) == {}
    assert holds._key(7).startswith("holds:test_")


# ------------------------------------------------------------------------------------------------ without Redis


def test_without_redis_nothing_is_held_and_times_are_offered(clinic, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    assert take(clinic)
    assert held(clinic) == {}
    holds.release(facility=clinic.facility.pk, visitor="ann")
    assert TEN in starts(clinic, visitor="ben")


def test_a_redis_that_does_not_answer_costs_one_short_wait(clinic, settings):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        settings.REDIS_URL = f"redis://127.0.0.1:{deaf.getsockname()[1]}"
        began = clock.monotonic()
        for _ in range(20):
            assert held(clinic) == {}
        assert clock.monotonic() - began < 0.45


def test_after_a_while_redis_is_asked_again(clinic, settings):
    silent = holds.Server(silence=0.05)
    settings.REDIS_URL = "redis://127.0.0.1:1"
    assert silent.ask(lambda client: client.ping(), otherwise="gone") == "gone"
    assert silent.ask(lambda client: "asked", otherwise="gone") == "gone"
    clock.sleep(0.06)
    assert silent.ask(lambda client: "asked", otherwise="gone") == "asked"


def test_what_is_not_a_hold_is_no_hold(clinic):
    key = holds._key(clinic.facility.pk)
    redis_client().hset(key, "eve", "nonsense")
    assert held(clinic) == {}
    assert take(clinic)
    assert set(redis_client().hkeys(key)) == {b"ann"}


def test_whom_a_visitor_holds_is_known_for_as_long_as_it_is_held(clinic):
    def whom(visitor, now=NOW):
        return holds.held_by(visitor, facility=clinic.facility.pk, now=now)

    assert take(clinic)
    assert (whom("ann"), whom("ben"), whom("")) == (clinic.staff.pk, None, None)
    assert (whom("ann", NOW + LASTS - SECOND), whom("ann", NOW + LASTS)) == (clinic.staff.pk, None)
