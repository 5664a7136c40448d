"""The whole site on one machine, with the sample organisation: what `make demo` runs."""

import http.client
import socket
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from securecare import broker, sample_calendars
from securecare.embedded import EmbeddedServerError
from securecare.supervisor import Program, ProgramFailed, Supervisor

HOST = "127.0.0.1"
READY_SECONDS = 90


class Command(BaseCommand):
    help = "Run the site, its workers and a calendar server with the sample organisation, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="with PUBLIC_BASE_URL to match")
        parser.add_argument("--calendar-port", type=int, default=8001)

    def handle(self, *, port: int, calendar_port: int, **_options: Any) -> None:
        require_free(port, "PORT")
        require_free(calendar_port, "RADICALE_PORT")
        try:
            self.run(port=port, calendar_port=calendar_port)
        except (ProgramFailed, EmbeddedServerError, OperationalError) as failure:
            raise CommandError(str(failure)) from failure

    def run(self, *, port: int, calendar_port: int) -> None:
        logs = settings.DATA_DIR / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        broker.ensure_queues()
        call_command("migrate", verbosity=0)
        programs = site_programs(port=port, calendar_port=calendar_port, logs=logs)
        with Supervisor(programs, say=self.say) as supervisor:
            call_command(
                "seed_demo", calendar_server=sample_calendars.address(calendar_port), stdout=self.stdout
            )
            if self.is_up(supervisor, port):
                self.announce(sample_calendars.address(calendar_port), logs=logs)
            supervisor.watch()
            self.say("Stopping.")

    def is_up(self, supervisor: Supervisor, port: int) -> bool:
        """Waits for the site; False when a stop was asked for meanwhile."""
        deadline = time.monotonic() + READY_SECONDS
        supervisor.watch(until=lambda: is_ready(port) or time.monotonic() > deadline)
        if time.monotonic() > deadline:
            raise CommandError(f"The site did not become ready in {READY_SECONDS} s. Look into web.log.")
        return not supervisor.stopping

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def announce(self, calendars: str, *, logs: Path) -> None:
        sample = "dana:" + sample_calendars.PASSWORD
        self.say(
            f"\nSecureCare Appointments runs at   {settings.PUBLIC_BASE_URL}/\n"
            f"Customers book at                 {settings.PUBLIC_BASE_URL}/portal/\n"
            f"What they are sent is read at     {settings.PUBLIC_BASE_URL}/messages/\n"
            f"Administration                    {settings.PUBLIC_BASE_URL}/admin/\n"
            f"Calendars of staff                {settings.PUBLIC_BASE_URL}/calendars/\n"
            f"Logs                              {logs}\n\n"
            f"Dana’s calendar follows the grid: move one of her appointments, then read it on the calendar server\n"
            f"  curl -s -u {sample} {calendars}dana/appointments/\n"
            f"or open that address in a calendar program. Marcus has none yet: sign in as marcus and connect CalDAV at\n"
            f"  {calendars}   user name marcus, password {sample_calendars.PASSWORD}\n\n"
            "Ctrl-C stops everything."
        )


def require_free(port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except OSError as error:
            raise CommandError(
                f"Port {port} cannot be used ({error.strerror}). Choose another: make demo {variable}={port + 10}"
            ) from error


def site_programs(*, port: int, calendar_port: int, logs: Path) -> list[Program]:
    commands = {
        "web": web_command(port),
        "reminders": worker_command("reminders", threads=16),
        "calendarsync": worker_command("calendarsync", threads=8),
        "beat": celery_command("beat", "--schedule", str(settings.DATA_DIR / "beat-schedule")),
        "calendar-server": sample_calendars.command(calendar_port),
    }
    hosts = [*settings.CALDAV_PRIVATE_HOSTS, *sample_calendars.hosts(calendar_port)]
    settings_of_it = ["env", f"CALDAV_PRIVATE_HOSTS={','.join(hosts)}"]
    for name in commands:
        (logs / f"{name}.log").write_bytes(b"")
    return [
        Program(name, [*settings_of_it, *command], logs / f"{name}.log") for name, command in commands.items()
    ]


def web_command(port: int) -> list[str]:
    options = ["--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", "2"]
    threads = ["--blocking-threads", "8", "--workers-kill-timeout", "3"]
    return [sys.executable, "-m", "granian", *options, *threads, "--no-ws", "securecare.wsgi:application"]


def worker_command(queue: str, *, threads: int) -> list[str]:
    chatter = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    options = [
        "--queues",
        queue,
        "--hostname",
        f"{queue}@%h",
        "--pool",
        "threads",
        "--concurrency",
        str(threads),
    ]
    return celery_command("worker", *options, *chatter)


def celery_command(command: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "celery", "--app", "securecare", command, "--loglevel", "INFO", *options]


def is_ready(port: int) -> bool:
    site = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        site.request("GET", "/readyz")
        return site.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        site.close()
