"""Using a server: being counted as a user, and having it started."""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

from securecare.embedded.accounts import EmbeddedServerError, require_own_data_dir
from securecare.embedded.servers import Server, plain_environment

START_SECONDS = 120
KEEPERS_PER_START = 3
LOG_BYTES = 5_000_000
IMPORT_ROOT = Path(__file__).resolve().parents[2]

_held: dict[Path, int] = {}


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
    program = [sys.executable, "-s", "-m", "securecare.embedded.keeper"]
    if server.log.exists() and server.log.stat().st_size > LOG_BYTES:
        server.log.replace(server.log.with_suffix(".log.1"))
    with server.log.open("ab") as log:
        subprocess.run(
            [*program, server.name, str(server.data_dir)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
            cwd=IMPORT_ROOT,
            env=plain_environment(),
        )


def log_end(server: Server) -> str:
    return "\n".join(server.log.read_text(errors="replace").splitlines()[-12:])


def open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{path} cannot be opened. Remove it, or set DATA_DIR to another folder."
        ) from error
