"""Writing the documents that people sign. A draft is edited; publishing freezes it, and whatever was signed stays as it is.

Who changed what is kept in the admin's history of the document. Whoever edits says what they had before them (`seen`): two
people at one draft do not undo each other's work.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction

from appointments.models import Facility, Program
from signatures import attaching, facts, fields, markup, requests, uploads
from signatures.models import (
    DocumentRequirement,
    DocumentTemplate,
    SignerRole,
    SigningRules,
    TemplateVersion,
)

Source = TemplateVersion.Source
FIRST_WORDS = """# What this is about

I, {customer_name}, agree to …

[[tick*: I have read this and could ask questions]]
"""
# Each is ten fields of a form, of which Django takes a thousand.
MOST_PLACED = 80
LEAST_SIDE = 0.005


class EditRefused(Exception):
    """`problems`: what has to be changed first, in the words of whoever has to change it."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


CHANGED_MEANWHILE = "Somebody else changed this draft meanwhile. Look at theirs, and enter yours again."


def stamp(version: TemplateVersion) -> str:
    """Differs for each state of a draft."""
    parts = [version.number, version.source, version.body, version.signers, version.placements]
    said = json.dumps([*parts, pdf_stamp(version)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:20]


def pdf_stamp(version: TemplateVersion) -> str:
    """Differs for each uploaded PDF."""
    return hashlib.sha256(bytes(version.pdf or b"")).hexdigest()[:20]


@transaction.atomic
def create(*, by: User, now: datetime, facilities: Iterable[Facility], **about: Any) -> TemplateVersion:
    """A new document, and its first draft. `about` are the fields of DocumentTemplate that people fill in."""
    template = DocumentTemplate.objects.create(created_at=now, created_by=by, **about)
    template.facilities.set(facilities)
    _record(template, ADDITION, "Added.", by)
    return TemplateVersion.objects.create(
        template=template, number=1, body=FIRST_WORDS, created_at=now, created_by=by
    )


@transaction.atomic
def change(
    *, template: DocumentTemplate, by: User, now: datetime, facilities: Iterable[Facility], **about: Any
) -> None:
    """What it is called, where it is used, how long a signature holds. Raises EditRefused."""
    kept = DocumentTemplate.objects.select_for_update().get(pk=template.pk)
    if about.get("title", kept.title) != kept.title and kept.requests.exists():
        raise EditRefused(
            "People were asked to sign it under its present title. Make a new document for another one."
        )
    before = kept.is_active
    for name, value in about.items():
        setattr(kept, name, value)
    kept.save()
    kept.facilities.set(facilities)
    _record(kept, CHANGE, "Changed what it is called, where it is used or how long it holds.", by)
    if kept.is_active != before:
        _let_programs_follow(kept, now=now)


@transaction.atomic
def draft(*, template: DocumentTemplate, by: User, now: datetime) -> TemplateVersion:
    """The one that is being edited, or a new one that says what the latest says."""
    DocumentTemplate.objects.select_for_update().get(pk=template.pk)
    latest = TemplateVersion.objects.filter(template=template).order_by("-number").first()
    if latest is not None and latest.is_draft:
        return latest
    copied = ("source", "body", "pdf", "pdf_name", "pdf_pages", "placements", "signers")
    said = {name: getattr(latest, name) for name in copied} if latest else {}
    number = latest.number + 1 if latest else 1
    return TemplateVersion.objects.create(
        template=template, number=number, created_at=now, created_by=by, **said
    )


@transaction.atomic
def save_draft(
    *, version: TemplateVersion, body: str, signers: list[str], by: User, seen: str | None = None
) -> TemplateVersion:
    """What it says, and who signs it in which order. Raises EditRefused."""
    kept = _draft(version, seen)
    kept.body, kept.signers = body.replace("\r\n", "\n"), signers
    return _save(kept, "Edited", by)


@transaction.atomic
def upload(*, version: TemplateVersion, data: bytes, name: str, by: User) -> TemplateVersion:
    """Have this PDF be the document. What was placed on pages it still has stays. Raises EditRefused."""
    kept = _draft(version)
    try:
        pages = uploads.inspect(data)
    except uploads.UploadRefused as refusal:
        raise EditRefused(refusal.text) from refusal
    kept.source, kept.pdf, kept.pdf_name = Source.PDF, data, name[-120:]
    kept.pdf_pages = [asdict(page) for page in pages]
    kept.placements = [place for place in kept.placements if place["page"] < len(pages)]
    return _save(kept, "Uploaded a PDF for", by)


@transaction.atomic
def write(*, version: TemplateVersion, by: User) -> TemplateVersion:
    """Write it here again, instead of uploading it."""
    kept = _draft(version)
    kept.source, kept.pdf, kept.pdf_name, kept.pdf_pages, kept.placements = Source.MARKUP, None, "", [], []
    return _save(kept, "Took the PDF out of", by)


@transaction.atomic
def place(
    *,
    version: TemplateVersion,
    placements: list[dict[str, Any]],
    signers: list[str],
    by: User,
    seen: str | None = None,
) -> TemplateVersion:
    """What is filled in, and where on the pages. Raises EditRefused."""
    kept = _draft(version, seen)
    if problems := placing_problems(placements, pages=len(kept.pdf_pages)):
        raise EditRefused(*problems)
    kept.placements = sorted(placements, key=lambda at: (at["page"], round(at["y"], 2), at["x"]))
    kept.signers = signers
    return _save(kept, "Placed fields on", by)


@transaction.atomic
def publish(*, version: TemplateVersion, by: User, now: datetime, seen: str | None = None) -> TemplateVersion:
    """Freeze it: from now on it is what people are asked to sign, but who was sent an earlier one. Raises EditRefused."""
    kept = _draft(version, seen)
    if found := problems(kept):
        raise EditRefused(*found)
    kept.published_at, kept.published_by = now, by
    kept.save(update_fields=["published_at", "published_by"])
    _record(kept.template, CHANGE, f"Published version {kept.number}.", by)
    requests.renew(version=kept, by=by, now=now)
    _let_programs_follow(kept.template, now=now)
    return kept


def problems(version: TemplateVersion) -> list[str]:
    """What has to be changed before it can be published."""
    if version.source == Source.PDF:
        found = [] if version.pdf else ["Upload a PDF."]
        found += placing_problems(version.placements, pages=len(version.pdf_pages))
    else:
        found = markup.problems(version.body)
    return found or [*_signer_problems(version.signers), *_role_problems(version)]


def _signer_problems(signers: list[str]) -> list[str]:
    if not signers or len(set(signers)) != len(signers):
        return ["Choose who signs, each of them once."]
    return []


def _role_problems(version: TemplateVersion) -> list[str]:
    """Fields that nobody would be asked for."""
    asked = {field.role for field in fields.of(version)} - set(version.signers)
    return [
        f"There is a field for the {SignerRole(role).label.lower()}, who does not sign. Add them, or leave it out."
        for role in sorted(asked)
    ]


def placing_problems(placements: list[dict[str, Any]], *, pages: int) -> list[str]:
    if len(placements) > MOST_PLACED:
        return [f"Leave out some fields: {MOST_PLACED} are the most."]
    known = {*fields.KINDS, *facts.KNOWN}
    found = []
    for at in placements:
        label = at["label"] or "A field"
        if at["kind"] not in known or at["role"] not in SignerRole.values:
            found.append(f"{label}: choose what it is for.")
        elif at["kind"] in fields.KINDS and not at["label"].strip():
            found.append("Say beside each field what is to be filled in.")
        elif not 0 <= at["page"] < pages:
            found.append(f"{label}: there is no page {at['page'] + 1}.")
        elif not _is_within(at):
            found.append(f"{label}: it does not lie on the page.")
    return list(dict.fromkeys(found))


def _is_within(at: Mapping[str, Any]) -> bool:
    starts = 0 <= at["x"] < 1 and 0 <= at["y"] < 1
    ends = at["x"] + at["width"] <= 1.0001 and at["y"] + at["height"] <= 1.0001
    return bool(starts and ends and at["width"] >= LEAST_SIDE and at["height"] >= LEAST_SIDE)


@transaction.atomic
def ask_for(
    *,
    program: Program,
    templates: Iterable[DocumentTemplate],
    among: Iterable[DocumentTemplate],
    rules: Mapping[str, Any],
    by: User,
    now: datetime,
) -> None:
    """Have each appointment of the program need these documents, of those that may be chosen (`among`), and go about them by
    these rules. Appointments ahead follow."""
    wanted = {template.pk for template in templates}
    theirs = DocumentRequirement.objects.filter(program=program, template__in=[each.pk for each in among])
    theirs.exclude(template__in=wanted).delete()
    for template in wanted - set(theirs.values_list("template_id", flat=True)):
        DocumentRequirement.objects.create(program=program, template_id=template)
    SigningRules.objects.update_or_create(program=program, defaults=dict(rules))
    LogEntry.objects.log_actions(by.pk, [program], CHANGE, "Changed its documents.", single_object=True)
    attaching.program_changed(program, now=now)


def _draft(version: TemplateVersion, seen: str | None = None) -> TemplateVersion:
    """As it is now, under lock. Raises EditRefused for one that was published, or changed since it was seen."""
    rows = TemplateVersion.objects.select_for_update(of=("self",)).select_related("template")
    kept = rows.get(pk=version.pk)
    if not kept.is_draft:
        raise EditRefused("This version was published meanwhile and stays as it is. Make a new draft.")
    if seen is not None and seen != stamp(kept):
        raise EditRefused(CHANGED_MEANWHILE)
    return kept


def _save(version: TemplateVersion, doing: str, by: User) -> TemplateVersion:
    version.save()
    _record(version.template, CHANGE, f"{doing} the draft of version {version.number}.", by)
    return version


def _let_programs_follow(template: DocumentTemplate, *, now: datetime) -> None:
    for program in Program.objects.filter(document_requirements__template=template).order_by("pk"):
        attaching.program_changed(program, now=now)


def _record(template: DocumentTemplate, flag: int, message: str, by: User) -> None:
    LogEntry.objects.log_actions(by.pk, [template], flag, message, single_object=True)
