"""What workers do with messages. The rows are the truth: a task that comes twice, late or never loses and repeats nothing."""

from celery import shared_task
from django.utils import timezone

from reminders import delivery, planning
from reminders.models import Message
from securecare import outbox

# A worker spends as much on a task as on a fifth of a message.
MOST_TOGETHER = 10


@shared_task
def deliver(*message_ids: int) -> None:
    """Send these messages, each if it is due and nobody else's."""
    for message_id in message_ids:
        delivery.deliver(message_id, now=timezone.now())


@shared_task
def sweep() -> None:
    """Queue whatever is due, and take over from workers that went silent. What used up its attempts so needs a person."""
    now = timezone.now()
    given_up = {"needs_person_since": now}
    outbox.sweep(Message.objects.all(), deliver, now=now, together=MOST_TOGETHER, given_up=given_up)


@shared_task
def plan_anew() -> None:
    """Plan the reminders of all that lies ahead once more: contacts corrected in admin, new zone data."""
    planning.plan_anew(now=timezone.now())
