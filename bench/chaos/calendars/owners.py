"""Whose calendars are kept equal during the chaos: some have one with Google, some with a CalDAV server, some both, some none."""

from dataclasses import dataclass
from pathlib import Path

from appointments.models import Organisation, StaffMember
from bench import connections, organisation
from bench.chaos.calendars.setting import CalendarSetting
from bench.organisation import Place
from bench.outside import Caldav, Google, Outside
from calendarsync.models import CalendarConnection, Provider

STAFF = 16
CUSTOMERS = 400
# By turns.
KINDS = ("google", "caldav", "google", "caldav", "both", "google", "caldav", "none")
PASSWORD = "of-a-calendar"  # on a server that lives as long as the run
COLLECTION = "appointments"


@dataclass(frozen=True)
class Owners:
    """`google` and `caldav` are how they see their own calendars."""

    place: Place
    connections: list[CalendarConnection]
    google: Google
    caldav: Caldav

    @property
    def staff(self) -> list[StaffMember]:
        return self.place.staff

    def outside(self, connection: CalendarConnection) -> Outside:
        return self.google if connection.provider == Provider.GOOGLE else self.caldav


def gathered(where: CalendarSetting, *, users: Path) -> Owners:
    """Nobody here has an address: what changes is told to calendars alone. `users` is what the CalDAV server knows of them."""
    Organisation.objects.filter(pk=Organisation.current().pk).update(calendars_show_public_notes=True)
    place = organisation.create("calendars", staff=STAFF, customers=CUSTOMERS)
    google = Google(where.servers["google"])
    google.open(*[email(number) for number in range(STAFF)])
    caldav = Caldav(where.servers["caldav"], passwords(), users)
    for user in caldav.passwords:
        caldav.make(f"/{user}/{COLLECTION}/")
    made = [each for number in range(STAFF) for each in _connected(place, number, where, google)]
    return Owners(place, made, google, caldav)


def _connected(place: Place, number: int, where: CalendarSetting, google: Google) -> list[CalendarConnection]:
    kind, member = KINDS[number % len(KINDS)], place.staff[number]
    made = []
    if kind in ("google", "both"):
        permission = google.permissions[email(number)]
        made.append(connections.google(member, email(number), refresh_token=permission))
    if kind in ("caldav", "both"):
        address = where.caldav_address(f"{username(number)}/{COLLECTION}")
        made.append(connections.caldav(member, address, username=username(number), password=PASSWORD))
    return made


def email(number: int) -> str:
    return f"staff{number}@northside.example.org"


def username(number: int) -> str:
    return f"user{number}"


def passwords() -> dict[str, str]:
    return {username(number): PASSWORD for number in range(STAFF)}
