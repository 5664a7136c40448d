"""What workers do with calendars. The rows are the truth: a task that comes twice, late or never loses and repeats nothing."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from calendarsync import connecting, reconciling, syncing
from calendarsync.models import CalendarSync
from securecare import outbox

UNFINISHED_FOR = timedelta(hours=24)


@shared_task
def drain(connection_id: int) -> None:
    """Carry out what is due of this calendar."""
    syncing.drain(connection_id, clock=timezone.now)


@shared_task
def sweep() -> None:
    """Tell of every calendar for which something is due, and take over from workers that went silent."""
    now = timezone.now()
    CalendarSync.objects.release_stuck(now=now)
    connecting.close_left_over(now=now)
    for connection_id in syncing.waiting(now=now):
        if not outbox.publish(drain, connection_id, priority=outbox.SWEPT_PRIORITY):
            break


@shared_task
def reconcile(connection_id: int) -> None:
    """Compare one calendar as a whole with what it should show, and have it put right."""
    reconciling.reconcile(connection_id, clock=timezone.now, if_due=True)


@shared_task
def reconcile_due() -> None:
    """Have those compared whose night it is and that were not yet."""
    for connection_id in reconciling.due(now=timezone.now()):
        if not outbox.publish(reconcile, connection_id, priority=outbox.SWEPT_PRIORITY):
            break


@shared_task
def clear_unfinished() -> None:
    """Forget credentials of calendars that somebody began to connect and did not."""
    connecting.clear_unfinished(before=timezone.now() - UNFINISHED_FOR)
