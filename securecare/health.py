"""What a load balancer asks: does this process answer, and can it reach everything that it needs?"""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import tzdata
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import RedisError

from securecare.broker import redis_client
from securecare.checks import zone_data_problem

SECONDS = 2


class Unready(Exception):
    """A part that requests need cannot be used now; the message names no address and no credential."""


@login_not_required
@require_safe
@never_cache
def process(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readiness(request: HttpRequest) -> HttpResponse:
    parts = {"database": database, "broker": broker, "zone_data": zone_data}
    found = {name: report(part) for name, part in parts.items()}
    ready = all(part["ready"] for part in found.values())
    return JsonResponse({"ready": ready, **found}, status=200 if ready else 503)


def report(part: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"ready": True, "detail": part()}
    except Unready as problem:
        return {"ready": False, "detail": str(problem)}


def database(using: Any = connection) -> str:
    """Asked over a connection of its own, because only a new one can be given time-outs that also cover a dead network."""
    limits = {
        "connect_timeout": SECONDS,
        "tcp_user_timeout": SECONDS * 1000,
        "options": f"-c statement_timeout={SECONDS * 1000}",
    }
    try:
        with closing(using.get_new_connection(using.get_connection_params() | limits)) as own:
            own.execute("SELECT 1")
    except (DatabaseError, using.Database.Error) as error:
        raise Unready(f"no answer ({type(error).__name__})") from error
    return "answers"


def broker() -> str:
    try:
        with closing(redis_client(timeout=SECONDS)) as client:
            client.ping()
    except RedisError as error:
        raise Unready(f"no answer ({type(error).__name__})") from error
    return "answers"


def zone_data() -> str:
    if problem := zone_data_problem():
        raise Unready(problem)
    return tzdata.IANA_VERSION
