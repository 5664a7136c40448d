import socket
import time
import zoneinfo
from collections.abc import Iterator

import pytest
import tzdata
from django.db import ConnectionHandler

from securecare import checks, health


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def database_at(port: int):
    settings = {"ENGINE": "django.db.backends.postgresql", "NAME": "x", "HOST": "127.0.0.1", "PORT": port}
    return ConnectionHandler({"default": settings})["default"]


def test_healthz_answers_without_a_sign_in_and_without_a_database(client):
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_healthz_changes_nothing_and_accepts_reading_only(client):
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_readyz_names_every_part(client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "database": {"ready": True, "detail": "answers"},
        "broker": {"ready": True, "detail": "answers"},
        "zone_data": {"ready": True, "detail": tzdata.IANA_VERSION},
    }
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_readyz_is_503_and_names_the_part_that_fails(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {
        "ready": False,
        "database": {"ready": True, "detail": "answers"},
        "broker": {"ready": False, "detail": "no answer (ConnectionError)"},
        "zone_data": {"ready": True, "detail": tzdata.IANA_VERSION},
    }


def test_health_is_answered_on_plain_http_where_the_site_redirects_to_https(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/healthz").status_code == 200
    assert client.get("/").status_code == 301


def test_refused_database_is_unready():
    with pytest.raises(health.Unready, match=r"^no answer \(OperationalError\)$"):
        health.database(database_at(1))


def test_silent_database_is_given_up(silent_port):
    started = time.monotonic()
    with pytest.raises(health.Unready, match=r"^no answer \((OperationalError|ConnectionTimeout)\)$"):
        health.database(database_at(silent_port))
    assert time.monotonic() - started < 2 * health.SECONDS


def test_silent_broker_is_given_up(silent_port, settings):
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_port}"
    with pytest.raises(health.Unready, match=r"^no answer \(TimeoutError\)$"):
        health.broker()


def test_zone_data_of_the_system_is_an_error():
    assert checks.check_zone_data() == []
    pinned = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=["/usr/share/zoneinfo"])
    try:
        [error] = checks.check_zone_data()
    finally:
        zoneinfo.reset_tzpath(to=pinned)
    assert error.id == "securecare.E001"
    assert error.msg == "Zone data may come from /usr/share/zoneinfo instead of the pinned tzdata package."
