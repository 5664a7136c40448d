"""What providers tell us. Each view checks the signature over all that was sent, and acts in the database alone."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

View = Callable[[HttpRequest], HttpResponse]


def webhook(*, at_most: int) -> Callable[[View], View]:
    """A view that a provider posts at most so many bytes to. The signature is its password."""

    def decorated(view: View) -> View:
        @csrf_exempt
        @login_not_required
        @never_cache
        @require_POST
        @wraps(view)
        def limited(request: HttpRequest) -> HttpResponse:
            return view(request) if len(request.body) <= at_most else refusal(413, "Too large.")

        return limited

    return decorated


def refusal(status: int, why: str) -> HttpResponse:
    return HttpResponse(why, status=status, content_type="text/plain; charset=utf-8")
