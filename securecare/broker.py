"""The Redis that carries the queues, started first where it is the embedded one."""

from typing import Any

from django.conf import settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from securecare import embedded


def ensure_queues(**_signal: Any) -> None:
    """Receiver for Celery's signals: return when the broker can be connected to, if starting it is up to us."""
    ensure_embedded(settings.CELERY_BROKER_URL)


def redis_client(*, timeout: float = 2) -> Redis:
    """A client whose every call ends within `timeout` seconds. Raises redis' ConnectionError when nothing answers."""
    try:
        ensure_embedded(settings.REDIS_URL)
    except embedded.EmbeddedServerError as error:
        raise RedisConnectionError(str(error)) from error
    return Redis.from_url(settings.REDIS_URL, socket_timeout=timeout, socket_connect_timeout=timeout)


def ensure_embedded(url: str) -> None:
    if location(url) == location(embedded.redis_url(settings.DATA_DIR)):
        embedded.ensure_redis(settings.DATA_DIR)


def location(url: str) -> str:
    """What names the server, without the scheme (Celery and redis-py spell it differently) and the database number."""
    return url.partition("://")[2].partition("?")[0]
