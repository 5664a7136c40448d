import os
import socket
import sys
from typing import Any

import hypothesis
import pytest

pytest_plugins = ["tests.contracts.fixtures"]

LOOPBACK = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::", socket.gethostname()}
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
TRANSFERS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class NetworkUse(BaseException):
    """Not an Exception, so that no error handling of the code under test can swallow it."""


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    if event in LOOKUPS:
        host = arguments[0]
    elif event in TRANSFERS and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        host = arguments[1][0] if arguments[1] else None
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host is not None and host not in LOOPBACK:
        raise NetworkUse(f"A test may only talk to this machine: {event} {host}")


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    from tests.signatures import certificates

    sys.addaudithook(refuse_network)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Tests publish into their own process: the embedded Redis may be serving a running site.
    settings.CELERY_BROKER_URL = "memory://"
    settings.LIMITS_URL = "memory://"
    settings.SEALING_CERTIFICATE_FILE = certificates.of_all_tests()
    hypothesis.settings.register_profile("local", deadline=None)
    hypothesis.settings.register_profile("ci", deadline=None, database=None)
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def _limits_from_zero() -> None:
    from securecare import limits

    limits.forget()


@pytest.fixture(autouse=True)
def _default_words() -> None:
    """The organization's words as they are by default, remembered: no test pays the query, none sees another's."""
    from django.core.cache import cache

    from appointments import branding

    cache.set(branding.KEY, branding.Brand("SecureCare", "customer", "customers", "", ()), None)
