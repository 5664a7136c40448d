"""Real programs: small Python scripts that write their process id, so that the tests can look for what is left of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from securecare.supervisor import RESTARTS, Program, ProgramFailed, Supervisor

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = (
    "import subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True); time.sleep(60)"
)


def program(tmp_path: Path, script: str, name: str = "worker") -> Program:
    return Program(name, [sys.executable, "-c", script], tmp_path / f"{name}.log")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in 10 s"
        time.sleep(0.02)


def wait_for_output(one: Program) -> str:
    wait_until(lambda: one.log.exists() and one.log.read_text().strip() != "")
    return one.log.read_text().strip()


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.fixture(autouse=True)
def signal_handlers():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_programs_run_while_watched_and_end_after(tmp_path):
    both = [program(tmp_path, SLEEPER, "one"), program(tmp_path, SLEEPER, "two")]
    with Supervisor(both, say=print) as supervisor:
        supervisor.watch(until=lambda: all(one.log.read_text() == "up\n" for one in both))
        assert [one.exit_code() for one in both] == [None, None]
    assert [one.exit_code() for one in both] == [-signal.SIGTERM, -signal.SIGTERM]


def test_signal_ends_the_watch(tmp_path):
    with Supervisor([program(tmp_path, SLEEPER)], say=print) as supervisor:
        os.kill(os.getpid(), signal.SIGTERM)
        supervisor.watch()
    assert supervisor.stopping


def test_killed_program_is_started_again_and_said_so(tmp_path):
    one = program(tmp_path, SLEEPER)
    said: list[str] = []
    with Supervisor([one], say=said.append) as supervisor:
        first = one.process
        wait_for_output(one)
        first.kill()
        supervisor.watch(until=lambda: one.process is not first)
        assert one.exit_code() is None
    assert said == [f"worker ended (SIGKILL); starting it again. Its log: {one.log}"]


def test_program_that_keeps_dying_stops_everything_with_its_last_words(tmp_path):
    broken = program(tmp_path, "raise SystemExit('no such setting')", "broken")
    healthy = program(tmp_path, SLEEPER, "healthy")
    said: list[str] = []
    with pytest.raises(ProgramFailed) as caught, Supervisor([healthy, broken], say=said.append) as supervisor:
        supervisor.watch()
    assert said == [f"broken ended (exit code 1); starting it again. Its log: {broken.log}"] * RESTARTS
    assert str(caught.value) == (
        f"broken ended (exit code 1) again and again. {broken.log} ends:\n"
        + "\n".join(["no such setting"] * 4)
    )
    assert healthy.exit_code() == -signal.SIGTERM


def test_deaths_long_ago_are_forgiven(tmp_path):
    one = program(tmp_path, SLEEPER)
    assert [one.may_restart(now=moment) for moment in (0, 1, 2, 3)] == [True, True, True, False]
    assert one.may_restart(now=100)


def test_program_deaf_to_the_request_is_killed(tmp_path):
    one = program(tmp_path, DEAF)
    with Supervisor([one], say=print, stop_seconds=0.5):
        wait_for_output(one)
    assert one.exit_code() == -signal.SIGKILL


def test_workers_of_a_killed_program_go_with_it(tmp_path):
    one = program(tmp_path, PARENT)
    with Supervisor([one], say=print) as supervisor:
        orphan = int(wait_for_output(one))
        first = one.process
        first.kill()
        supervisor.watch(until=lambda: one.process is not first)
        wait_until(lambda: not is_alive(orphan))


def test_programs_end_even_when_the_supervisor_is_killed(tmp_path):
    script = (
        "import sys, pathlib\n"
        "from securecare.supervisor import Program, Supervisor\n"
        f"one = Program('one', [sys.executable, '-c', {SLEEPER!r}], pathlib.Path({str(tmp_path / 'one.log')!r}))\n"
        "with Supervisor([one], say=print) as supervisor:\n"
        "    print(one.process.pid, flush=True)\n"
        "    supervisor.watch()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as supervisor:
        pid = int(supervisor.stdout.readline())
        assert is_alive(pid)
        supervisor.kill()
    wait_until(lambda: not is_alive(pid))
