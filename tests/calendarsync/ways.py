"""Connecting a calendar as a person would, at either provider: Dana's."""

from typing import Any, Protocol

from appointments.models import StaffMember
from calendarsync import connecting
from calendarsync.models import CalendarConnection
from tests import factories as make
from tests.calendarsync.google_harness import GoogleHarness
from tests.calendarsync.harness import CaldavHarness, Harness
from tests.contracts.google_accounts import SCOPE
from tests.contracts.google_double import GoogleDouble
from tests.contracts.radicale import USERS, RadicaleRoad

EMAIL = "dana@northside.example.org"


class Way(Protocol):
    """`address`, `key` and `name` are those of the calendar; `secrets` open it."""

    harness: Harness
    address: str
    key: str
    name: str
    account: str
    secrets: dict[str, Any]

    def connect(self, staff: StaffMember, **given: Any) -> CalendarConnection: ...


class ByCaldav:
    account = "dana"
    name = "Work"

    def __init__(self, road: RadicaleRoad) -> None:
        self.road = road
        self.harness = CaldavHarness(road)
        self.address = road.calendar(self.account, self.name)
        self.key = self.address.split("://")[1].rstrip("/")
        self.secrets = {"kind": "password", "username": self.account, "password": USERS[self.account]}

    def begin(self, staff: StaffMember, **given: Any) -> CalendarConnection:
        typed = {"server": self.road.base, "username": self.account, "password": USERS[self.account]}
        usual = {**typed, "by": staff.user, "now": make.NOW}
        return connecting.begin_caldav(staff=staff, **{**usual, **given})[0]

    def connect(self, staff: StaffMember, **given: Any) -> CalendarConnection:
        begun = self.begin(staff)
        usual = {"calendar": self.address, "title_style": "initials", "by": staff.user, "now": make.NOW}
        return connecting.choose(connection=begun, **{**usual, **given})


class ByGoogle:
    address = "primary"
    account = key = name = EMAIL

    def __init__(self, double: GoogleDouble) -> None:
        self.double = double
        self.harness = GoogleHarness(double)
        self.secrets = self.permission()

    def permission(self, email: str = EMAIL) -> dict[str, Any]:
        return {"kind": "oauth", "refresh_token": self.double.account(email), "scopes": [SCOPE]}

    def begin(self, staff: StaffMember, **given: Any) -> CalendarConnection:
        usual = {"secrets": self.secrets, "by": staff.user, "now": make.NOW}
        return connecting.begin_google(staff=staff, **{**usual, **given})

    def connect(self, staff: StaffMember, **given: Any) -> CalendarConnection:
        usual = {
            "secrets": self.secrets,
            "calendar": "primary",
            "title_style": "initials",
            "by": staff.user,
            "now": make.NOW,
        }
        return connecting.connect_google(staff=staff, **{**usual, **given})
