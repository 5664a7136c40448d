"""The site's Celery application on the benchmarks' database, with queues of its own beside those of a running site."""

from bench import database
from securecare.celery import app

database.use()

__all__ = ["app"]
