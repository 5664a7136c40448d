"""All that runs during the chaos, in a folder of its own: the site twice over, its servers, and the road to the providers."""

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from securecare.embedded.servers import PostgreSQL, Redis, Server
from securecare.supervisor import Program

HOST = "127.0.0.1"
READY_SECONDS = 90
STOP_SECONDS = 8


@dataclass
class House:
    """`folder` is the DATA_DIR of everything in it."""

    folder: Path
    programs: dict[str, Program] = field(default_factory=dict)
    away_until: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, command: Sequence[str]) -> None:
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        self.programs[name] = Program(name, command, logs / f"{name}.log")
        self.programs[name].start()

    def kill(self, name: str, *, away_seconds: float) -> None:
        """-9, with all its children; `tend` starts it again after so long."""
        self.away_until[name] = time.monotonic() + away_seconds
        self.programs[name].signal_group(signal.SIGKILL)

    def tend(self) -> None:
        """Start again what ended, once it has been away for long enough."""
        for name, program in self.programs.items():
            if program.exit_code() is not None and time.monotonic() >= self.away_until.get(name, 0):
                program.signal_group(signal.SIGKILL)
                program.start()

    def wait_for(self, holds: Callable[[], bool], what: str, *, seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"Waited {seconds:.0f} s in vain for {what}. Look into {self.folder}/logs."
                )
            self.tend()
            time.sleep(0.2)

    def server(self, kind: type[Server]) -> psutil.Process | None:
        return kind(self.folder).main_process()

    def end(self) -> None:
        for program in self.programs.values():
            program.signal_group(signal.SIGTERM)
        by = time.monotonic() + STOP_SECONDS
        for program in self.programs.values():
            program.end(by=by)
        for kind in (Redis, PostgreSQL):
            self._end_server(kind)

    def _end_server(self, kind: type[Server]) -> None:
        """Its keeper sees it end and ends too."""
        with suppress(psutil.Error):
            if process := self.server(kind):
                process.send_signal(kind.stop_signal)
                process.wait(STOP_SECONDS)


@contextmanager
def opened(*, keep: bool) -> Iterator[House]:
    """An empty house. Whatever ends the block ends all that was started in it; its folder goes too unless it is to be kept."""
    house = House(Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp")))
    try:
        yield house
    finally:
        house.end()
        if not keep:
            shutil.rmtree(house.folder, ignore_errors=True)


def hurried(command: Sequence[str]) -> list[str]:
    changed = list(command)
    changed[changed.index("--app") + 1] = "bench.chaos.hurried"
    return changed


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
