"""Django admin behind the one sign-in, for those whom the permission `ENTER_ADMIN` lets in."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import auth
from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator

ENTER_ADMIN = "securecare.enter_admin"


class StaffAdminConfig(AdminConfig):
    default_site = "securecare.adminsite.StaffAdminSite"


class StaffAdminSite(AdminSite):
    site_title = "SecureCare administration"
    site_header = "SecureCare administration"
    index_title = "Records and settings"
    site_url = "/"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.has_perm(ENTER_ADMIN)

    @method_decorator(login_not_required)
    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseRedirect:
        """Send whoever is not signed in to the site's sign-in, and tell others that this is not for them."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied("Administration is for administrators. Ask one of them for what you need.")
        query = {"next": request.GET.get("next", reverse("admin:index"))}
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode(query)}")

    def logout(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseRedirect:
        auth.logout(request)
        return redirect(settings.LOGIN_URL)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseRedirect:
        return redirect("account-password")
