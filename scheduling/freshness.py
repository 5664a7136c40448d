"""Whether what a page shows of a day is still so, in one cheap query that renders nothing.

A fingerprint covers what the day grid is made from: the user's stored view and role, their facilities, the people there,
their hours, their programs' names, and the day's appointments with what is signed for them. It sums hashes over the rows themselves, so a change is seen
when it is committed, in whatever order transactions took their ids and times. A customer's new name is not looked for: it
shows with the next change or page, and reading thousands of names every few seconds costs more than all the rest. Time
passing changes what is unconfirmed: it is looked for where only that is shown, elsewhere its count goes with the next change.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Any

from django.db import connection

from appointments.access import Access, role_of
from appointments.models.appointment import LONGEST
from scheduling.day import SOON
from scheduling.models import SchedulerView
from securecare import localtime
from signatures import standing

DAY = timedelta(days=1)
_VIEW = ("staff", "facilities", "orientation", "statuses", "zone", "whole_day", "unconfirmed")

# The person's view says whose rows count. `hash_record_extended(row)` covers every column of the small tables; appointments
# carry a version of their own.
_FINGERPRINT = f"""
WITH view AS MATERIALIZED (
    SELECT staff, facilities, orientation, statuses, zone, whole_day, unconfirmed
      FROM scheduling_schedulerview WHERE user_id = %(user)s
), people AS MATERIALIZED (
    SELECT staff.id, staff.display_name, array_agg(place.facility_id ORDER BY place.facility_id) AS facilities
      FROM appointments_staffmember staff
      JOIN appointments_staffmember_facilities place ON place.staffmember_id = staff.id
     WHERE staff.is_active AND staff.takes_appointments AND place.facility_id = ANY(%(facilities)s)
     GROUP BY staff.id
), shown AS MATERIALIZED (
    SELECT coalesce(array_agg(people.id), ARRAY[]::bigint[]) AS ids FROM people
     WHERE NOT EXISTS (SELECT FROM view WHERE staff IS NOT NULL AND NOT people.id = ANY(staff))
)
SELECT view.*, concat_ws('|', view::text,
    (SELECT count(*) || ':' || sum(hash_record_extended(people, 0)) FROM people),
    (SELECT count(*) || ':' || sum(hash_record_extended(rule, 0)) FROM scheduling_shift rule
      WHERE rule.staff_id = ANY(shown.ids) AND rule.weekday = ANY(%(weekdays)s) AND rule.valid_from <= %(last)s
        AND (rule.valid_until IS NULL OR rule.valid_until > %(first)s)),
    (SELECT count(*) || ':' || sum(hash_record_extended(rule, 0)) FROM scheduling_extrashift rule
      WHERE rule.staff_id = ANY(shown.ids) AND rule.date BETWEEN %(first)s AND %(last)s),
    (SELECT count(*) || ':' || sum(hash_record_extended(rule, 0)) FROM scheduling_timeoff rule
      WHERE rule.staff_id = ANY(shown.ids) AND rule.state = 'approved'
        AND rule.first_day <= %(last)s AND rule.last_day >= %(first)s),
    (SELECT count(*) || ':' || sum(hash_record_extended(rule, 0)) FROM scheduling_closure rule
      WHERE rule.facility_id = ANY(%(facilities)s) AND rule.date BETWEEN %(first)s AND %(last)s),
    (SELECT sum(hashtextextended(program.name, program.id)) FROM appointments_program program
      WHERE program.facility_id = ANY(%(facilities)s)),
    (SELECT count(*) || ':' || sum(hashint8extended(appointment.id, appointment.version))
       FROM appointments_appointment appointment
      WHERE appointment.staff_id = ANY(shown.ids) AND appointment.starts_at > %(opens_after)s
        AND appointment.starts_at < %(closes)s AND appointment.ends_at > %(opens)s),
    CASE WHEN {standing.ANY} THEN (SELECT {standing.FINGERPRINT}
       FROM appointments_appointment appointment {standing.JOINED}
      WHERE appointment.staff_id = ANY(shown.ids) AND appointment.starts_at > %(opens_after)s
        AND appointment.starts_at < %(closes)s AND appointment.ends_at > %(opens)s) END,
    CASE WHEN view.unconfirmed THEN (SELECT count(*) || ':' || sum(appointment.id)
       FROM appointments_appointment appointment
      WHERE appointment.staff_id = ANY(shown.ids) AND appointment.status = 'scheduled'
        AND appointment.starts_at > greatest(%(opens_after)s, %(now)s)
        AND appointment.starts_at <= %(now)s + %(soon)s AND appointment.starts_at < %(closes)s) END)
  FROM shown LEFT JOIN view ON true
"""  # noqa: S608 - our own statement


@dataclass(frozen=True)
class Fresh:
    """The user's stored view, and the fingerprint of the day as it was when the view was read."""

    view: SchedulerView
    fingerprint: str


def fresh(*, access: Access, day: date, now: datetime) -> Fresh:
    """One query. Read before the day itself: what changes in between is then fetched once more, and never missed."""
    asked: dict[str, Any] = {**_limits(access, day), "user": access.user.pk, "now": now, "soon": SOON}
    with connection.cursor() as cursor:
        cursor.execute(_FINGERPRINT, asked)
        *fields, state = cursor.fetchone()
    view = SchedulerView(user=access.user, **_stored(fields))
    places = [(facility.pk, facility.name, facility.time_zone) for facility in access.facilities]
    seen = f"{state}|{places}|{role_of(access.user)}|{access.user.is_superuser}"
    return Fresh(view, blake2b(seen.encode(), digest_size=12).hexdigest())


def _limits(access: Access, day: date) -> dict[str, Any]:
    """The day as any of the user's facilities counts it; a grid shows it in one of their zones."""
    bounds = [localtime.day_bounds(day, facility.zone) for facility in access.facilities]
    bounds = bounds or [localtime.day_bounds(day, "UTC")]
    opens = min(start for start, _ in bounds)
    return {
        "facilities": list(access.facility_ids),
        "opens": opens,
        "opens_after": opens - LONGEST,
        "closes": max(end for _, end in bounds),
        # A shift may begin the evening before, and a zone may be a day ahead or behind.
        "weekdays": [(day + step * DAY).weekday() for step in (-2, -1, 0, 1)],
        "first": day - 2 * DAY,
        "last": day + 2 * DAY,
    }


def _stored(fields: list[Any]) -> dict[str, Any]:
    """The view's columns by name; nothing for who has stored none, so that the model's defaults hold."""
    return dict(zip(_VIEW, fields, strict=True)) if fields[_VIEW.index("orientation")] else {}
