"""The command behind `make demo`, run for real with servers, ports and data of its own."""

import base64
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError, call_command

from securecare import sample_calendars

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def entries(port: int, who: str) -> int:
    """How many stand in somebody's calendar on the calendar server, which is read by its password."""
    server = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    password = base64.b64encode(f"{who}:{sample_calendars.PASSWORD}".encode()).decode()
    server.request("GET", f"/{who}/appointments/", headers={"Authorization": f"Basic {password}"})
    return server.getresponse().read().count(b"BEGIN:VEVENT")


def status(port: int, path: str) -> int:
    site = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    site.request("GET", path)
    return site.getresponse().status


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    port, calendar_port = free_port(), free_port()
    names = {"DATABASE_URL": "", "REDIS_URL": "", "DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(
        [sys.executable, "manage.py", "demo", f"--port={port}", f"--calendar-port={calendar_port}"],
        cwd=ROOT,
        env={**os.environ, **names, "PUBLIC_BASE_URL": f"http://localhost:{port}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process, port, calendar_port
        process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    read = []
    for line in process.stdout:
        read.append(line)
        if words in line:
            return "".join(read)
    raise AssertionError(f"{words!r} was not printed:\n" + "".join(read))


def test_demo_serves_the_site_restarts_what_dies_and_leaves_nothing(demo):
    process, port, calendar_port = demo
    printed = read_until(process, "Ctrl-C stops everything.")
    assert f"runs at   http://localhost:{port}/\n" in printed
    assert f"Customers book at                 http://localhost:{port}/portal/\n" in printed
    assert (
        f"  curl -s -u dana:sample-calendar http://localhost:{calendar_port}/dana/appointments/\n" in printed
    )
    assert f"  http://localhost:{calendar_port}/   user name marcus, password sample-calendar\n" in printed
    assert "Front desk" in printed
    assert [status(port, path) for path in ("/readyz", "/static/css/securecare.css")] == [200, 200]
    assert status(calendar_port, "/dana/appointments/") == 401
    end = time.monotonic() + 30
    while (written := entries(calendar_port, "dana")) < 3 and time.monotonic() < end:
        time.sleep(0.1)
    assert written >= 3
    assert entries(calendar_port, "marcus") == entries(calendar_port, "tomas") == 0

    started = psutil.Process(process.pid).children(recursive=True)
    [beat] = [child for child in started if "beat" in child.cmdline()]
    beat.kill()
    assert "beat ended (SIGKILL); starting it again." in read_until(process, "beat ended")

    started = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert psutil.wait_procs(started, timeout=5)[1] == []


@pytest.mark.parametrize(("option", "variable"), [("port", "PORT"), ("calendar_port", "RADICALE_PORT")])
def test_demo_says_what_to_do_when_a_port_is_taken(option, variable):
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(CommandError) as caught:
            call_command("demo", **{"port": free_port(), "calendar_port": free_port(), option: taken})
    assert str(caught.value) == (
        f"Port {taken} cannot be used (Address already in use). Choose another: make demo {variable}={taken + 10}"
    )
