from django.contrib import admin
from django.urls import include, path

from portal.views import confirmation
from securecare import health

urlpatterns = [
    path("healthz", health.process, name="healthz"),
    path("readyz", health.readiness, name="readyz"),
    path("", include("appointments.signin.urls")),
    path("", include("scheduling.urls")),
    path("", include("reminders.urls")),
    path("", include("calendarsync.urls")),
    path("", include("signatures.urls")),
    path("c/<str:token>/", confirmation.confirm, name="confirm"),
    path("s/<str:token>/", include("portal.signing_urls")),
    path("portal/", include("portal.urls")),
    path("admin/", admin.site.urls),
]

handler404 = "portal.views.errors.not_found"
handler500 = "portal.views.errors.server_error"
