"""The site's own worker and beat, as `make demo` starts them, and whatever a benchmark runs beside them."""

import re
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from django.conf import settings

from bench.database import QUEUE_PREFIX
from securecare import broker
from securecare.management.commands import demo
from securecare.supervisor import Program

HOST = "127.0.0.1"
READY_SECONDS = 60
STOP_SECONDS = 10
MEGABYTE = 1_000_000
_THREADS = r"--concurrency=(\d+), --queues={queue}\]"


@dataclass
class Site:
    """Programs on the benchmarks' database. Their logs are in `folder`."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str]) -> Program:
        settings_of_it = [f"{key}={value}" for key, value in self.environment.items()]
        program = Program(name, ["env", *settings_of_it, *command], self.folder / f"{name}.log")
        program.start()
        self.programs.append(program)
        return program

    def worker(self, queue: str, number: int = 1) -> Program:
        """One that takes tasks of this queue by the time this returns."""
        command = on_bench_database(demo.worker_command(queue, threads=worker_threads(queue)))
        command[command.index("--hostname") + 1] = f"{queue}{number}@%h"
        program = self.start(f"{queue}{number}", command)
        wait_until(lambda: " ready." in program.log.read_text(), waiting_for=program.last_lines)
        return program

    def beat(self, number: int = 1) -> Program:
        name = f"beat{number}"
        command = demo.celery_command("beat", "--schedule", str(self.folder / f"{name}-schedule"))
        return self.start(name, on_bench_database(command))

    def end(self) -> None:
        for program in self.programs:
            program.signal_group(signal.SIGTERM)
        by = time.monotonic() + STOP_SECONDS
        for program in self.programs:
            program.end(by=by)


@contextmanager
def started(environment: Mapping[str, str]) -> Iterator[Site]:
    """A site whose programs end with the block, whatever ends it, and whose queues begin empty."""
    clear_queues()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        site = Site(Path(folder), environment)
        try:
            yield site
        finally:
            site.end()
            clear_queues()


def clear_queues() -> None:
    with broker.redis_client() as redis:
        for key in redis.scan_iter(f"{QUEUE_PREFIX}*"):
            redis.delete(key)


def on_bench_database(command: Sequence[str]) -> list[str]:
    changed = list(command)
    changed[changed.index("--app") + 1] = "bench.worker"
    return changed


def worker_threads(queue: str) -> int:
    """As many as a worker for this queue has in production."""
    compose = (settings.BASE_DIR / "docker-compose.yml").read_text()
    threads = re.search(_THREADS.format(queue=queue), compose)
    if threads is None:
        raise RuntimeError(f"docker-compose.yml does not say how many threads a worker for {queue} has.")
    return int(threads[1])


def memory_mb(program: Program) -> float:
    """What the program holds in memory now: it is one process with threads."""
    return psutil.Process(program.process.pid).memory_info().rss / MEGABYTE if program.process else 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def wait_until(
    holds: Callable[[], bool], *, waiting_for: Callable[[], str], seconds: float = READY_SECONDS
) -> None:
    """Raises RuntimeError with what `waiting_for` says when it takes longer."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"Waited {seconds:.0f} s in vain. {waiting_for()}")
        time.sleep(0.1)
