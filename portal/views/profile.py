from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from portal.pages import own_page


@own_page
def profile(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@own_page
def contact(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@own_page
def contact_code(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@own_page
def texts(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404
