from calendarsync.models.connection import CalendarConnection, Provider, TitleStyle
from calendarsync.models.feed import CalendarFeed
from calendarsync.models.reconciliation import Reconciliation
from calendarsync.models.sync import CalendarSync, CalendarSyncQuerySet, Outcome, Reason, SyncedEvent

__all__ = [
    "CalendarConnection",
    "CalendarFeed",
    "CalendarSync",
    "CalendarSyncQuerySet",
    "Outcome",
    "Provider",
    "Reason",
    "Reconciliation",
    "SyncedEvent",
    "TitleStyle",
]
