"""What owners do with their calendars meanwhile: they change and delete entries of ours, keep events of their own, and change
their password or take their permission back, until they connect the calendar again."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from bench.chaos.calendars.owners import Owners
from bench.outside import LENGTH
from calendarsync import connecting
from calendarsync.models import SyncedEvent
from calendarsync.providers.base import CalendarError

SHARES = {"edit": 20, "delete": 16, "add": 8, "lock out": 3, "connect again": 5}
LONGEST_MOVE = timedelta(days=3)
QUARTERS = int(LONGEST_MOVE / timedelta(minutes=15))
# The database, or a server that is being started again; or the entry is gone.
AWAY = (DatabaseError, InterfaceError, OSError)
REFUSED = (CalendarError, connecting.CannotConnect)


@dataclass
class Outsiders:
    """`touched`: entries of ours that somebody changed, by calendar. `own`: when events of theirs begin and end, by calendar and
    title; those that are `unsure` may be there too."""

    owners: Owners
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    touched: set[tuple[int, UUID]] = field(default_factory=set)
    own: dict[int, dict[str, tuple[datetime, datetime]]] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    locked_out: set[int] = field(default_factory=set)

    def act(self) -> None:
        deed = self.rng.choices(list(SHARES), list(SHARES.values()))[0]
        try:
            if VERBS[deed](self):
                self.done[deed] += 1
        except REFUSED:
            self.done[f"{deed}, in vain"] += 1
        except AWAY:
            self.done[f"{deed}, in vain"] += 1
            connection.close()

    def _edit(self) -> bool:
        found = self._entry()
        if found:
            moved_by = timedelta(minutes=15) * self.rng.randint(-QUARTERS, QUARTERS)
            outside = self.owners.outside(found.connection)
            outside.edit(found.connection, found.external_id, title="Lunch", moved_by=moved_by)
        return found is not None

    def _delete(self) -> bool:
        found = self._entry()
        if found:
            self.owners.outside(found.connection).delete(found.connection, found.external_id)
        return found is not None

    def _add(self) -> bool:
        owned = self.rng.choice(self.owners.connections)
        uid = UUID(int=self.rng.getrandbits(128), version=4)
        starts_at = timezone.now().replace(microsecond=0) + timedelta(hours=self.rng.randrange(-200, 800))
        title = f"Dentist {uid}"
        # Whoever hears no answer does not know whether it is there.
        self.unsure.add(title)
        self.owners.outside(owned).add(owned, uid, title, starts_at)
        self.unsure.remove(title)
        self.own.setdefault(owned.pk, {})[title] = (starts_at, starts_at + LENGTH)
        return True

    def _lock_out(self) -> bool:
        """The password is changed, or the permission taken back: the calendar stops."""
        owned = self.rng.choice(self.owners.connections)
        self.locked_out.add(owned.pk)
        self.owners.outside(owned).lock_out(owned)
        return True

    def _connect_again(self) -> bool:
        if not self.locked_out:
            return False
        chosen = self.rng.choice(sorted(self.locked_out))
        owned = next(each for each in self.owners.connections if each.pk == chosen)
        owned.refresh_from_db()
        secrets = self.owners.outside(owned).secrets(owned)
        connecting.renew(connection=owned, secrets=secrets, by=self.owners.place.user, now=timezone.now())
        self.locked_out.remove(chosen)
        return True

    def connect_all_again(self) -> None:
        """Once calm has returned. May raise while the database is away."""
        for _ in range(len(self.locked_out)):
            with suppress(*REFUSED):
                self._connect_again()

    def _entry(self) -> SyncedEvent | None:
        """One of ours, by our record: it may just be changing."""
        known = SyncedEvent.objects.order_by("pk").select_related("connection", "appointment")
        if not (keys := list(known.values_list("pk", flat=True))):
            return None
        found = known.get(pk=self.rng.choice(keys))
        self.touched.add((found.connection.pk, found.appointment.reference))
        return found


VERBS: dict[str, Callable[[Outsiders], bool]] = {
    "edit": Outsiders._edit,
    "delete": Outsiders._delete,
    "add": Outsiders._add,
    "lock out": Outsiders._lock_out,
    "connect again": Outsiders._connect_again,
}
