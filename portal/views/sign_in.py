"""In and out of a customer's account: an address, a code or a link sent there, and whom it belongs to."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from appointments.access import belongs_to_staff
from appointments.models import Customer
from calendarsync import feeds
from portal import accounts, codes
from portal.account_forms import CodeForm, ContactForm, StayForm
from portal.accounts import Proof
from portal.pages import customer_of, own_page, remember_language, secret_page
from portal.way_back import way_back_of, with_way_back
from securecare.client import address_of

COOKIE = "portal_code"


@dataclass(frozen=True)
class Person:
    """`born` is the year of birth, where the name alone does not tell people apart."""

    id: int
    name: str
    born: int | None
    is_current: bool


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Known or not, whoever asks for a code is told the same and goes on to the same page."""
    way_back = way_back_of(request)
    if request.method != "POST" and customer_of(request) is not None:
        return redirect(way_back)
    form = ContactForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _ask(request, form, way_back)
    try:
        secret = codes.ask(
            contact=form.cleaned_data["contact"],
            now=timezone.now(),
            ip=address_of(request),
            way_back="" if way_back == reverse("portal-account") else way_back,
        )
    except codes.TooManyAsked:
        return too_many(request)
    return remember_asker(redirect(with_way_back("portal-code", way_back)), secret)


@secret_page
@sensitive_post_parameters("digits")
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    now, secret, way_back = timezone.now(), secret_of(request), way_back_of(request)
    contact = codes.waiting(secret, now=now)
    if contact is None:
        return _ask(request, ContactForm(), way_back, is_dead=request.method == "POST")
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            proved = codes.use_digits(form.cleaned_data["digits"], secret=secret, now=now)
        except codes.CodeRefused as refused:
            if refused.is_dead:
                return _ask(request, ContactForm(), way_back, is_dead=True)
            form.add_error("digits", wrong_digits())
        else:
            return _enter(request, Proof(proved, form.cleaned_data["stay"], way_back))
    context = {"form": form, "contact": contact, "next": way_back}
    return render(request, "portal/code.html", context, status=422 if form.is_bound else 200)


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
def by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Mail scanners follow links: only the button on the page signs in."""
    now, way_back = timezone.now(), way_back_of(request)
    if request.method != "POST":
        context = {"form": StayForm(), "is_open": codes.is_open(token, now=now), "next": way_back}
        return render(request, "portal/link.html", context)
    # The record of sign-ins keeps the path of the request, and must not keep the token.
    request.META["PATH_INFO"] = reverse("portal-sign-in")
    try:
        proved = codes.use_link(token, now=now)
    except codes.CodeRefused:
        return render(request, "portal/link.html", {"is_open": False})
    return _enter(request, Proof(proved, bool(request.POST.get("stay")), way_back))


@secret_page
@require_http_methods(["GET", "HEAD", "POST"])
def who(request: HttpRequest) -> HttpResponse:
    """Several customers share the proved address. Also where a signed-in one switches to another of them."""
    now = timezone.now()
    proof = accounts.proof_of(request, now=now)
    if proof is None:
        return redirect("portal-sign-in")
    people = proof.people()
    chosen = next((one for one in people if str(one.pk) == request.POST.get("customer")), None)
    if chosen is not None:
        accounts.sign_in(request, chosen, proof, now=now)
        return redirect(proof.way_back or "portal-account")
    context = {"people": _shown(people, customer_of(request)), "contact": proof.contact}
    return render(request, "portal/who.html", context, status=422 if request.method == "POST" else 200)


@secret_page
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    messages.success(request, gettext("You are signed out."))
    return _leave()


@own_page
@require_POST
def sign_out_everywhere(request: HttpRequest, customer: Customer) -> HttpResponse:
    had_feed = feeds.revoke(customer=customer, now=timezone.now())
    accounts.end_all_sessions(request, customer)
    messages.success(request, gettext("You are signed out on every device."))
    if had_feed:
        messages.warning(
            request, gettext("Your calendar address has ended. Make a new one for your calendar.")
        )
    return _leave()


def _leave() -> HttpResponse:
    """To the page to sign in, which speaks the language of the one that was left."""
    response = redirect("portal-sign-in")
    remember_language(response, get_language() or settings.LANGUAGE_CODE)
    return response


def remember_asker(response: HttpResponse, secret: str) -> HttpResponse:
    """The digits work in this browser alone, for as long as the code lives."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=codes.LASTS,
        path=reverse("portal-home"),
        secure=settings.SECURE_COOKIES,
        httponly=True,
        samesite="Lax",
    )
    return response


def secret_of(request: HttpRequest) -> str:
    return request.COOKIES.get(COOKIE, "")


def forget_asker(response: HttpResponse) -> HttpResponse:
    response.delete_cookie(COOKIE, path=reverse("portal-home"), samesite="Lax")
    return response


def wrong_digits() -> str:
    return gettext("These are not the digits we sent. Look at the latest message, or have a new one sent.")


def too_many(request: HttpRequest) -> HttpResponse:
    refusal = render(request, "portal/too_many_codes.html", status=429)
    refusal.headers["Retry-After"] = "3600"
    return refusal


def _ask(request: HttpRequest, form: ContactForm, way_back: str, *, is_dead: bool = False) -> HttpResponse:
    context = {
        "form": form,
        "next": way_back,
        "is_dead": is_dead,
        "was_idle": request.GET.get("why") == "idle",
        "is_staff": request.user.is_authenticated and belongs_to_staff(request.user),
    }
    return render(request, "portal/sign_in.html", context, status=422 if form.is_bound or is_dead else 200)


def _enter(request: HttpRequest, proof: Proof) -> HttpResponse:
    people = proof.people()
    if len(people) == 1:
        accounts.sign_in(request, people[0], proof, now=timezone.now())
        return forget_asker(redirect(proof.way_back))
    accounts.wait(request, proof)
    return forget_asker(redirect("portal-who"))


def _shown(people: list[Customer], current: Customer | None) -> list[Person]:
    names = [one.full_name for one in people]
    return [
        Person(
            one.pk,
            one.full_name,
            one.date_of_birth.year if one.date_of_birth and names.count(one.full_name) > 1 else None,
            is_current=current is not None and current.pk == one.pk,
        )
        for one in people
    ]
