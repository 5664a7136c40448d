"""The site's Celery application on the benchmarks' database, with queues of its own beside those of a running site."""

from bench import database
from securecare.celery import app

database.use()
app.conf.broker_transport_options = {
    **app.conf.broker_transport_options,
    "global_keyprefix": database.QUEUE_PREFIX,
}

__all__ = ["app"]
