from django.urls import path

from appointments.signin.views import account, entry, second_factor
from securecare import idle

urlpatterns = [
    path("sign-in/", entry.sign_in, name="sign-in"),
    path("sign-in/code/", entry.code, name="sign-in-code"),
    path("sign-out/", entry.sign_out, name="sign-out"),
    path("account/", account.account, name="account"),
    path("account/activity/", idle.activity, name="activity"),
    path("account/password/", account.password, name="account-password"),
    path("account/second-factor/", second_factor.second_factor, name="second-factor"),
    path("account/second-factor/change/", second_factor.change, name="second-factor-change"),
    path("account/sign-out-elsewhere/", account.sign_out_elsewhere, name="sign-out-elsewhere"),
]
