"""Django admin of what changes working hours, and of appointments: every change goes through the domain's verbs."""

from scheduling.admin import appointments, hours, staff

__all__ = ["appointments", "hours", "staff"]
