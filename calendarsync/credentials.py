"""The only way in and out of what opens somebody's calendar: sealed at rest, bound to its connection."""

import json
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import Q

from calendarsync.models import CalendarConnection
from securecare.encryption import CannotOpen, Sealed, key_ring
from securecare.rotation import SealedTable

NONE: dict[str, Any] = {"ciphertext": None, "salt": None, "key_id": ""}


class CredentialsUnreadable(CannotOpen):
    """They cannot be opened with the keys at hand, or there are none."""


def sealed(secrets: dict[str, Any], reference: UUID) -> dict[str, Any]:
    """The fields of the connection with this reference that hold them."""
    return asdict(key_ring().seal(json.dumps(secrets), place=_place(reference)))


def read(connection: CalendarConnection) -> dict[str, Any]:
    """What `sealed` was given. Raises CredentialsUnreadable."""
    if connection.ciphertext is None or connection.salt is None:
        raise CredentialsUnreadable("There are no credentials.")
    stored = Sealed(bytes(connection.ciphertext), bytes(connection.salt), connection.key_id)
    try:
        found: dict[str, Any] = json.loads(key_ring().open(stored, place=_place(connection.reference)))
    except CannotOpen as error:
        raise CredentialsUnreadable(str(error)) from error
    return found


def reseal(connection: CalendarConnection) -> bool:
    """Seal the same under the current key. False if somebody changed it meanwhile. Raises CredentialsUnreadable."""
    fields = sealed(read(connection), connection.reference)
    unchanged = CalendarConnection.objects.filter(pk=connection.pk, ciphertext=connection.ciphertext)
    return bool(unchanged.update(**fields))


def sealed_table() -> SealedTable:
    return SealedTable(
        called="calendar credentials",
        model=CalendarConnection,
        reseal=reseal,
        name_of=lambda connection: f"credentials of calendar connection {connection.reference}",
        which=~Q(key_id=""),
    )


def _place(reference: UUID) -> tuple[str, ...]:
    return ("calendar-credentials", str(reference))
