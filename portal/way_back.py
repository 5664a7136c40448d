"""Where signing in leads: the page of the portal that was asked for, and never anywhere else."""

import posixpath
from urllib.parse import unquote, urlencode, urlsplit

from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

LONGEST = 500


def way_back_of(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if is_within_portal(wanted) else reverse("portal-account")


def with_way_back(view: str, way_back: str) -> str:
    """The address of a view that hands `way_back` on."""
    query = "" if way_back == reverse("portal-account") else f"?{urlencode({'next': way_back})}"
    return resolve_url(view) + query


def is_within_portal(address: str) -> bool:
    """Whether a browser that is sent there stays within the portal, and does not come to sign in again."""
    if len(address) > LONGEST or "\\" in address or not url_has_allowed_host_and_scheme(address, None):
        return False
    path = urlsplit(address).path
    home, sign_in = reverse("portal-home"), reverse("portal-sign-in")
    # Browsers resolve dots, also encoded ones, before they ask.
    resolved = posixpath.normpath(unquote(path)) + "/"
    return path.startswith(home) and resolved.startswith(home) and not resolved.startswith(sign_in)
