from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from portal.pages import secret_page


@secret_page
def appointment(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def booked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def move(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def cancel(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def calendar_file(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404
