"""Real calendars to sync with: `harness` is each provider's in turn."""

from typing import Any

import pytest

from tests.calendarsync.harness import CaldavHarness, Harness
from tests.contracts.radicale import RadicaleRoad


@pytest.fixture
def caldav_harness(radicale: RadicaleRoad) -> CaldavHarness:
    return CaldavHarness(radicale)


@pytest.fixture
def google_harness(request: pytest.FixtureRequest) -> Harness:
    module = pytest.importorskip("tests.calendarsync.google_harness")
    made: Harness = module.GoogleHarness(request.getfixturevalue("google_calendar_double"))
    return made


@pytest.fixture(params=["caldav", "google"])
def harness(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_harness")
