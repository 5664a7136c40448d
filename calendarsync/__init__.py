"""The staff member's own calendar, kept equal to SecureCare."""
