"""The record of comparing whole calendars with what they should show."""

from django.db import models

from calendarsync.models.connection import CalendarConnection


class Reconciliation(models.Model):
    """One comparison: how many entries were looked at, and what was put right. `error` if it could not be finished."""

    connection = models.ForeignKey(
        CalendarConnection, on_delete=models.PROTECT, related_name="reconciliations"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    compared = models.PositiveIntegerField(default=0, help_text="Entries that should stand in the calendar.")
    missing = models.PositiveIntegerField(default=0, help_text="They were not there, and are written again.")
    changed = models.PositiveIntegerField(
        default=0, help_text="They said something else, and are written again."
    )
    stray = models.PositiveIntegerField(
        default=0, help_text="Entries of ours that should not be there; removed."
    )
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.connection} at {self.started_at:%Y-%m-%d %H:%M}Z"

    @property
    def repaired(self) -> int:
        return self.missing + self.changed + self.stray
