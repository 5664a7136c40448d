"""What goes wrong under the portal's address is told in the portal's words and the visitor's language; elsewhere in the staff's."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseServerError
from django.shortcuts import render, resolve_url
from django.template import loader
from django.utils import translation
from django.views import csrf, defaults

from portal.pages import is_portal, portal_page, secret_page


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _nowhere(request) if is_portal(request.path) else defaults.page_not_found(request, exception)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    return _too_old(request) if is_portal(request.path) else csrf.csrf_failure(request, reason)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Needs neither the database nor a session: they may be what failed."""
    if not is_portal(request.path):
        return defaults.server_error(request)
    with translation.override(translation.get_language_from_request(request)):
        context = {"language": translation.get_language(), "home": resolve_url("portal-home")}
        return HttpResponseServerError(loader.render_to_string("portal/failed.html", context))


@portal_page
def _nowhere(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def _too_old(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return render(request, "portal/too_old.html", status=403)
