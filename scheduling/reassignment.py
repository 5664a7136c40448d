"""Pending Reassignment: future appointments that changed working hours leave without their staff member.

Whoever changes hours does it inside `changing_hours`, which holds the staff members' rows: no booking can slip in between the
change and its review. A stranded appointment keeps its slot, and comes back when the hours do.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from appointments.models import Appointment, AppointmentEvent, StaffMember
from scheduling import hours as working_hours
from scheduling import record
from securecare import localtime

Status = Appointment.Status
Kind = AppointmentEvent.Kind

WAITING = (Status.SCHEDULED, Status.PENDING_REASSIGNMENT)


@dataclass
class Review:
    """What a change of hours did, or would do, to future appointments."""

    stranded: list[Appointment] = field(default_factory=list)
    restored: list[Appointment] = field(default_factory=list)


class _Preview(Exception):
    """Unwinds the transaction of a change that was only tried."""


@contextmanager
def changing_hours(
    *, staff: Collection[StaffMember | int], by: User | None, now: datetime, preview: bool = False
) -> Iterator[Review]:
    """Change shifts, time off or closures of these staff members in the block; their appointments are reviewed after it.

    The yielded Review is filled when the block ends. With `preview` everything is undone and only the Review remains.
    """
    ids = sorted({member if isinstance(member, int) else member.pk for member in staff})
    review = Review()
    try:
        with transaction.atomic():
            _lock(ids)
            yield review
            _settle(ids, review, by=by, now=now)
            if preview:
                raise _Preview
    except _Preview:
        return


def staff_at(facility_id: int) -> list[int]:
    """Ids of everyone whose hours a change at this facility may touch: its members, and who has appointments there."""
    member = Q(facilities=facility_id)
    booked = Q(pk__in=Appointment.objects.filter(facility=facility_id, status__in=WAITING).values("staff"))
    return sorted(StaffMember.objects.filter(member | booked).values_list("pk", flat=True).distinct())


def _lock(staff_ids: list[int]) -> None:
    rows = StaffMember.objects.filter(pk__in=staff_ids).order_by("pk").select_for_update(no_key=True)
    list(rows.values_list("pk"))


def _settle(staff_ids: list[int], review: Review, *, by: User | None, now: datetime) -> None:
    """Strand what no longer fits and restore what fits again, each with its event."""
    for member, ahead in _ahead(staff_ids, now).items():
        days = [localtime.local_date(a.starts_at, a.facility.zone) for a in ahead]
        rules = working_hours.load(
            staff=[member], first_day=min(days), last_day=max(days) + timedelta(days=1)
        )
        for appointment in ahead:
            holds = record.holds_its_place(appointment, rules)
            if holds and appointment.status == Status.PENDING_REASSIGNMENT:
                _set_status(appointment, Status.SCHEDULED, Kind.RESTORED, by=by, now=now)
                review.restored.append(appointment)
            elif not holds and appointment.status == Status.SCHEDULED:
                _set_status(appointment, Status.PENDING_REASSIGNMENT, Kind.STRANDED, by=by, now=now)
                review.stranded.append(appointment)


def _ahead(staff_ids: list[int], now: datetime) -> dict[int, list[Appointment]]:
    """Future scheduled and stranded appointments by staff id, locked."""
    waiting = Appointment.objects.filter(staff__in=staff_ids, starts_at__gt=now, status__in=WAITING)
    related = waiting.select_related("staff", "facility", "program", "customer")
    by_staff: dict[int, list[Appointment]] = defaultdict(list)
    for appointment in related.select_for_update(of=("self",), no_key=True).order_by("pk"):
        by_staff[appointment.staff_id].append(appointment)
    return by_staff


def _set_status(appointment: Appointment, status: str, kind: str, *, by: User | None, now: datetime) -> None:
    before = record.snapshot(appointment)
    appointment.status = status
    actor = AppointmentEvent.Actor.SYSTEM if by is None else AppointmentEvent.Actor.STAFF
    record.save(appointment, kind=kind, before=before, by=by, now=now, actor=actor)
