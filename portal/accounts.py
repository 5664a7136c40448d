"""Customers who sign in: their user, made at the first sign-in, never has a password."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import User


class PatronBackend(BaseBackend):
    """Knows who a portal session belongs to. It signs nobody in by itself and grants nothing."""

    def get_user(self, user_id: int) -> User | None:
        found: Any = User.objects.filter(is_active=True, customer__isnull=False, pk=user_id)
        user: User | None = found.select_related("customer", "staff_member").first()
        return user
