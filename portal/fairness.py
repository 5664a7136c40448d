"""Who takes an appointment that anyone may take: whoever has the least to do that day."""

from collections.abc import Sequence

from django.db import connection

from appointments.models import Program
from scheduling.availability import OpenTime
from securecare import localtime

# Minutes within the day alone, of everything that holds its slot, wherever it is.
_BOOKED = """
SELECT staff_id, sum(extract(epoch FROM least(ends_at, %(closes)s) - greatest(starts_at, %(opens)s)))
  FROM appointments_appointment
 WHERE staff_id = ANY(%(staff)s) AND status <> 'cancelled'
   AND starts_at > %(opens)s - interval '1 day' AND starts_at < %(closes)s AND ends_at > %(opens)s
 GROUP BY staff_id
"""


def fairest(offers: Sequence[OpenTime], *, program: Program) -> list[OpenTime]:
    """Offers of one time, in the order in which to try them: fewest booked minutes on that local day first, then by name.

    One query; none for a single offer.
    """
    if len(offers) < 2:
        return list(offers)
    opens, closes = localtime.day_bounds(
        localtime.local_date(offers[0].starts_at, program.facility.zone), program.facility.zone
    )
    with connection.cursor() as cursor:
        staff = [offer.staff.pk for offer in offers]
        cursor.execute(_BOOKED, {"staff": staff, "opens": opens, "closes": closes})
        booked = dict(cursor.fetchall())
    return sorted(
        offers,
        key=lambda offer: (booked.get(offer.staff.pk, 0), offer.staff.display_name, offer.staff.pk),
    )
