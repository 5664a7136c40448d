from django.urls import path

from signatures.views import customer, documents, templates, verification

urlpatterns = [
    path("documents/", documents.documents, name="documents"),
    path("documents/<uuid:reference>/", documents.document, name="document"),
    path("documents/<uuid:reference>/send/", documents.send, name="document-send"),
    path("documents/<uuid:reference>/void/", documents.void, name="document-void"),
    path("documents/<uuid:reference>/second/", documents.second, name="document-second"),
    path("documents/<uuid:reference>/sign/", documents.sign, name="document-sign"),
    path("documents/<uuid:reference>/again/", documents.anew, name="document-anew"),
    path("documents/<uuid:reference>/seal/", documents.seal_again, name="document-seal"),
    path("documents/<uuid:reference>/device/", documents.kiosk, name="document-kiosk"),
    path("documents/<uuid:reference>/paper/", documents.paper, name="document-paper"),
    path("documents/<uuid:reference>/copy/", documents.copy, name="document-copy"),
    path("customers/<int:pk>/documents/", customer.customer_documents, name="customer-documents"),
    path(
        "appointments/<uuid:reference>/documents/",
        customer.appointment_documents,
        name="appointment-documents",
    ),
    path("documents/templates/", templates.templates, name="document-templates"),
    path("documents/templates/new/", templates.new, name="document-template-new"),
    path("documents/templates/<uuid:reference>/", templates.template, name="document-template"),
    path("documents/templates/<uuid:reference>/about/", templates.about, name="document-template-about"),
    path("documents/templates/<uuid:reference>/draft/", templates.draft, name="document-template-draft"),
    path(
        "documents/templates/<uuid:reference>/preview/", templates.preview, name="document-template-preview"
    ),
    path(
        "documents/templates/<uuid:reference>/publish/", templates.publish, name="document-template-publish"
    ),
    path("documents/templates/<uuid:reference>/upload/", templates.upload, name="document-template-upload"),
    path(
        "documents/templates/<uuid:reference>/<int:version>/pages/<int:page>/",
        templates.page,
        name="document-template-page",
    ),
    path("documents/programs/<int:program>/", templates.program, name="program-documents"),
    path("documents/verify/", verification.verify_all, name="documents-verify"),
    path("documents/<uuid:reference>/verify/", verification.verify, name="document-verify"),
]
