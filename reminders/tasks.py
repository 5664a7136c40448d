"""What workers do with messages. The rows are the truth: a task that comes twice, late or never loses and repeats nothing."""

from celery import shared_task
from django.utils import timezone

from reminders import delivery, planning
from reminders.models import Message
from securecare import outbox


@shared_task
def deliver(message_id: int) -> None:
    """Send one message, if it is due and nobody else's."""
    delivery.deliver(message_id, now=timezone.now())


@shared_task
def sweep() -> None:
    """Queue whatever is due, and take over from workers that went silent. What used up its attempts so needs a person."""
    now = timezone.now()
    outbox.sweep(Message.objects.all(), deliver, now=now, given_up={"needs_person_since": now})


@shared_task
def plan_anew() -> None:
    """Plan the reminders of all that lies ahead once more: contacts corrected in admin, new zone data."""
    planning.plan_anew(now=timezone.now())
