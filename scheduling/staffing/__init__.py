"""Changing when people work: weekly hours, extra shifts, time off and closures.

Every verb here goes through `reassignment.changing_hours`, so that appointments are stranded and restored with it. Each takes
`preview`, which undoes everything and only tells the effect, and `agreed`, the key of the effect that the user was shown.
"""

from scheduling.staffing.changing import HoursRefused, WouldStrand
from scheduling.staffing.closures import close_facility, reopen
from scheduling.staffing.extra import add_extra_shift, remove_extra_shift
from scheduling.staffing.time_off import approve, ask_time_off, decline, enter_time_off, withdraw
from scheduling.staffing.week import (
    PlannedShift,
    StaleHours,
    Version,
    copied_week,
    fingerprint,
    set_week,
    versions,
)

__all__ = [
    "HoursRefused",
    "PlannedShift",
    "StaleHours",
    "Version",
    "WouldStrand",
    "add_extra_shift",
    "approve",
    "ask_time_off",
    "close_facility",
    "copied_week",
    "decline",
    "enter_time_off",
    "fingerprint",
    "remove_extra_shift",
    "reopen",
    "set_week",
    "versions",
    "withdraw",
]
