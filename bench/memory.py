"""What a worker holds in memory while its work is being done: it should stay where it is once everything is loaded."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench import site
from securecare.supervisor import Program

PATIENCE_SECONDS = 900
LOOK_EVERY = 0.5
GROWTH = 1.1
SHARES = (0, 0.25, 0.5, 1)


@dataclass(frozen=True)
class Memory:
    """`looks`: how much was done, and the worker's memory in MB then."""

    looks: Sequence[tuple[int, float]]

    def at(self, share: float) -> float:
        """When this share of all was done."""
        whole = self.looks[-1][0]
        return next(mb for done, mb in self.looks if done >= share * whole)

    @property
    def note(self) -> str:
        """Once some is done, everything is loaded: from there on it should stay."""
        marks = [self.at(share) for share in SHARES]
        flat = "flat" if marks[-1] <= marks[1] * GROWTH else "GROWS"
        return f"{flat}: {', '.join(f'{mark:.0f}' for mark in marks)} MB"


def until_done(
    worker: Program, *, done: Callable[[], int], left: Callable[[], int], what: str
) -> Iterator[tuple[int, float]]:
    """Looks until nothing is left. Raises RuntimeError when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while remaining := left():
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"{remaining} {what} were not done within {PATIENCE_SECONDS} s.\n{worker.last_lines()}"
            )
        yield done(), site.memory_mb(worker)
        time.sleep(LOOK_EVERY)
    yield done(), site.memory_mb(worker)
