"""Forms are sent in UTF-8, the charset of every page. A browser sends nothing else.

Python knows charsets that no text is written in: some raise whatever they are given, some make halves of letters that the
database cannot keep. None of them reaches a form.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class Utf8Middleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() not in ("utf-8", "utf8"):
            return HttpResponse("Send this in UTF-8.", status=415, content_type="text/plain; charset=utf-8")
        return self.get_response(request)
