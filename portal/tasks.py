"""Housekeeping of the portal."""

from celery import shared_task
from django.utils import timezone

from portal import codes


@shared_task
def clear_old_codes() -> None:
    """Forget which addresses were typed, once no session can have begun with them."""
    codes.clear_old(now=timezone.now())
