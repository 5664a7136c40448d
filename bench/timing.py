"""How long calls take, alone and from several processes at once."""

import gc
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from django.db import connection

CLIENTS = 8
_FORK = multiprocessing.get_context("fork")


def p50_ms(call: Callable[[], Any], *, calls: int) -> float:
    """Median of single calls after a few to warm up, without the collector's pauses."""
    for _ in range(3):
        call()
    gc.collect()
    gc.disable()
    try:
        return median(_ms(call) for _ in range(calls))
    finally:
        gc.enable()


def _ms(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


@dataclass(frozen=True)
class Load:
    """What all clients together did: outcomes in no order, each with its time in ms."""

    seconds: float
    took_ms: list[float]
    outcomes: list[Any]

    @property
    def per_second(self) -> float:
        return len(self.outcomes) / self.seconds

    @property
    def p99_ms(self) -> float:
        return quantiles(self.took_ms, n=100)[98]


Work = Callable[[int], Iterable[Callable[[], Any]]]


def together(work: Work, *, clients: int = CLIENTS) -> Load:
    """Run `work(client)` in as many processes, each with its own connection, all begun at one moment."""
    connection.close()
    barrier, results = _FORK.Barrier(clients), _FORK.SimpleQueue()
    processes = [
        _FORK.Process(target=_client, args=(work, client, barrier, results)) for client in range(clients)
    ]
    for process in processes:
        process.start()
    parts = [results.get() for _ in processes]
    for process in processes:
        process.join()
    if errors := [part for part in parts if isinstance(part, str)]:
        raise RuntimeError(f"{len(errors)} of {clients} clients failed: {errors[0]}")
    begun, ended = min(part[0] for part in parts), max(part[1] for part in parts)
    done = [each for part in parts for each in part[2]]
    return Load(ended - begun, [ms for ms, _ in done], [outcome for _, outcome in done])


def _client(work: Work, client: int, barrier: Any, results: Any) -> None:
    try:
        calls = iter(work(client))
        connection.ensure_connection()
        barrier.wait(60)
        begun = time.monotonic()
        done = list(_timed(calls))
        results.put((begun, time.monotonic(), done))
    except Exception as error:
        barrier.abort()
        results.put(repr(error))
    finally:
        connection.close()


def _timed(calls: Iterator[Callable[[], Any]]) -> Iterator[tuple[float, Any]]:
    for call in calls:
        start = time.perf_counter()
        outcome = call()
        yield (time.perf_counter() - start) * 1000, outcome


def for_seconds(seconds: float, call: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
    """The same call again and again for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield call
