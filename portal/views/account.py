from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from portal.pages import own_page


@own_page
def account(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404
