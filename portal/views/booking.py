from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from portal.pages import portal_page


@portal_page
def details(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404


@portal_page
def confirm(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404
