"""Pages for customers: book, reschedule, cancel, sign, pay."""
