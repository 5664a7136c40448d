"""Addresses that nothing reaches: one is not written to again until staff clear it or something arrives there after all."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from reminders import planning, suppression
from reminders.models import ContactProblem, Message

REASON_LIMIT = 200


def flag(*, channel: str, address: str, reason: str, message: Message | None, now: datetime) -> bool:
    """Note that nothing reaches this address, and plan its reminders accordingly. False if that was known."""
    channel, address = suppression.key(channel, address)
    problem = ContactProblem(
        channel=channel, address=address, reason=reason[:REASON_LIMIT], message=message, since=now
    )
    with transaction.atomic():
        if _open(channel, address).exists():
            return False
        ContactProblem.objects.bulk_create([problem], ignore_conflicts=True)
        planning.address_changed(channel=channel, address=address, now=now)
    return True


def clear(*, channel: str, address: str, by: User | None, now: datetime) -> bool:
    """It can be reached again: staff say so, or, with nobody in `by`, something arrived there at this instant.

    False if nothing was known against it by then.
    """
    channel, address = suppression.key(channel, address)
    with transaction.atomic():
        if not _open(channel, address).filter(since__lte=now).update(cleared_at=now, cleared_by=by):
            return False
        planning.address_changed(channel=channel, address=address, now=now)
    return True


def problem_with(channel: str, address: str) -> ContactProblem | None:
    return _open(*suppression.key(channel, address)).first()


def _open(channel: str, address: str) -> QuerySet[ContactProblem]:
    return ContactProblem.objects.filter(channel=channel, address=address, cleared_at=None)
