"""What customers are sent, who agreed to it, and when programs remind, as administrators see it."""

from reminders.admin import messages

__all__ = ["messages"]
