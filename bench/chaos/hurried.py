"""The site's Celery application in a hurry: the same code, with waits that let trouble end within minutes."""

from datetime import timedelta

import django
from django.conf import settings

from securecare.celery import app

for swept in ("send-due-messages", "sync-due-calendars"):
    settings.CELERY_BEAT_SCHEDULE[swept]["schedule"] = timedelta(seconds=3)
django.setup()

from calendarsync import lease, syncing, trouble  # noqa: E402
from reminders import failures  # noqa: E402
from reminders.transports import twilio  # noqa: E402
from securecare import outbox  # noqa: E402

failures.ASKED_AFTER = timedelta(seconds=3)
twilio.LISTED_WITHIN = timedelta(seconds=3)
outbox.FIRST_DELAY = timedelta(seconds=1)
outbox.QUEUED_AGAIN_AFTER = timedelta(seconds=12)
outbox.SECONDS_OF_SILENCE = 2
lease.LENGTH = timedelta(seconds=10)
syncing.STAY = timedelta(seconds=5)
trouble.LONGEST_PAUSE = timedelta(seconds=8)

__all__ = ["app"]
