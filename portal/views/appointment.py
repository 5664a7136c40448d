from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from portal.pages import own_page


@own_page
def appointment(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@own_page
def move(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@own_page
def cancel(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@own_page
def calendar_file(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404
