"""Pages and their parts: one template for the whole page, and the parts that HTMX may ask for by the id of their element."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import trigger_client_event

DIALOG = "dialog-body"


def respond(
    request: HttpRequest,
    page: str,
    context: dict[str, Any],
    *,
    parts: Mapping[str, str],
    dialog: str | None = None,
    status: int = 200,
) -> HttpResponse:
    """The part whose id `HX-Target` names, or the whole page. `dialog` is the part shown when the target is the dialog."""
    target = request.headers.get("HX-Target", "")
    template = parts.get(target) or (dialog if target == DIALOG else None) or page
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def wants_part(request: HttpRequest) -> bool:
    """Whether HTMX asks, and so a redirect would be followed in the background instead of by the browser."""
    return request.headers.get("HX-Request") == "true"


def done_in_dialog(
    *, toast: Mapping[str, Any] | None = None, changed: bool = True, status: int = 204
) -> HttpResponse:
    """Nothing to show: close the dialog, say what happened, and let the grid fetch what changed."""
    response = HttpResponse(status=status)
    trigger_client_event(response, "close-dialog")
    if changed:
        trigger_client_event(response, "appointment-changed")
    if toast:
        trigger_client_event(response, "toast", dict(toast))
    return response
