"""The file that a subscribed calendar reads, and the page on which a staff member makes and ends its address."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from limits import parse

from appointments.models import StaffMember
from calendarsync import feed_content, feeds
from calendarsync.feeds import Use
from calendarsync.forms import TitlesForm
from calendarsync.views.own import staff_of, user_of
from securecare import limits
from securecare.client import address_of, network_of

PAGE = "calendarsync/feed.html"
NOT_THERE = (
    "There is no calendar at this address. It may have ended: make a new one where you made this one.\n"
)
PRIVATE = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}
CREATE, TITLES, END = "create", "titles", "end"


@login_not_required
@require_safe
def file(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever holds the address. A calendar that has it already is told so after two statements, and nothing is written but
    once an hour that the address is in use."""
    now, rate = timezone.now(), settings.FEED_READS_PER_ADDRESS
    if not limits.allowed("calendars read from an address", network_of(address_of(request)), rate):
        return _private(
            _plain("Too often. Try again later.\n", 429), **{"Retry-After": str(parse(rate).get_expiry())}
        )
    feed = feeds.find(token)
    if feed is None:
        return _private(_plain(NOT_THERE, 404))
    feeds.note_read(feed, now=now)
    if "If-None-Match" in request.headers:
        etag = feed_content.etag(feed, now=now)
        unchanged = get_conditional_response(request, etag=etag)
        if unchanged is not None:
            return _private(unchanged, ETag=etag)
    content = feed_content.content(feed, now=now)
    shown = HttpResponse(content.body, content_type="text/calendar; charset=utf-8")
    return _private(
        shown, **{"ETag": content.etag, "Content-Disposition": 'inline; filename="appointments.ics"'}
    )


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _private(response: HttpResponse, **headers: str) -> HttpResponse:
    """To be kept by its reader alone and asked about each time, and to be found by nobody else."""
    for name, value in {**PRIVATE, **headers}.items():
        response.headers[name] = value
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def feed(request: HttpRequest) -> HttpResponse:
    staff, now = staff_of(request), timezone.now()
    if request.method != "POST":
        return _page(request, staff, _form(staff))
    form, asked = TitlesForm(request.POST), request.POST.get("feed")
    if asked == END:
        feeds.revoke(staff=staff, now=now)
        messages.success(
            request, "The address has ended. Calendars that read it show no more than they have."
        )
        return redirect("calendars")
    if asked not in (CREATE, TITLES) or not form.is_valid():
        return _page(request, staff, form, status=422)
    style = form.cleaned_data["title_style"]
    if asked == CREATE:
        token = feeds.create(staff=staff, title_style=style, by=user_of(request), now=now)
        return _page(request, staff, form, token=token)
    if feeds.change_titles(staff=staff, title_style=style):
        messages.success(request, "Saved. Calendars show it once they have read the address again.")
    return redirect("calendar-feed")


def _form(staff: StaffMember) -> TitlesForm:
    found = feeds.of_staff(staff)
    return TitlesForm(initial={"title_style": found.title_style} if found else None)


def _page(
    request: HttpRequest, staff: StaffMember, form: TitlesForm, *, token: str = "", status: int = 200
) -> HttpResponse:
    """`token` is of an address just made: this answer alone shows it."""
    context: dict[str, Any] = {"form": form, "feed": Use.of(feeds.of_staff(staff), now=timezone.now())}
    if token:
        context |= {"address": feeds.address(token), "subscribing": feeds.subscribing_address(token)}
    return render(request, PAGE, context, status=status)
