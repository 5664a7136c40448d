from typing import Any

from django.http import Http404, HttpRequest, HttpResponse

from portal.pages import portal_page


@portal_page
def times(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    raise Http404
