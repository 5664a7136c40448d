"""One worker at a time with each calendar: a lease on its row, which is lost when it runs out and another takes it."""

from datetime import datetime, timedelta

from django.db.models import Q

from calendarsync.models import CalendarConnection
from calendarsync.models.connection import CalendarConnectionQuerySet

# Renewed with everything that is done. After a worker is lost, the calendar waits this long for the next.
LENGTH = timedelta(seconds=45)


class Lease:
    """Of one calendar, until `until`."""

    def __init__(self, connection: CalendarConnection, until: datetime) -> None:
        self.connection = connection
        self._until = until

    @classmethod
    def take(cls, connection_id: int, *, now: datetime, only: Q | None = None) -> "Lease | None":
        """None if the calendar is resting, stopped, another worker's, or not one of `only`."""
        is_free = Q(drained_until=None) | Q(drained_until__lte=now)
        free = CalendarConnection.objects.reachable(now).filter(only or Q(), is_free, pk=connection_id)
        until = now + LENGTH
        if not free.update(drained_until=until):
            return None
        return cls(CalendarConnection.objects.select_related("staff").get(pk=connection_id), until)

    def renew(self, *, now: datetime) -> bool:
        """False if it was lost."""
        until = now + LENGTH
        is_ours = bool(self.held().update(drained_until=until))
        if is_ours:
            self._until = until
        return is_ours

    def release(self) -> None:
        self.held().update(drained_until=None)

    def held(self) -> CalendarConnectionQuerySet:
        """The calendar, as long as it is ours."""
        return CalendarConnection.objects.filter(pk=self.connection.pk, drained_until=self._until)
