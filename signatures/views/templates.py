"""The documents that people sign: written or uploaded, published, and asked for by programs."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Prefetch
from django.forms import BaseFormSet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments.access import CHANGE_DOCUMENTS, Access, access_of
from appointments.models import Facility, Program
from securecare.parts import respond
from signatures import editing, facts, markup, uploads
from signatures.editing import EditRefused
from signatures.fields import Field
from signatures.forms import (
    AboutForm,
    BodyForm,
    PlacementFormSet,
    ProgramForm,
    SignersForm,
    UploadForm,
    covers_all,
    entered,
    placements_of,
    roles,
)
from signatures.models import DocumentRequirement, DocumentTemplate, SigningRules, TemplateVersion

LIST = "signatures/templates.html"
ABOUT = "signatures/template_about.html"
TEMPLATE = "signatures/template.html"
PROGRAM = "signatures/template_program.html"
SPECIMEN = "signatures/_template_field.html"
PARTS = {"template-preview": "signatures/_template_preview.html"}
IMAGE_WIDTH = 1_000
Source = TemplateVersion.Source


@require_safe
def templates(request: HttpRequest) -> HttpResponse:
    access = _access(request)
    versions = TemplateVersion.objects.defer("body", "pdf").select_related("published_by")
    found = (
        DocumentTemplate.objects.visible_at(access.facility_ids)
        .prefetch_related("facilities", Prefetch("versions", versions))
        .annotate(programs=Count("requirements"))
        .order_by("-is_active", "title", "pk")
    )
    context = {"rows": [_row(template) for template in found], "programs": _by_facility(access)}
    return render(request, LIST, context)


def _row(template: DocumentTemplate) -> dict[str, Any]:
    versions = list(template.versions.all())
    published = [version for version in versions if not version.is_draft]
    draft = next((version for version in versions if version.is_draft), None)
    return {"template": template, "current": published[0] if published else None, "draft": draft}


def _by_facility(access: Access) -> list[tuple[Facility, list[Program]]]:
    wanted = DocumentRequirement.objects.filter(template__is_active=True).select_related("template")
    seen = Program.objects.filter(facility__in=access.facility_ids, is_active=True).order_by("name", "pk")
    programs = list(seen.prefetch_related(Prefetch("document_requirements", wanted)))
    at = {
        facility: [program for program in programs if program.facility_id == facility.pk]
        for facility in access.facilities
    }
    return [(facility, theirs) for facility, theirs in at.items() if theirs]


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    access = _access(request)
    form = AboutForm(request.POST or None, access=access)
    if request.method == "POST" and form.is_valid():
        version = editing.create(by=access.user, now=timezone.now(), **form.cleaned_data)
        messages.success(request, f"Added: {version.template}. Write it, or upload a PDF; then publish it.")
        return redirect("document-template", version.template.reference)
    return render(request, ABOUT, {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def about(request: HttpRequest, reference: UUID) -> HttpResponse:
    access = _access(request)
    template = _template(access, reference, to_change=True)
    form = AboutForm(request.POST or None, access=access, template=template)
    if request.method == "POST" and form.is_valid():
        try:
            editing.change(template=template, by=access.user, now=timezone.now(), **form.cleaned_data)
        except EditRefused as refusal:
            form.add_error("title", refusal.problems)
        else:
            messages.success(request, "Saved.")
            return redirect("document-template", reference)
    context = {"form": form, "template": template}
    return render(request, ABOUT, context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def template(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Its draft to be edited, or else the version that holds; `?version=` for an earlier one."""
    access = _access(request)
    if request.method == "POST":
        return _saved(request, access, _template(access, reference, to_change=True))
    found = _template(access, reference)
    return _show(request, access, found, _version(found, request.GET.get("version", "")))


def _saved(request: HttpRequest, access: Access, template: DocumentTemplate) -> HttpResponse:
    entry = Entry(request, _draft(template))
    if entry.save(access) is None:
        return _show(request, access, template, entry.version, entry=entry)
    messages.success(request, "Saved. Nobody is asked to sign it until it is published.")
    return redirect("document-template", template.reference)


@require_POST
def preview(request: HttpRequest, reference: UUID) -> HttpResponse:
    """What is entered as it would look, and what has to be changed. Nothing is kept."""
    access = _access(request)
    found = _template(access, reference, to_change=True)
    entry = Entry(request, _draft(found))
    return _show(request, access, found, entry.as_entered(), entry=entry, status=200)


@require_POST
def publish(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Keep what is entered, and have people sign this from now on."""
    access = _access(request)
    found = _template(access, reference, to_change=True)
    entry = Entry(request, _draft(found))
    saved = entry.save(access)
    if saved is None:
        return _show(request, access, found, entry.version, entry=entry)
    try:
        editing.publish(version=saved, by=access.user, now=timezone.now(), seen=editing.stamp(saved))
    except EditRefused as refusal:
        entry = Entry(None, saved, refused=refusal.problems)
        return _show(request, access, found, saved, entry=entry)
    messages.success(request, f"Published. From now on people are asked to sign version {saved.number}.")
    return redirect("document-template", reference)


@require_POST
def draft(request: HttpRequest, reference: UUID) -> HttpResponse:
    access = _access(request)
    found = _template(access, reference, to_change=True)
    editing.draft(template=found, by=access.user, now=timezone.now())
    return redirect("document-template", reference)


@require_POST
def upload(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Have a PDF be the draft, or with `written` what is written here again."""
    access = _access(request)
    found = _template(access, reference, to_change=True)
    version = _draft(found)
    form = UploadForm(request.POST, request.FILES)
    try:
        if "written" in request.POST:
            editing.write(version=version, by=access.user)
        elif form.is_valid():
            _take(form, version, access)
        else:
            return _show(request, access, found, version, upload=form, status=422)
    except EditRefused as refusal:
        form.is_valid()
        form.add_error("pdf", refusal.problems)
        return _show(request, access, found, version, upload=form, status=422)
    return redirect("document-template", reference)


def _take(form: UploadForm, version: TemplateVersion, access: Access) -> None:
    file = form.cleaned_data["pdf"]
    if file.size > uploads.MOST_BYTES:
        raise EditRefused(uploads.TOO_LARGE)
    editing.upload(version=version, data=file.read(), name=file.name, by=access.user)


@require_safe
@cache_control(private=True, max_age=3600)
def page(request: HttpRequest, reference: UUID, version: int, page: int) -> HttpResponse:
    """A page of an uploaded PDF as an image. Its address names the PDF by a digest, so that it may be kept."""
    access = _access(request)
    found = get_object_or_404(
        TemplateVersion, template=_template(access, reference), number=version, pdf__isnull=False
    )
    try:
        image = uploads.page_image(bytes(found.pdf or b""), page, width=IMAGE_WIDTH)
    except IndexError as error:
        raise Http404 from error
    return HttpResponse(image, content_type="image/png")


@require_http_methods(["GET", "POST"])
def program(request: HttpRequest, program: int) -> HttpResponse:
    """Which documents its appointments need, and how it goes about them."""
    access = _access(request)
    found = get_object_or_404(
        Program.objects.select_related("facility"), pk=program, facility__in=access.facility_ids
    )
    offered = _offered(found)
    form = ProgramForm(
        request.POST if request.method == "POST" else None,
        offered=offered,
        wanted=DocumentRequirement.objects.filter(program=found).values_list("template_id", flat=True),
        rules=SigningRules.objects.filter(program=found).first() or SigningRules(program=found),
    )
    if request.method == "POST" and form.is_valid():
        editing.ask_for(
            program=found,
            templates=form.cleaned_data["templates"],
            among=offered,
            rules=form.rules,
            by=access.user,
            now=timezone.now(),
        )
        messages.success(request, f"Saved. It holds for the appointments ahead of {found}.")
        return redirect("program-documents", found.pk)
    context = {"form": form, "program": found}
    return render(request, PROGRAM, context, status=422 if form.errors else 200)


def _offered(program: Program) -> Any:
    """Documents for its facility. Those without a published version are asked for as soon as they have one."""
    seen = DocumentTemplate.objects.visible_at([program.facility_id])
    return seen.filter(is_active=True).order_by("title", "pk")


class Entry:
    """What somebody has entered for a draft: its text, or what is placed on its PDF."""

    def __init__(
        self, request: HttpRequest | None, version: TemplateVersion, *, refused: list[str] | None = None
    ) -> None:
        data = request.POST if request is not None else None
        self.version = version
        self.problems = refused or []
        self.seen = data.get("seen") if data is not None else editing.stamp(version)
        self.is_pdf = version.source == Source.PDF
        form = SignersForm if self.is_pdf else BodyForm
        self.form: Any = form(data, version=version)
        self.placed: BaseFormSet | None = None
        if self.is_pdf:
            initial = [entered(placement) for placement in version.placements]
            self.placed = PlacementFormSet(data, initial=initial, prefix="p")

    @property
    def is_valid(self) -> bool:
        is_placed = self.placed is None or self.placed.is_valid()
        return bool(self.form.is_valid() and is_placed)

    def save(self, access: Access) -> TemplateVersion | None:
        """The draft as it is now; None where something has to be changed first."""
        if not self.is_valid:
            return None
        try:
            return self._save(access)
        except EditRefused as refusal:
            self.problems = refusal.problems
            return None

    def _save(self, access: Access) -> TemplateVersion:
        said = {"version": self.version, "signers": self.form.signers, "by": access.user, "seen": self.seen}
        if self.placed is not None:
            return editing.place(placements=placements_of(self.placed), **said)
        return editing.save_draft(body=self.form.cleaned_data["body"], **said)

    def as_entered(self) -> TemplateVersion:
        """The draft as it would be, as far as it can be read; for showing only."""
        is_valid, shown = self.is_valid, self.version
        shown.signers = self.form.signers
        if self.placed is not None and is_valid:
            shown.placements = placements_of(self.placed)
        if self.placed is None:
            shown.body = self.form.cleaned_data.get("body", "")
        return shown


def _show(
    request: HttpRequest,
    access: Access,
    template: DocumentTemplate,
    version: TemplateVersion,
    *,
    entry: Entry | None = None,
    upload: UploadForm | None = None,
    status: int | None = None,
) -> HttpResponse:
    may_change = _may_change(access, template)
    if entry is None and version.is_draft and may_change:
        entry = Entry(None, version)
    versions = template.versions.defer("body", "pdf").select_related("published_by__staff_member")
    context = {
        "template": template,
        "version": version,
        "versions": list(versions),
        "may_change": may_change,
        "entry": entry,
        "upload": upload or UploadForm(),
        "known": facts.KNOWN.values(),
        "roles": roles(),
        **_shown(version),
    }
    if status is None:
        status = 422 if entry is not None and request.method == "POST" else 200
    return respond(request, TEMPLATE, context, parts=PARTS, status=status)


def _shown(version: TemplateVersion) -> dict[str, Any]:
    """As somebody with the example's name would read it."""
    if version.source == Source.PDF:
        pages = [
            {
                "number": number,
                "size": size,
                "placed": [entered(place) for place in version.placements if place["page"] == number],
            }
            for number, size in enumerate(version.pdf_pages)
        ]
        return {"pages": pages, "problems": editing.problems(version), "stamp": editing.pdf_stamp(version)}
    shown = markup.render(version.body, facts=facts.EXAMPLES, draw=_specimen)
    return {"shown": shown, "problems": editing.problems(version) if version.is_draft else []}


def _specimen(field: Field) -> str:
    return render_to_string(SPECIMEN, {"field": field, "role": dict(roles())[field.role]})


def _access(request: HttpRequest) -> Access:
    access = access_of(request)
    access.demand(CHANGE_DOCUMENTS)
    return access


def _template(access: Access, reference: UUID, *, to_change: bool = False) -> DocumentTemplate:
    """One for their facilities, or 404. Changing takes all facilities it is for."""
    seen = DocumentTemplate.objects.visible_at(access.facility_ids).prefetch_related("facilities")
    found: DocumentTemplate = get_object_or_404(seen, reference=reference)
    if to_change and not _may_change(access, found):
        raise Http404
    return found


def _may_change(access: Access, template: DocumentTemplate) -> bool:
    theirs = {facility.pk for facility in template.facilities.all()}
    return theirs <= access.facility_ids if theirs else covers_all(access)


def _version(template: DocumentTemplate, number: str) -> TemplateVersion:
    """That number, or else the draft, or else the one that holds."""
    rows = template.versions.select_related("template").order_by("-number")
    if number:
        found = rows.filter(number=int(number)).first() if number.isdecimal() else None
    else:
        found = rows.first()
    if found is None:
        raise Http404
    return found


def _draft(template: DocumentTemplate) -> TemplateVersion:
    """What is being edited. Without one it was published meanwhile: verbs say so."""
    return _version(template, "")
