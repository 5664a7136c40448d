"""Forms of sign-in and of a person's own account."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, UsernameField
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django_otp.models import Device

from appointments.access import may_sign_in
from appointments.signin import second_factor

NOT_ON_STAFF = (
    "This sign-in has no place on staff, or no longer has one. "
    "Ask an administrator to make you an active staff member."
)
WRONG_PASSWORD = "That is not your password. Enter the one you signed in with."  # noqa: S105


class SignInForm(AuthenticationForm):
    # Django's own field has no limit, and what records the attempt keeps 255 characters.
    username = UsernameField(
        label="User name",
        max_length=150,
        error_messages={"required": "Enter your user name."},
        widget=forms.TextInput(attrs={"autofocus": True}),
    )
    error_messages = {
        "invalid_login": "User name and password do not match. Check both: capital letters count.",
        "inactive": NOT_ON_STAFF,
    }

    def confirm_login_allowed(self, user: Any) -> None:
        if not may_sign_in(user):
            raise ValidationError(NOT_ON_STAFF, code="not_on_staff")


class CodeForm(forms.Form):
    """Proves the second factor; `device` is the one that accepted the code."""

    code = forms.CharField(
        label="Code",
        max_length=24,
        error_messages={"required": "Enter the six digits your authenticator app shows."},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "autofocus": True}),
    )
    device: Device

    def __init__(self, *args: Any, user: User, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.now = user, now

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            self.device = second_factor.verify(user=self.user, code=code, now=self.now)
        except second_factor.CodeRefused as refused:
            raise ValidationError(str(refused)) from refused
        return code


class SetUpForm(forms.Form):
    """Turns the second factor on; `recovery_codes` are shown once."""

    code = forms.CharField(
        label="Enter the six digits it shows now",
        max_length=24,
        error_messages={"required": "Enter the six digits your authenticator app shows."},
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )
    recovery_codes: list[str]

    def __init__(self, *args: Any, new: second_factor.NewKey, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.new, self.now = new, now

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            self.recovery_codes = second_factor.enable(
                user=self.new.user, key=self.new.key, code=code, now=self.now
            )
        except second_factor.CodeRefused as refused:
            raise ValidationError(str(refused)) from refused
        return code


class PasswordAgainForm(forms.Form):
    """Asks for the password before what a borrowed session must not do. Wrong ones count as failed sign-ins."""

    password = forms.CharField(
        strip=False,
        error_messages={"required": "Enter your password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        check_password(self.request, password)
        return password


class NewPasswordForm(PasswordChangeForm):
    def __init__(self, request: HttpRequest, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.request = request
        self.fields["new_password1"].help_text = "At least 12 characters; no common password, nor your name."
        self.fields["new_password2"].help_text = ""

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        check_password(self.request, password)
        return password


def check_password(request: HttpRequest, password: str) -> None:
    """Raises ValidationError. Goes through the sign-in's own throttle."""
    if authenticate(request, username=request.user.get_username(), password=password) is None:
        raise ValidationError(WRONG_PASSWORD)
