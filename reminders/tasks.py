"""What workers do with messages. The rows are the truth: a task that comes twice, late or never loses and repeats nothing."""

from contextlib import suppress
from datetime import timedelta
from typing import cast

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from reminders import delivery, planning
from reminders.models import Message
from securecare import outbox

SWEPT_EVERY = cast(timedelta, settings.CELERY_BEAT_SCHEDULE["send-due-messages"]["schedule"])
# A worker spends as much on a task as on a fifth of a message.
MOST_TOGETHER = 10


@shared_task
def deliver(*message_ids: int) -> None:
    """Send these messages, each if it is due and nobody else's."""
    for message_id in message_ids:
        delivery.deliver(message_id, now=timezone.now())


@shared_task
def sweep(looks_ahead: bool = True) -> None:
    """Queue whatever is due, and take over from workers that went silent. What used up its attempts so needs a person.

    The one that beat sends has what falls due before the next swept on time.
    """
    now, waiting = timezone.now(), Message.objects.all()
    given_up = {"needs_person_since": now}
    outbox.sweep(waiting, deliver, now=now, together=MOST_TOGETHER, given_up=given_up)
    if looks_ahead:
        for at in outbox.worth_sweeping(waiting, after=now, before=now + SWEPT_EVERY):
            _sweep_in(at - now)


def _sweep_in(delay: timedelta) -> None:
    seconds = delay.total_seconds()
    expires = seconds + SWEPT_EVERY.total_seconds()
    with suppress(*outbox.BROKER_ERRORS):  # then the next one comes round
        sweep.apply_async(args=[False], countdown=seconds, expires=expires, retry=False)


@shared_task
def plan_anew() -> None:
    """Plan the reminders of all that lies ahead once more: contacts corrected in admin, new zone data."""
    planning.plan_anew(now=timezone.now())
