from django.urls import path

from signatures.views import templates, verification

urlpatterns = [
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
