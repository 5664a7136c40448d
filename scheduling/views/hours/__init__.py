"""Work hours: the week of everyone, one person's hours and time off, closures."""

from scheduling.views.hours.closures import closures, reopen
from scheduling.views.hours.overview import overview
from scheduling.views.hours.person import extra, extra_remove, person
from scheduling.views.hours.time_off import decide, time_off, withdraw
from scheduling.views.hours.week import week

__all__ = [
    "closures",
    "decide",
    "extra",
    "extra_remove",
    "overview",
    "person",
    "reopen",
    "time_off",
    "week",
    "withdraw",
]
