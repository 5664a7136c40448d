"""The detached process that starts a server, watches it, and stops it after its last user."""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from securecare.embedded.accounts import Account, EmbeddedServerError, let_through
from securecare.embedded.servers import SERVERS, Server, plain_environment
from securecare.embedded.use import open_lock

STOP_SECONDS = 60


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
    account = Account.for_data(server.data_dir)
    end_orphans(server)
    account.take_over(server.home)
    account.take_over(server.socket_dir)
    if account.switch:
        let_through(server.home)
        let_through(Path(server.command()[0]))
    server.initialise(account)
    server.clear()
    process = psutil.Popen(
        server.command(),
        stdin=subprocess.DEVNULL,
        cwd=server.directory,
        env=plain_environment(),
        start_new_session=True,
        **account.for_subprocess(),
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
