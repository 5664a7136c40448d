"""What workers do with documents. The rows are the truth: a task that comes twice, late or never loses and repeats nothing."""

from celery import shared_task
from django.utils import timezone

from securecare import outbox
from signatures import sealing, sending
from signatures.models import Sealing


@shared_task
def seal(sealing_id: int) -> None:
    """Seal one request that everybody has signed."""
    sealing.seal_request(sealing_id, clock=timezone.now)


@shared_task
def sweep() -> None:
    """Queue what waits to be sealed, and take over from workers that went silent."""
    outbox.sweep(Sealing.objects.all(), seal, now=timezone.now())


@shared_task
def remind() -> None:
    """Remind of what is still to be signed."""
    sending.remind_due(now=timezone.now())
