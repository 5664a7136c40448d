import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from celery import current_app
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from securecare.broker import location, redis_client

PUBLISH = """
import django
django.setup()
from celery import current_app
from securecare.broker import redis_client
current_app.send_task("reminders.tasks.send", [1])
current_app.send_task("calendarsync.tasks.sync", [1])
client = redis_client()
print({name: client.llen(name) for name in ("reminders", "calendarsync")})
"""


def test_publishing_starts_the_embedded_broker_and_reaches_the_right_queues(tmp_path):
    names = {
        "DATA_DIR": str(tmp_path / "data"),
        "REDIS_URL": "",
        "DJANGO_SETTINGS_MODULE": "securecare.settings",
    }
    printed = subprocess.run(
        [sys.executable, "-c", PUBLISH],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **names},
        check=True,
        capture_output=True,
        text=True,
    )
    assert printed.stdout == "{'reminders': 1, 'calendarsync': 1}\n"


def test_tasks_are_queued_with_our_app():
    assert current_app.main == "securecare"


def test_client_reports_a_refused_connection(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    with pytest.raises(RedisConnectionError):
        redis_client().ping()


def test_client_does_not_wait_long_for_a_server_that_takes_no_connection(settings):
    with socket.socket() as busy, socket.socket() as first:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        first.connect(busy.getsockname())
        began = time.monotonic()
        settings.REDIS_URL = f"redis://127.0.0.1:{busy.getsockname()[1]}"
        with pytest.raises(RedisTimeoutError):
            redis_client(timeout=0.2).ping()
        assert time.monotonic() - began < 1


def test_celery_and_redis_spell_the_same_place_differently():
    assert location("unix:///a/redis.sock?db=1") == location("redis+socket:///a/redis.sock")
    assert location("redis://one:6379/0") != location("redis://two:6379/0")
