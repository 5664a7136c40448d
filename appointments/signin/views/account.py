"""A person's own account: who they are here, password, second factor, sessions."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from appointments.access import access_of, staff_member_of
from appointments.signin import second_factor
from appointments.signin.forms import NewPasswordForm
from securecare import sessions


@never_cache
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    context = {
        "staff": staff_member_of(request.user),
        "facilities": access_of(request).facilities,
        "device": second_factor.device_of(_user(request)),
        "codes_left": second_factor.codes_left(_user(request)),
    }
    return render(request, "signin/account.html", context)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    form = NewPasswordForm(request, _user(request), request.POST if request.method == "POST" else None)
    if form.is_valid():
        update_session_auth_hash(request, form.save())
        _end_others(request)
        messages.success(request, "Your password is changed. You are signed out everywhere else.")
        return redirect("account")
    return render(request, "signin/password.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
def sign_out_elsewhere(request: HttpRequest) -> HttpResponse:
    ended = _end_others(request)
    places = "No other place was signed in." if ended == 0 else f"Signed out of {ended} other session(s)."
    messages.success(request, places)
    return redirect("account")


def _end_others(request: HttpRequest) -> int:
    return sessions.end_all(user_id=_user(request).pk, keep=request.session.session_key)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the middleware lets nobody else in
    return request.user
