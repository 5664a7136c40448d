"""Setting up, replacing and turning off the second factor."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from appointments.access import belongs_to_staff
from appointments.signin import second_factor as factor
from appointments.signin import session
from appointments.signin.forms import PasswordAgainForm, SetUpForm
from appointments.signin.middleware import to_sign_in
from securecare import sessions

_KEY = "second_factor_key"
_REPLACING = "second_factor_replacing"


@login_not_required
@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponseBase:
    """Open to whoever is signed in, and to whoever gave their password and must set one up before they are."""
    now = timezone.now()
    pending = session.pending(request, now=now)
    is_staff = request.user.is_authenticated and belongs_to_staff(request.user)
    if pending is None and not is_staff:
        return to_sign_in(request)
    if pending is not None and not pending.is_setting_up:
        return redirect("sign-in-code")
    if pending is None and _has_device(request) and not request.session.get(_REPLACING):
        return _manage(request, PasswordAgainForm(request))
    return _set_up(request, pending)


@never_cache
@sensitive_post_parameters("password")
@require_POST
def change(request: HttpRequest) -> HttpResponseBase:
    """What one may do with a second factor that is on, against the password."""
    if not _has_device(request):
        return redirect("second-factor")
    form = PasswordAgainForm(request, request.POST)
    if not form.is_valid():
        return _manage(request, form, status=422)
    return _CHANGES.get(request.POST.get("do", ""), _nothing)(request)


def _set_up(request: HttpRequest, pending: session.Pending | None) -> HttpResponse:
    now = timezone.now()
    user = pending.user if pending else _user(request)
    new = factor.NewKey(user, request.session.setdefault(_KEY, factor.new_key()))
    form = SetUpForm(request.POST if request.method == "POST" else None, new=new, now=now)
    if not form.is_valid():
        context = {"form": form, "new": new, "pending": pending}
        return render(request, "signin/set_up.html", context, status=422 if form.is_bound else 200)
    del request.session[_KEY]
    request.session.pop(_REPLACING, None)
    sessions.end_all(user_id=user.pk, keep=request.session.session_key)
    session.finish(request, user=user, now=now, device=factor.device_of(user))
    return _show_codes(request, form.recovery_codes, next_url=pending.next_url if pending else "")


def _manage(request: HttpRequest, form: PasswordAgainForm, *, status: int = 200) -> HttpResponse:
    user = _user(request)
    context = {
        "form": form,
        "device": factor.device_of(user),
        "codes_left": factor.codes_left(user),
        "may_turn_off": factor.may_turn_off(user),
    }
    return render(request, "signin/second_factor.html", context, status=status)


def _show_codes(request: HttpRequest, codes: list[str], *, next_url: str = "") -> HttpResponse:
    return render(request, "signin/recovery_codes.html", {"codes": codes, "next": next_url})


def _turn_off(request: HttpRequest) -> HttpResponse:
    if not factor.may_turn_off(_user(request)):
        messages.error(request, "Your organization asks you to keep the second factor on.")
        return redirect("second-factor")
    factor.disable(user=_user(request))
    messages.success(request, "The second factor is off. Your password alone signs you in.")
    return redirect("account")


def _replace(request: HttpRequest) -> HttpResponse:
    request.session[_REPLACING] = True
    return redirect("second-factor")


def _renew_codes(request: HttpRequest) -> HttpResponse:
    return _show_codes(request, factor.renew_recovery_codes(user=_user(request)))


def _nothing(request: HttpRequest) -> HttpResponse:
    return redirect("second-factor")


_CHANGES = {"turn-off": _turn_off, "replace": _replace, "new-codes": _renew_codes}


def _has_device(request: HttpRequest) -> bool:
    return factor.device_of(_user(request)) is not None


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - everybody else was sent away before
    return request.user
