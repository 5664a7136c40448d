"""The site as granian serves it, on the benchmarks' database."""

from bench import database
from securecare.wsgi import application

database.use()

__all__ = ["application"]
