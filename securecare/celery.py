"""The Celery application. Queues carry hints: the row in the database is the truth (see securecare.outbox)."""

import os

from celery import Celery, signals
from django.db import close_old_connections

from securecare.broker import ensure_queues

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "securecare.settings")

app = Celery("securecare")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

for about_to_connect in (signals.celeryd_init, signals.beat_init, signals.before_task_publish):
    about_to_connect.connect(ensure_queues)
# Each thread of a worker keeps its connection as a web server's does: checked before use, and closed after CONN_MAX_AGE.
for around_a_task in (signals.task_prerun, signals.task_postrun):
    around_a_task.connect(close_old_connections)
