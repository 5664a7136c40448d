from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from portal.pages import secret_page


@secret_page
def sign_in(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def code(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def by_link(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def who(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def sign_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@secret_page
def sign_out_everywhere(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404
