"""Real calendars to sync with: `harness` is each provider's in turn, `way` the way in to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.calendarsync.google_desk import Desk
from tests.calendarsync.google_harness import GoogleHarness
from tests.calendarsync.harness import CaldavHarness
from tests.calendarsync.ways import ByCaldav, ByGoogle, Way
from tests.contracts.google_double import GoogleDouble
from tests.contracts.radicale import RadicaleRoad


@pytest.fixture
def caldav_harness(radicale: RadicaleRoad) -> CaldavHarness:
    return CaldavHarness(radicale)


@pytest.fixture
def google_harness(google_calendar_double: GoogleDouble) -> GoogleHarness:
    return GoogleHarness(google_calendar_double)


@pytest.fixture
def google_desk(google_calendar_double: GoogleDouble) -> Iterator[Desk]:
    desk = Desk.of(google_calendar_double)
    yield desk
    desk.leave()


@pytest.fixture(params=["caldav", "google"])
def harness(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_harness")


@pytest.fixture
def by_caldav(radicale: RadicaleRoad) -> ByCaldav:
    return ByCaldav(radicale)


@pytest.fixture
def by_google(google_calendar_double: GoogleDouble) -> ByGoogle:
    return ByGoogle(google_calendar_double)


@pytest.fixture(params=["caldav", "google"])
def way(request: pytest.FixtureRequest) -> Way:
    made: Way = request.getfixturevalue(f"by_{request.param}")
    return made
