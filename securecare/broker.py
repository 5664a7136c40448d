"""The Redis that carries the queues, started first where it is the embedded one."""

from typing import Any

from django.conf import settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from securecare import embedded


def ensure_broker(**_signal: Any) -> None:
    """Return when the embedded broker answers; do nothing where REDIS_URL names another."""
    if embedded.redis_url(settings.DATA_DIR) == settings.REDIS_URL:
        embedded.ensure_redis(settings.DATA_DIR)


def redis_client(*, timeout: float = 2) -> Redis:
    """A client whose every call ends within `timeout` seconds. Raises redis' ConnectionError when nothing answers."""
    try:
        ensure_broker()
    except embedded.EmbeddedServerError as error:
        raise RedisConnectionError(str(error)) from error
    return Redis.from_url(settings.REDIS_URL, socket_timeout=timeout)
