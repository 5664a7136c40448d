"""Django admin for administrators. What changes working hours or appointments is registered by scheduling, which has the verbs."""

from appointments.admin import organisation, people, record, users

__all__ = ["organisation", "people", "record", "users"]
