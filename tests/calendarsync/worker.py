"""A worker for calendars, in threads of the test's own process: it hears what that process publishes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals
from celery.contrib.testing.worker import start_worker
from django.db import connections

from securecare.celery import app

QUEUE = "calendarsync"


def _leave_logging_alone(**_signal: Any) -> None:
    """Celery sets up logging of its own unless somebody listens."""


def _close_connections(**_signal: Any) -> None:
    """A database with connections cannot be emptied or removed."""
    connections.close_all()


@contextmanager
def running_worker(*, threads: int = 2) -> Iterator[None]:
    signals.setup_logging.connect(_leave_logging_alone)
    signals.task_postrun.connect(_close_connections)
    try:
        options: dict[str, Any] = {"pool": "threads", "concurrency": threads, "perform_ping_check": False}
        with start_worker(app, queues=[QUEUE], **options):
            yield
    finally:
        signals.task_postrun.disconnect(_close_connections)
        signals.setup_logging.disconnect(_leave_logging_alone)


def forget_hints() -> None:
    """Of tests before."""
    with app.connection_for_write() as broker:
        broker.default_channel.queue_declare(QUEUE)
        broker.default_channel.queue_purge(QUEUE)
