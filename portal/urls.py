from django.urls import path

from portal.views import (
    account,
    appointment,
    booking,
    embed,
    home,
    link,
    profile,
    sign_in,
    times,
    unsubscribe,
)

urlpatterns = [
    path("", home.home, name="portal-home"),
    path("language/", home.language, name="portal-language"),
    path("facilities/<int:pk>/", home.facility, name="portal-facility"),
    path("book/", home.home, name="portal-programs"),
    path("book/<int:program>/", times.times, name="portal-times"),
    path("book/<int:program>/details/", booking.details, name="portal-details"),
    path("book/<int:program>/confirm/", booking.confirm, name="portal-confirm"),
    path("embed/facilities/<int:pk>/", embed.facility, name="portal-embed-facility"),
    path("embed/book/<int:program>/", embed.times, name="portal-embed-times"),
    path("a/<str:token>/", link.appointment, name="portal-link"),
    path("a/<str:token>/booked/", link.booked, name="portal-booked"),
    path("a/<str:token>/move/", link.move, name="portal-link-move"),
    path("a/<str:token>/cancel/", link.cancel, name="portal-link-cancel"),
    path("a/<str:token>/appointment.ics", link.calendar_file, name="portal-link-ics"),
    path("unsubscribe/<str:token>/", unsubscribe.unsubscribe, name="portal-unsubscribe"),
    path("sign-in/", sign_in.sign_in, name="portal-sign-in"),
    path("sign-in/code/", sign_in.code, name="portal-code"),
    path("sign-in/link/<str:token>/", sign_in.by_link, name="portal-sign-in-link"),
    path("sign-in/who/", sign_in.who, name="portal-who"),
    path("sign-out/", sign_in.sign_out, name="portal-sign-out"),
    path("account/", account.account, name="portal-account"),
    path("account/sign-out-everywhere/", sign_in.sign_out_everywhere, name="portal-sign-out-everywhere"),
    path("account/profile/", profile.profile, name="portal-profile"),
    path("account/profile/contact/<str:channel>/", profile.contact, name="portal-contact"),
    path("account/profile/contact/<str:channel>/code/", profile.contact_code, name="portal-contact-code"),
    path("account/profile/texts/", profile.texts, name="portal-texts"),
    path("account/appointments/<uuid:reference>/", appointment.appointment, name="portal-appointment"),
    path("account/appointments/<uuid:reference>/move/", appointment.move, name="portal-move"),
    path("account/appointments/<uuid:reference>/cancel/", appointment.cancel, name="portal-cancel"),
    path(
        "account/appointments/<uuid:reference>/appointment.ics", appointment.calendar_file, name="portal-ics"
    ),
]
