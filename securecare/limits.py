"""How often one address or one person may do what costs something. Counted in Redis, for all processes together.

Without Redis each process counts for itself: a limit is looser for a while, and nobody is shut out.
"""

import logging
from functools import lru_cache

from django.conf import settings
from django.db import connection
from limits import parse
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from securecare import embedded
from securecare.broker import ensure_embedded

logger = logging.getLogger(__name__)
TIMEOUT = 0.5


def allowed(what: str, who: str, rate: str) -> bool:
    """Count one more of `what` by `who`; whether that is within `rate`, such as "20/hour"."""
    limit, keys = parse(rate), (connection.settings_dict["NAME"], what, who)
    try:
        return FixedWindowRateLimiter(_storage(settings.LIMITS_URL)).hit(limit, *keys)
    except (RedisError, OSError, embedded.EmbeddedServerError) as error:
        logger.warning("Limits are counted in this process alone: %s", error)
        return FixedWindowRateLimiter(_own_memory()).hit(limit, *keys)


def forget() -> None:
    """Start counting anew: for tests."""
    _own_memory().reset()
    if settings.LIMITS_URL.startswith("memory"):
        _storage(settings.LIMITS_URL).reset()


@lru_cache(maxsize=4)
def _storage(url: str) -> Storage:
    if url.startswith("memory"):
        return MemoryStorage()
    ensure_embedded(settings.REDIS_URL)
    return RedisStorage(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)


@lru_cache(maxsize=1)
def _own_memory() -> MemoryStorage:
    return MemoryStorage()
