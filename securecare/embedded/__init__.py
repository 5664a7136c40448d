"""PostgreSQL and Redis under DATA_DIR, for whoever sets no addresses: real servers from wheels, shared by every process.

Importing starts nothing; `ensure_postgres` and `ensure_redis` do, on first use. The contract, kept by two kernel locks per
server, both dropped by the kernel however their holder ends:

* `<server>.lock`: every process that uses the server holds it shared for its life. The keeper takes it exclusively only
  when the last user is gone, and keeps it until the server has stopped, so that a newcomer waits and then starts afresh.
* `<server>.keeper`: held by the one keeper, the detached process that starts the server, watches it and stops it. Whoever
  finds it free starts a keeper and hands the locked file down to it, so there is never a second one. A keeper adopts a
  server that outlived its predecessor, and ends when the server dies; the next user then starts both again.

Settings import this, and the keeper too: nothing here imports Django, Celery or the rest of SecureCare.
"""

from pathlib import Path
from typing import Any

from securecare.embedded.accounts import EmbeddedServerError
from securecare.embedded.servers import DATABASE, PostgreSQL, Redis
from securecare.embedded.use import ensure

__all__ = ["EmbeddedServerError", "database_settings", "ensure_postgres", "ensure_redis", "redis_url"]


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


def ensure_postgres(data_dir: Path) -> None:
    """Return when the PostgreSQL of this data directory answers. Raises EmbeddedServerError when it cannot."""
    ensure(PostgreSQL(data_dir))


def ensure_redis(data_dir: Path) -> None:
    """Return when the Redis of this data directory answers. Raises EmbeddedServerError when it cannot."""
    ensure(Redis(data_dir))
