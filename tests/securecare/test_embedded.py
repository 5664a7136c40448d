"""Real servers in data directories of their own; their users are real processes, because the contract is about those."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest

from securecare import embedded
from securecare.embedded.accounts import Account, let_through, user_name
from securecare.embedded.servers import SERVERS, SOCKET_PATH_BYTES, Server

BOTH = pytest.mark.parametrize("name", ["postgresql", "redis"])


class User:
    def __init__(self, server: Server) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.securecare.server_user", server.name, str(server.data_dir)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, command: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def users() -> Iterator[Callable[[Server], User]]:
    started: list[User] = []

    def start(server: Server) -> User:
        started.append(User(server))
        return started[-1]

    yield start
    for user in started:
        user.kill()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers by name, and leaves none of them, nor their keepers, behind."""
    made: list[Server] = []

    def make(name: str, data_dir: Path = tmp_path / "data") -> Server:
        made.append(SERVERS[name](data_dir))
        return made[-1]

    yield make
    for server in made:
        kill_all(server)


def keepers(server: Server) -> list[psutil.Process]:
    ending = [server.name, str(server.data_dir)]
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[-2:] == ending
        and "securecare.embedded.keeper" in process.info["cmdline"][-3]
    ]


def kill_all(server: Server) -> None:
    for process in [*keepers(server), *server.processes()]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def main_pid(server: Server) -> int:
    [process] = [process for process in server.processes() if server.is_main(process)]
    return process.pid


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in 20 s"
        time.sleep(0.02)


def is_gone(server: Server) -> bool:
    return not list(server.processes()) and not keepers(server)


def connect(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    settings = embedded.database_settings(server.data_dir)
    return psycopg.connect(
        host=settings["HOST"], user=settings["USER"], dbname=settings["NAME"], autocommit=True
    )


def test_settings_start_nothing(tmp_path):
    data_dir = tmp_path / "data"
    assert embedded.database_settings(data_dir)["HOST"] == str(data_dir / "postgresql")
    assert embedded.redis_url(data_dir) == f"unix://{data_dir}/redis/redis.sock"
    assert not data_dir.exists()


def test_postgresql_is_utf8_in_utc_and_durable(servers, users):
    server = servers("postgresql")
    assert users(server).tell("use") == "ready"
    with connect(server) as connection:
        names = ["server_encoding", "TimeZone", "fsync", "listen_addresses", "max_connections"]
        values = [connection.execute(f"SHOW {name}").fetchone()[0] for name in names]
    assert values == ["UTF8", "UTC", "on", "", "200"]


@BOTH
def test_server_is_shared_and_stops_with_its_last_user(name, servers, users):
    server = servers(name)
    first, second = users(server), users(server)
    assert first.tell("use") == "ready"
    pid = main_pid(server)
    assert second.tell("use") == "ready"
    first.end()
    time.sleep(0.5)
    assert main_pid(server) == pid
    second.end()
    wait_until(lambda: is_gone(server))


@BOTH
def test_server_stops_when_its_last_user_is_killed(name, servers, users):
    server = servers(name)
    user = users(server)
    assert user.tell("use") == "ready"
    user.kill()
    wait_until(lambda: is_gone(server))


@BOTH
def test_server_outlives_its_killed_keeper_and_is_adopted(name, servers, users):
    server = servers(name)
    first, second = users(server), users(server)
    assert first.tell("use") == "ready"
    pid = main_pid(server)
    [keeper] = keepers(server)
    keeper.kill()
    wait_until(lambda: not keepers(server))
    # A dying process shows no command line a moment before its lock is free.
    wait_until(lambda: second.tell("use") == "ready" and keepers(server) != [])
    wait_until(lambda: f"keeper: {name} runs already, as process {pid}." in server.log.read_text())
    assert main_pid(server) == pid
    [successor] = keepers(server)
    assert successor.pid != keeper.pid
    first.end()
    second.end()
    wait_until(lambda: is_gone(server))


def test_killed_postgresql_starts_again_with_its_data(servers, users):
    server = servers("postgresql")
    user = users(server)
    assert user.tell("use") == "ready"
    with connect(server) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    killed = main_pid(server)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not server.is_ready())
    assert user.tell("use") == "ready"
    assert main_pid(server) != killed
    with connect(server) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchall() == [(42,)]


def test_killed_redis_starts_again(servers, users):
    server = servers("redis")
    user = users(server)
    assert user.tell("use") == "ready"
    killed = main_pid(server)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not keepers(server))
    assert user.tell("use") == "ready"
    assert main_pid(server) != killed


@BOTH
def test_everything_killed_at_once_leaves_nothing_in_the_way(name, servers, users):
    server = servers(name)
    user = users(server)
    assert user.tell("use") == "ready"
    kill_all(server)
    user.kill()
    assert users(server).tell("use") == "ready"


def test_stale_pid_files_naming_a_living_stranger_do_not_stop_the_start(servers, users):
    server = servers("postgresql")
    user = users(server)
    assert user.tell("use") == "ready"
    kill_all(server)
    user.kill()
    pid_file = server.directory / "postmaster.pid"
    socket_lock = server.socket.with_name(".s.PGSQL.5432.lock")
    with subprocess.Popen(["sleep", "60"], **Account.for_data(server.data_dir).for_subprocess()) as stranger:
        for file in (pid_file, socket_lock):
            file.write_text(f"{stranger.pid}\n" + file.read_text().partition("\n")[2])
        assert pid_file.read_text().splitlines()[7].strip() == "ready"
        assert users(server).tell("use") == "ready"
        assert main_pid(server) != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


def test_first_start_killed_half_way_is_begun_anew(servers, users):
    server = servers("postgresql")
    user = users(server)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(user.tell, "use")
        wait_until(lambda: any(server.home.glob("draft-*/PG_VERSION")) if server.home.exists() else False)
        [keeper] = keepers(server)
        keeper.kill()
        assert answer.result() == "ready"
    assert [path.name for path in server.home.glob("draft-*")] == []
    with connect(server) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


@BOTH
def test_six_first_users_at_once_get_one_server(name, servers, users):
    server = servers(name)
    six = [users(server) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda user: user.tell("use"), six))
    assert answers == ["ready"] * 6
    assert main_pid(server)
    assert len(keepers(server)) == 1


def test_newcomer_waits_for_a_stopping_server_and_starts_it_again(servers, users):
    server = servers("redis")
    user = users(server)
    pids = []
    for _ in range(5):
        assert user.tell("use") == "ready"
        pids.append(main_pid(server))
        successor = users(server)
        user.end()
        time.sleep(0.2)  # about when the keeper notices
        user = successor
    assert user.tell("use") == "ready"
    assert len(pids) == 5
    assert len(keepers(server)) == 1


def test_forked_child_is_a_user_and_a_started_program_is_none(servers, users):
    server = servers("redis")
    user = users(server)
    assert user.tell("use") == "ready"
    program = psutil.Process(int(user.tell("start_program")))
    child = psutil.Process(int(user.tell("fork")))
    user.kill()
    time.sleep(0.5)
    assert server.is_ready()
    child.kill()
    wait_until(lambda: is_gone(server))
    assert program.is_running()
    program.kill()


@BOTH
def test_path_too_long_for_a_socket_gets_a_short_private_one(name, servers, users, tmp_path):
    server = servers(name, tmp_path / ("a" * 60) / ("b" * 60))
    assert users(server).tell("use") == "ready"
    assert server.socket.is_socket()
    assert len(str(server.socket)) < SOCKET_PATH_BYTES
    assert server.socket_dir.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(server.socket_dir)


def test_path_with_a_space_works(servers, users, tmp_path):
    server = servers("postgresql", tmp_path / "my files, new")
    assert users(server).tell("use") == "ready"
    with connect(server) as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    shutil.rmtree(server.socket_dir)


def test_socket_directory_laid_out_by_another_is_refused(servers, users, tmp_path):
    server = servers("redis", tmp_path / ("a" * 60) / ("b" * 60))
    (tmp_path / "trap").mkdir()
    server.socket_dir.symlink_to(tmp_path / "trap")
    answer = users(server).tell("use")
    server.socket_dir.unlink()
    assert answer.startswith("redis does not start. Its log, ")
    assert f"{server.socket_dir} must be a folder of " in answer


@contextlib.contextmanager
def acting_as_nobody() -> Iterator[None]:
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def test_data_of_another_user_is_refused_with_the_way_out(tmp_path):
    is_root = os.geteuid() == 0
    data_dir = tmp_path if is_root else Path("/usr")
    user = "nobody" if is_root else user_name(os.geteuid())
    let_through(tmp_path / "anything")
    acting = acting_as_nobody() if is_root else contextlib.nullcontext()
    with acting, pytest.raises(embedded.EmbeddedServerError) as caught:
        embedded.ensure_redis(data_dir)
    assert str(caught.value) == (
        f"{data_dir} belongs to root and you are {user}. "
        "Run as root, remove that folder, or set DATA_DIR to another one."
    )


def test_server_that_cannot_start_shows_the_end_of_its_log(servers, users):
    server = servers("postgresql")
    user = users(server)
    assert user.tell("use") == "ready"
    user.end()
    wait_until(lambda: is_gone(server))
    (server.directory / "postgresql.conf").write_text("no_such_setting = 1\n")
    answer = users(server).tell("use")
    assert answer.startswith(f"postgresql does not start. Its log, {server.log}, ends:")
    assert 'unrecognized configuration parameter "no_such_setting"' in answer
