"""In and out: user name and password, the second factor's code, sign-out."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from appointments.access import belongs_to_staff
from appointments.signin import session
from appointments.signin.forms import NOT_ON_STAFF, CodeForm, SignInForm

REASONS = {
    "idle": "You were signed out because nothing happened for a while. Sign in to go on.",
    "left": NOT_ON_STAFF,
    "waited": "The code took too long. Sign in again.",
}


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    next_url = _safe_next(request)
    # A signed-in customer is a stranger here: sent on, they would come straight back.
    if request.user.is_authenticated and belongs_to_staff(request.user):
        return redirect(next_url)
    form = SignInForm(request, data=request.POST if request.method == "POST" else None)
    if form.is_valid():
        return redirect(session.begin(request, user=form.get_user(), next_url=next_url, now=timezone.now()))
    context = {"form": form, "next": next_url, "reason": REASONS.get(request.GET.get("why", ""), "")}
    return render(request, "signin/sign_in.html", context, status=422 if form.is_bound else 200)


@login_not_required
@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponseBase:
    """The second step. A recovery code serves as well as the app's."""
    now = timezone.now()
    pending = session.pending(request, now=now)
    if pending is None:
        return redirect(f"{resolve_url('sign-in')}?why=waited")
    if pending.is_setting_up:
        return redirect("second-factor")
    form = CodeForm(request.POST if request.method == "POST" else None, user=pending.user, now=now)
    if form.is_valid():
        session.finish(request, user=pending.user, now=now, device=form.device)
        return redirect(pending.next_url)
    return render(request, "signin/code.html", {"form": form}, status=422 if form.is_bound else 200)


@login_not_required
@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """Also how an idle page ends its session: it names the reason and the way back."""
    auth.logout(request)
    if request.POST.get("why") not in REASONS:
        return redirect("sign-in")
    query = {"why": request.POST["why"], "next": _safe_next(request)}
    return redirect(f"{resolve_url('sign-in')}?{urlencode(query)}")


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: Any) -> HttpResponse:
    """What django-axes answers after too many failures for one user name from one address."""
    wait = settings.AXES_COOLOFF_TIME
    context = {"minutes": int(wait.total_seconds() // 60)}
    refusal = render(request, "signin/locked_out.html", context, status=429)
    refusal["Retry-After"] = str(int(wait.total_seconds()))
    return refusal


def _safe_next(request: HttpRequest) -> str:
    """Where to go after sign-in, never away from this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    hosts = {request.get_host()}
    is_safe = url_has_allowed_host_and_scheme(wanted, hosts, require_https=request.is_secure())
    return wanted if is_safe else resolve_url(settings.LOGIN_REDIRECT_URL)
