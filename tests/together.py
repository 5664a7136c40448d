"""Doing things at the same moment: threads of their own database connections behind one barrier."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection


def at_once(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each job returned, all let go at the same moment. What a job raises is raised here."""
    start = threading.Barrier(len(jobs))

    def one(job: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout=20)
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(one, jobs))
