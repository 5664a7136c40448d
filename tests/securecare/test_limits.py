"""Counting in memory, in a real Redis shared by processes, and on when that Redis is gone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from securecare import limits
from securecare.embedded import servers
from tests.together import at_once

pytestmark = pytest.mark.django_db

COUNT = """
import django
django.setup()
from securecare import limits
print([limits.allowed("tries", "ada", "3/hour") for _ in range(2)])
"""


KEEP = """
import os, pathlib, sys
from securecare import embedded
embedded.ensure_redis(pathlib.Path(os.environ["DATA_DIR"]))
print("up", flush=True)
sys.stdin.read()
"""


def run(program: str, names: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **names},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server of the tests' own, on a socket."""
    bundled = servers.Redis(tmp_path)
    bundled.home.mkdir(parents=True, exist_ok=True)
    bundled.socket.parent.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen(bundled.command(), stdout=subprocess.DEVNULL)
    client = Redis(unix_socket_path=str(bundled.socket))
    deadline = time.monotonic() + 10
    while not bundled.is_ready() and time.monotonic() < deadline:
        time.sleep(0.01)
    yield client
    server.kill()
    server.wait()


@pytest.fixture
def counted_in_redis(redis: Redis, settings: Any) -> Redis:
    path = redis.connection_pool.connection_kwargs["path"]
    settings.REDIS_URL, settings.LIMITS_URL = f"unix://{path}", f"redis+unix://{path}"
    return redis


def tries(times: int, *, what: str = "tries", who: str = "ada", rate: str = "3/hour") -> list[bool]:
    return [limits.allowed(what, who, rate) for _ in range(times)]


def test_as_many_as_the_rate_are_allowed() -> None:
    assert tries(5) == [True, True, True, False, False]


def test_each_person_and_each_thing_is_counted_apart() -> None:
    tries(3)

    assert tries(1, who="eve") == [True]
    assert tries(1, what="codes") == [True]
    assert tries(1) == [False]


def test_limit_ends_with_its_period() -> None:
    assert tries(2, rate="1/second") == [True, False]
    time.sleep(1.1)

    assert tries(1, rate="1/second") == [True]


def test_redis_counts_and_forgets_by_itself(counted_in_redis: Redis) -> None:
    assert tries(4) == [True, True, True, False]

    (key,) = counted_in_redis.keys("*ada*")
    assert 0 < counted_in_redis.ttl(key) <= 3600


@pytest.mark.django_db(transaction=True)
def test_at_once_no_more_are_allowed(counted_in_redis: Redis) -> None:
    outcomes = at_once([lambda: limits.allowed("tries", "ada", "3/hour")] * 8)

    assert sorted(outcomes) == [False] * 5 + [True] * 3


def test_processes_count_together(tmp_path: Path) -> None:
    """On the embedded Redis, which the first of them starts."""
    names = {
        "DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "securecare.settings",
    }
    with run(KEEP, names) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == "up\n"
        printed = [run(COUNT, names).communicate()[0] for _ in range(2)]
    assert printed == ["[True, True]\n", "[True, False]\n"]


def test_without_redis_this_process_counts(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = settings.LIMITS_URL = "redis://127.0.0.1:1"

    assert tries(4) == [True, True, True, False]
    assert "Limits are counted in this process alone" in caplog.text


def test_redis_that_dies_hands_over_to_this_process(counted_in_redis: Redis) -> None:
    before = tries(3)
    counted_in_redis.shutdown(nosave=True)

    assert before == [True, True, True]
    assert tries(4) == [True, True, True, False]
