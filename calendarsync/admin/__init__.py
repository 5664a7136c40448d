"""Calendars of staff as administrators see them: what was brought where, and how that ended. Nothing here changes any of it but
ending an address that somebody should not have."""

from calendarsync.admin import connections, feeds, rows

__all__ = ["connections", "feeds", "rows"]
