"""What a run is made of: each part has its own people, deeds and troubles, and is judged by itself."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.chaos.findings import Findings
from bench.chaos.house import hurried
from bench.chaos.troubles import Mischief
from bench.site import worker_threads
from securecare.management.commands import demo


@dataclass(frozen=True)
class Plan:
    seconds: float
    messages: int
    changes: int
    seed: int

    def times(self, name: str, count: int) -> list[float]:
        """When somebody does something, in seconds from the beginning."""
        rng = random.Random(f"{name} {self.seed}")
        return sorted(rng.uniform(0, self.seconds) for _ in range(count))


class Part(Protocol):
    @property
    def mischief(self) -> Mischief: ...

    def start(self) -> Sequence[int]:
        """Its own programs in the house. Returns the ports that will listen."""

    def gather(self) -> None:
        """Its people, once the site runs."""

    def times(self) -> list[float]:
        """When `act` is to be called, in seconds from the beginning."""

    def act(self) -> None:
        """One deed; a database that is away refuses it."""

    def unsettled(self) -> int:
        """How many rows wait that were meant for this run. May raise while the database is away."""

    def tell(self) -> None:
        """Print what was done."""

    def judge(self) -> Findings:
        """Once everything has settled."""


def worker_command(queue: str, name: str) -> list[str]:
    """A worker in a hurry, under a name of its own."""
    command = demo.worker_command(queue, threads=worker_threads(queue))
    command[command.index("--hostname") + 1] = f"{name}@%h"
    return hurried(command)
