"""What customers are sent, who agreed to it, what came back, and when programs remind, as administrators see it."""

from reminders.admin import messages, reports, rules

__all__ = ["messages", "reports", "rules"]
