"""What one user looks at on the day grid: kept for the user on the server, so that it follows them to every device."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from appointments.access import Access
from appointments.models import Facility
from appointments.models.appointment import Status
from scheduling.models import SchedulerView

ORIENTATIONS = frozenset(SchedulerView.Orientation.values)
STATUSES = tuple(Status.values)


@dataclass(frozen=True)
class Selection:
    """A stored view as it holds now: whoever left, and whatever the user no longer sees, is not in it.

    `staff` is None for everyone who works on the day; `facilities` are those chosen, in order, all of them when none of the
    choice is left. `unconfirmed` narrows what `statuses` show.
    """

    facilities: list[Facility]
    staff: frozenset[int] | None
    statuses: frozenset[str]
    orientation: str
    zone: str
    whole_day: bool
    unconfirmed: bool = False

    @property
    def facility_ids(self) -> frozenset[int]:
        return frozenset(facility.pk for facility in self.facilities)


def selection_of(view: SchedulerView, access: Access) -> Selection:
    facilities = access.facilities
    if view.facilities is not None:
        facilities = access.among(view.facilities) or facilities
    zones = zones_of(access)
    return Selection(
        facilities=facilities,
        staff=None if view.staff is None else frozenset(view.staff),
        statuses=frozenset(STATUSES if view.statuses is None else view.statuses).intersection(STATUSES),
        orientation=view.orientation,
        zone=view.zone if view.zone in zones else (facilities[0].time_zone if facilities else "UTC"),
        whole_day=view.whole_day,
        unconfirmed=view.unconfirmed,
    )


def zones_of(access: Access) -> list[str]:
    """The time zones of the user's facilities, each once."""
    return list(dict.fromkeys(facility.time_zone for facility in access.facilities))


def remember(*, user: User, **fields: Any) -> SchedulerView:
    """Store what the user chose: any of the fields of SchedulerView."""
    view, _ = SchedulerView.objects.update_or_create(user=user, defaults=fields)
    return view


def toggled(statuses: Iterable[str] | None, status: str) -> list[str] | None:
    """The status filter after one of its chips was pressed; None again when every status is shown."""
    shown = set(STATUSES if statuses is None else statuses) ^ {status}
    return None if shown.issuperset(STATUSES) else [each for each in STATUSES if each in shown]
