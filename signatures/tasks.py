"""What workers do with documents. The rows are the truth: a task that comes twice, late or never loses and repeats nothing."""

from celery import shared_task


@shared_task
def seal(sealing_id: int) -> None:
    """Seal one request that everybody has signed."""


@shared_task
def sweep() -> None:
    """Queue what waits to be sealed."""


@shared_task
def remind() -> None:
    """Remind of what is still to be signed."""
