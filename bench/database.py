"""The benchmarks' own database and queues, beside those people use and never them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection

from securecare.celery import app

NAME = "bench_securecare"
QUEUE_PREFIX = "bench:"


def use() -> None:
    """Point this process, and those forked from it, at the benchmarks' database and queues."""
    connection.close()
    connection.settings_dict["NAME"] = NAME
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "global_keyprefix": QUEUE_PREFIX,
    }


@contextmanager
def created() -> Iterator[None]:
    """The empty, migrated database while the block runs. What a broken run left behind is dropped first."""
    use()
    _execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    _execute(f"CREATE DATABASE {NAME}")
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.close()
        _execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def _execute(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def empty() -> None:
    """Forget every appointment; people and hours stay."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE appointments_appointment CASCADE")
    settle()


def settle() -> None:
    """Let the planner know what the tables hold."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
