"""Whether signed documents are still what was signed: one of them, or all that the user sees."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from appointments.access import SEE_DOCUMENTS, Access, access_of
from securecare.parts import respond
from signatures import certificate, verification
from signatures.models import SignedDocument
from signatures.models.signed import SignedDocumentQuerySet

ONE = "signatures/verified.html"
ONE_PARTS = {"verified": "signatures/_verified.html"}
ALL = "signatures/verify.html"
ALL_PARTS = {"verifying": "signatures/_verifying.html"}
# What one request checks, in well under a second; and how many failures a page names.
BATCH = 20
MOST_NAMED = 20

Found = tuple[SignedDocument, list[str]]


@dataclass
class Progress:
    """How far a check of all documents has come. Failures are kept by their keys, and looked at again with each batch."""

    total: int
    hashes_only: bool
    checked: int = 0
    last: int = 0
    failed: list[Found] = field(default_factory=list)
    is_done: bool = False

    @property
    def is_too_much(self) -> bool:
        return len(self.failed) >= MOST_NAMED

    @property
    def goes_on(self) -> bool:
        return not self.is_done and not self.is_too_much

    @property
    def failed_keys(self) -> str:
        return ",".join(str(document.pk) for document, _ in self.failed)


class ProgressForm(forms.Form):
    """Where the page that was posted had come to; nothing of it on the first."""

    hashes_only = forms.BooleanField(required=False)
    last = forms.IntegerField(min_value=0, max_value=2**62, required=False)
    checked = forms.IntegerField(min_value=0, max_value=2**62, required=False)
    failed = forms.RegexField(
        r"\A\d{1,18}(,\d{1,18})*\Z", max_length=20 * (MOST_NAMED + BATCH), required=False
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def verify_all(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_DOCUMENTS)
    seen = _seen(access)
    form = ProgressForm(request.POST)
    progress = _continued(seen, form) if request.method == "POST" and form.is_valid() else None
    context = {"progress": progress, "total": progress.total if progress else seen.count()}
    return respond(request, ALL, context | _certificate(now), parts=ALL_PARTS)


@never_cache
@require_POST
def verify(request: HttpRequest, reference: UUID) -> HttpResponse:
    """By the reference of its request, as on the document's own page."""
    access = access_of(request)
    access.demand(SEE_DOCUMENTS)
    rows = _seen(access).select_related("request__facility", "key")
    document = get_object_or_404(rows, request__reference=reference)
    context = {
        "document": document,
        "reference": reference,
        "problems": verification.verify(document),
        "checked_at": timezone.now(),
        "zone": document.request.facility.zone,
    }
    return respond(request, ONE, context, parts=ONE_PARTS)


def _seen(access: Access) -> SignedDocumentQuerySet:
    return SignedDocument.objects.visible_at(access.facility_ids)


def _continued(seen: SignedDocumentQuerySet, form: ProgressForm) -> Progress:
    """One batch more. What failed before is looked at again, so that the page names nothing that was only posted."""
    wish = form.cleaned_data
    last, before = wish["last"] or 0, [int(key) for key in wish["failed"].split(",") if key]
    batch = list(seen.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH])
    rows = seen.filter(pk__in=[*before, *batch]).select_related("request__facility", "customer")
    found = verification.verify_all(rows, seal=not wish["hashes_only"])
    return Progress(
        total=seen.count(),
        hashes_only=wish["hashes_only"],
        checked=(wish["checked"] or 0) + len(batch),
        last=batch[-1] if batch else last,
        failed=[(document, problems) for document, problems in found if problems],
        is_done=len(batch) < BATCH,
    )


def _certificate(now: datetime) -> dict[str, Any]:
    try:
        found = certificate.at_hand(now=now)
    except certificate.CertificateProblem as problem:
        return {"certificate_problem": str(problem)}
    return {"certificate": found, "expires_soon": found is not None and found.expires_soon(now)}
