"""Comparing whole calendars with what they should show, once a night, and having them put right."""

from datetime import datetime

from calendarsync.syncing import Clock


def due(*, now: datetime) -> list[int]:
    return []


def reconcile(connection_id: int, *, clock: Clock) -> None:
    """."""
