"""From a chosen time to a booked appointment: who it is for, what exactly will be booked, done.

Everything travels in the forms. Whatever is answered shows again what was typed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from appointments.models import Customer
from portal import bookings, holds, pace, refusals, review, visitor
from portal.bookings import Person
from portal.forms import DetailsForm
from portal.offers import public_program
from portal.pages import customer_of, remember_language, secret_page
from portal.picker import read_at, with_staff, write_at
from portal.review import Seal
from portal.showing import ShownProgram
from portal.times import Search
from portal.views.times import may_hold
from reminders.consent import Origin
from scheduling import rules
from scheduling.availability import OpenTime, serving
from scheduling.booking import BookingRefused
from securecare import localtime, wording
from securecare.client import address_of

# A form with this field was filled in by somebody.
TYPED = "email"
# What this browser has just booked, so that whoever goes back to the form is led to it.
BOOKED = "booked"
BOOKED_LASTS = timedelta(minutes=2)


@dataclass(frozen=True)
class Visit:
    """One request of somebody who has chosen a time."""

    request: HttpRequest
    search: Search
    starts_at: datetime
    now: datetime

    @property
    def posted(self) -> Mapping[str, str]:
        return self.request.POST

    @property
    def customer(self) -> Customer | None:
        return self.search.customer

    @property
    def staff_id(self) -> str:
        return str(self.search.staff.pk) if self.search.staff else ""

    @property
    def here(self) -> str:
        """The address that leads to the form for this time."""
        query = urlencode({"at": write_at(self.starts_at), "staff": self.staff_id})
        return f"{resolve_url('portal-details', self.search.program.pk)}?{query}"

    @cached_property
    def sent(self) -> DetailsForm:
        """What was typed, to be judged."""
        return DetailsForm(self.posted, today=self._today)

    @property
    def unsent(self) -> DetailsForm:
        """What was typed so far, not to be judged yet."""
        return DetailsForm(initial=dict(self.posted.items()), today=self._today)

    @cached_property
    def person(self) -> Person | None:
        """Who was typed, if all of it can be right. Nobody is asked who is signed in."""
        return self.sent.person() if self.customer is None and self.sent.is_valid() else None

    @property
    def is_complete(self) -> bool:
        return self.customer is not None or self.person is not None

    @property
    def _today(self) -> date:
        return localtime.local_date(self.now, self.search.program.facility.zone)


@dataclass(frozen=True)
class Chosen:
    """What the pages show of the chosen time. `who` is the signed-in customer's name."""

    program: ShownProgram
    at: str
    starts_at: datetime
    staff_id: str
    staff: str
    own_zone: ZoneInfo | None
    here: str
    who: str

    @property
    def notice_minutes(self) -> int:
        return 60 * self.program.notice_hours

    @classmethod
    def of(cls, visit: Visit) -> "Chosen":
        search = visit.search
        return cls(
            program=ShownProgram.of(search.program),
            at=write_at(visit.starts_at),
            starts_at=visit.starts_at,
            staff_id=visit.staff_id,
            staff=search.staff.display_name if search.staff else "",
            own_zone=_own_zone(visit),
            here=visit.here,
            who=visit.customer.full_name if visit.customer else "",
        )


@secret_page
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def details(request: HttpRequest, program: int) -> HttpResponse:
    """GET asks who it is for; POST shows what will be booked, or what has to be looked at first."""
    visit = _visit(request, program)
    if visit is None:
        return redirect("portal-times", program)
    if request.method != "POST":
        return _arrive(visit)
    language = _speak_as_asked(request)
    is_on_form = bool(language) and "submission" not in visit.posted
    response = _go_on(visit, stays=is_on_form or "change" in visit.posted)
    if language:
        remember_language(response, language)
    return response


@secret_page
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, program: int) -> HttpResponse:
    """Book what the review showed, and nothing else."""
    visit = _visit(request, program)
    if visit is None:
        return redirect("portal-times", program)
    if request.method != "POST":
        return redirect(visit.here)
    seal = Seal.read(visit.posted)
    obstacle = _obstacle(visit, seal)
    if obstacle is not None:
        return _done(visit, seal) if bookings.booked_by(seal.submission) else obstacle()
    try:
        bookings.book_online(
            submission=seal.submission,
            search=visit.search,
            starts_at=visit.starts_at,
            person=visit.person,
            origin=Origin(address_of(request), request.headers.get("User-Agent", "")),
            now=visit.now,
        )
    except BookingRefused as refusal:
        return _refuse(visit, refusal)
    return _done(visit, seal)


def _visit(request: HttpRequest, program: int) -> Visit | None:
    """None without a time. A staff member who does not serve the program (anymore) is anyone, as the page then says."""
    found = public_program(program)
    asked = request.POST if request.method == "POST" else request.GET
    at, staff = asked.get("at", ""), asked.get("staff", "")
    if "other" in request.POST:
        at, _, staff = request.POST["other"].partition(" ")
    starts_at = read_at(at)
    if starts_at is None:
        return None
    search = Search(found, customer=customer_of(request), visitor=visitor.visitor_of(request))
    if staff:
        search = with_staff(search, staff, serving(found))
    return Visit(request, search, starts_at, timezone.now())


def _speak_as_asked(request: HttpRequest) -> str:
    """The language of the button that was pressed, spoken from here on; the form brings along what was typed."""
    language = request.POST.get("show_in", "")
    if language not in dict(settings.LANGUAGES):
        return ""
    translation.activate(language)
    return language


def _arrive(visit: Visit) -> HttpResponse:
    if not bookings.takers(visit.search, visit.starts_at, now=visit.now):
        return _refuse(visit, _why_not(visit))
    return _review_page(visit) if visit.customer else _form_page(visit, visit.unsent)


def _go_on(visit: Visit, *, stays: bool) -> HttpResponse:
    """To the review, if all that is needed is there and right."""
    if visit.customer is None and stays:
        return _form_page(visit, visit.unsent)
    if visit.is_complete:
        return _look(visit)
    if "other" in visit.posted or TYPED not in visit.posted:
        return _form_page(visit, visit.unsent)
    return _form_page(visit, visit.sent, status=422)


def _look(visit: Visit, notice: str = "", *, status: int = 200) -> HttpResponse:
    """The review of a time that is still open, held for the visitor while they look."""
    offers = bookings.takers(visit.search, visit.starts_at, now=visit.now)
    if not offers or not _hold(visit, offers):
        return _refuse(visit, _why_not(visit))
    return _review_page(visit, notice, status=status)


def _hold(visit: Visit, offers: Sequence[OpenTime]) -> bool:
    name = visit.search.visitor
    if not name or not may_hold(visit.request):
        return True
    facility = visit.search.program.facility_id
    return any(holds.hold(offer, facility=facility, visitor=name, now=visit.now) for offer in offers)


def _obstacle(visit: Visit, seal: Seal) -> Callable[[], HttpResponse] | None:
    """What to answer instead of booking; None if nothing stands in the way of trying."""
    if not visit.is_complete:
        return partial(_incomplete, visit)
    if not seal.binds(review.of(visit.search, visit.starts_at, visit.person)):
        changed = gettext(
            "Something has changed since you looked. This is how it is now: check it, then book."
        )
        return partial(_look, visit, changed, status=409)
    if not seal.is_fresh(visit.now):
        old = gettext("This page had been open for a long time. Check that all is still right, then book.")
        return partial(_look, visit, old, status=409)
    wait = pace.wait_before_booking(ip=address_of(visit.request), person=visit.person)
    if wait is not None:
        return partial(_too_many, visit, wait)
    # Filled in by a program: it is answered like whoever comes too late.
    return partial(_refuse, visit, rules.taken()) if visit.posted.get("website") else None


def _incomplete(visit: Visit) -> HttpResponse:
    if TYPED in visit.posted:
        return _form_page(visit, visit.sent, status=422)
    words = gettext(
        "You are not signed in anymore. Nothing is booked yet: enter your details, or sign in again."
    )
    return _form_page(visit, visit.unsent, notice=words, status=409)


def _too_many(visit: Visit, wait: timedelta) -> HttpResponse:
    words = gettext(
        "Many appointments were booked from your network or with this e-mail address or number. "
        "Nothing is booked yet. Try again in %(time)s, or sooner."
    )
    said = words % {"time": wording.lasting(-(-int(wait.total_seconds()) // 60))}
    response = _review_page(visit, f"{said} {refusals.call(visit.search.program)}", status=429)
    response.headers["Retry-After"] = str(int(wait.total_seconds()))
    return response


def _done(visit: Visit, seal: Seal) -> HttpResponse:
    response = redirect("portal-booked", bookings.token_of(seal.submission))
    response.set_cookie(
        BOOKED,
        seal.submission,
        max_age=BOOKED_LASTS,
        path=resolve_url("portal-times", visit.search.program.pk),
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )
    return response


def _just_booked(visit: Visit) -> str:
    """Where to see what this browser has just booked at the very same time; "" if it has not."""
    submission = visit.request.COOKIES.get(BOOKED, "")
    if not submission or not bookings.stands_at(visit.starts_at, submission=submission):
        return ""
    return resolve_url("portal-link", bookings.token_of(submission))


def _why_not(visit: Visit) -> BookingRefused:
    return bookings.why_not(visit.search, visit.starts_at, customer=visit.customer, now=visit.now)


def _refuse(visit: Visit, refusal: BookingRefused) -> HttpResponse:
    """Why, and the times that can be had instead: each button sends all that was typed along."""
    program, is_signed_in = visit.search.program, visit.customer is not None
    refused = {
        "refusal": refusals.explain(refusal, program, is_signed_in=is_signed_in),
        "others": refusals.others(visit.search, visit.starts_at, refusal, now=visit.now),
    }
    typed = visit.unsent if TYPED in visit.posted and not is_signed_in else None
    return _form_page(visit, typed, status=refusals.status_of(refusal), **refused)


def _form_page(visit: Visit, form: DetailsForm | None, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {"chosen": Chosen.of(visit), "form": form, "just_booked": _just_booked(visit), **more}
    return render(visit.request, "portal/details.html", context, status=status)


def _review_page(visit: Visit, notice: str = "", *, status: int = 200) -> HttpResponse:
    shown = review.of(visit.search, visit.starts_at, visit.person)
    context = {
        "chosen": Chosen.of(visit),
        "review": shown,
        "seal": Seal.on(shown, now=visit.now),
        "typed": [] if visit.person is None else visit.sent.typed,
        "notice": notice,
    }
    return render(visit.request, "portal/review.html", context, status=status)


def _own_zone(visit: Visit) -> ZoneInfo | None:
    """The visitor's zone, if its clock shows another time than the facility's then."""
    own, there = visitor.zone_of_visitor(visit.request), visit.search.program.facility.zone
    if own is None:
        return None
    same = (
        localtime.local(visit.starts_at, own).utcoffset()
        == localtime.local(visit.starts_at, there).utcoffset()
    )
    return None if same else own
