"""Connecting calendars, testing, changing and disconnecting them."""

from datetime import datetime

from django.db import transaction

from calendarsync import credentials
from calendarsync.models import CalendarConnection
from calendarsync.models.connection import State


@transaction.atomic
def clear_unfinished(*, before: datetime) -> int:
    """Forget what somebody began to connect before then and did not finish. Returns how many."""
    unfinished = CalendarConnection.objects.filter(state=State.NEW, created_at__lt=before)
    return unfinished.update(state=State.DISCONNECTED, disconnected_at=before, **credentials.NONE)
