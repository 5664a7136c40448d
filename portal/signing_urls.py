from django.urls import path

from portal.views import signing

urlpatterns = [
    path("", signing.sign, name="sign"),
    path("<uuid:reference>/", signing.document, name="sign-document"),
    path("<uuid:reference>/save/", signing.save, name="sign-save"),
    path("<uuid:reference>/decline/", signing.decline, name="sign-decline"),
    path("<uuid:reference>/document.pdf", signing.pdf, name="sign-pdf"),
    path("<uuid:reference>/copy.pdf", signing.copy, name="sign-copy"),
    path("<uuid:reference>/pages/<int:number>.png", signing.page, name="sign-page"),
]
