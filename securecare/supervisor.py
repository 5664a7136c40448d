"""Runs several programs as one: they start together, are restarted when they die, and never outlive this process."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESTARTS = 3
RESTART_WINDOW = 60
LAST_LINES = 15
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


class ProgramFailed(Exception):
    """A program keeps dying; the message ends with the last lines of its log."""


@dataclass
class Program:
    name: str
    command: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: list[float] = field(default_factory=list)

    def start(self) -> None:
        """In a session of its own, so that Ctrl-C reaches the supervisor alone, which then stops it in an orderly way."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own command lines
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(os.getpid()),
            )

    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def may_restart(self, *, now: float) -> bool:
        self.deaths = [death for death in self.deaths if now - death < RESTART_WINDOW] + [now]
        return len(self.deaths) <= RESTARTS

    def signal_group(self, number: signal.Signals) -> None:
        """The whole session: a program's own workers may outlive it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def end(self, *, by: float) -> None:
        """Wait until then for an orderly end, then kill what is left, workers of the program included."""
        if self.process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=max(0.0, by - time.monotonic()))
        self.signal_group(signal.SIGKILL)
        self.process.wait()

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])


class Supervisor:
    def __init__(
        self, programs: Sequence[Program], *, say: Callable[[str], None], stop_seconds: float = 8
    ) -> None:
        self.programs = programs
        self.say = say
        self.stop_seconds = stop_seconds
        self.stopping = False

    def __enter__(self) -> "Supervisor":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.request_stop)
        for program in self.programs:
            program.start()
        return self

    def __exit__(self, *_error: object) -> None:
        for program in self.programs:
            program.signal_group(signal.SIGTERM)
        deadline = time.monotonic() + self.stop_seconds
        for program in self.programs:
            program.end(by=deadline)

    def request_stop(self, *_signal: Any) -> None:
        self.stopping = True

    def watch(self, *, until: Callable[[], bool] = lambda: False, every: float = 0.1) -> None:
        """Return when `until` holds or a stop was asked for. Raises ProgramFailed when restarting does not help."""
        while not self.stopping and not until():
            for program in self.programs:
                if (code := program.exit_code()) is not None and not self.stopping:
                    self.revive(program, code)
            time.sleep(every)

    def revive(self, program: Program, code: int) -> None:
        ending = f"{program.name} ended ({describe(code)})"
        program.signal_group(signal.SIGKILL)
        if not program.may_restart(now=time.monotonic()):
            raise ProgramFailed(f"{ending} again and again. {program.log} ends:\n{program.last_lines()}")
        self.say(f"{ending}; starting it again. Its log: {program.log}")
        program.start()


def end_with_parent(parent: int) -> Callable[[], None]:
    """For the child, before it becomes the program: have the kernel end it with its parent, even after kill -9."""

    def prepare() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def describe(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
