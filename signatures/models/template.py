"""What can be signed: documents with versions, and what a program asks for."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from appointments.models import Facility, Program

BODY_LIMIT = 60_000
MOST_REMINDERS = 4


class DocumentKind(models.TextChoices):
    CONSENT = "consent", "Consent form"
    AGREEMENT = "agreement", "Program agreement"
    RELEASE = "release", "Release"
    PLAN = "plan", "Treatment or service plan"
    OTHER = "other", "Other"


class SignerRole(models.TextChoices):
    CUSTOMER = "customer", "Customer"
    SECOND = "second", "Guardian or second party"
    STAFF = "staff", "Staff member"


def only_customer() -> list[str]:
    return [SignerRole.CUSTOMER.value]


class DocumentTemplateQuerySet(models.QuerySet["DocumentTemplate"]):
    def visible_at(self, facilities: Iterable[Facility | int]) -> "DocumentTemplateQuerySet":
        """Those for all facilities, and those for any of these."""
        through = DocumentTemplate.facilities.through.objects
        theirs = through.filter(facility__in=list(facilities)).values("documenttemplate_id")
        some = through.values("documenttemplate_id")
        return self.filter(Q(pk__in=theirs) | ~Q(pk__in=some))


class DocumentTemplate(models.Model):
    """One document that people sign, whatever its version. What it says stands in its versions."""

    Kind = DocumentKind

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=DocumentKind)
    title = models.CharField(max_length=120, help_text="As the customer reads it.")
    facilities = models.ManyToManyField(
        Facility, related_name="document_templates", blank=True, help_text="None: all of them."
    )
    valid_months = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(120)],
        help_text="How long a signature satisfies a program; empty: for good.",
    )
    asks_birth_date = models.BooleanField(
        default=False, help_text="The customer has to give their birth date before they see it."
    )
    is_active = models.BooleanField(default=True, help_text="Clear to ask for it no more.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects = DocumentTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["title", "id"]
        verbose_name = "document template"

    def __str__(self) -> str:
        return self.title


class VersionQuerySet(models.QuerySet["TemplateVersion"]):
    def published(self) -> "VersionQuerySet":
        return self.filter(published_at__isnull=False)

    def current(self) -> "VersionQuerySet":
        """The latest published one of each template."""
        return self.published().order_by("template_id", "-number").distinct("template_id")


class TemplateVersion(models.Model):
    """What a document says: in markup (`signatures.markup`), or an uploaded PDF with fields placed on its pages.

    A draft may be edited; the database refuses to change or delete a published one. There is one draft of a template at most.
    `placements` are those of a PDF: a list of {"page": from 0, "x", "y", "width", "height": fractions of the page from its
    top left, "kind": text | tick | initials | date | name of a fact, "label", "is_required", "role"}.
    """

    class Source(models.TextChoices):
        MARKUP = "markup", "Written here"
        PDF = "pdf", "Uploaded PDF"

    template = models.ForeignKey(DocumentTemplate, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=6, choices=Source, default=Source.MARKUP)
    body = models.TextField(blank=True, max_length=BODY_LIMIT)
    pdf = models.BinaryField(null=True)
    pdf_name = models.CharField(max_length=120, blank=True)
    pdf_pages: Any = models.JSONField(
        default=list, blank=True, help_text="Of each page: width and height in points."
    )
    placements: Any = models.JSONField(default=list, blank=True)
    signers = ArrayField(
        models.CharField(max_length=8, choices=SignerRole), default=only_customer, help_text="In order."
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["template", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="templateversion_numbered"),
            models.UniqueConstraint(
                fields=["template"],
                condition=Q(published_at__isnull=True),
                name="templateversion_one_draft",
            ),
            models.CheckConstraint(
                condition=Q(published_at__isnull=True, published_by__isnull=True)
                | Q(published_at__isnull=False, published_by__isnull=False),
                name="templateversion_published_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(published_at__isnull=True)
                | (Q(source="markup", pdf__isnull=True) & ~Q(body=""))
                | Q(source="pdf", pdf__isnull=False),
                name="templateversion_says_something",
            ),
            models.CheckConstraint(
                condition=Q(signers__len__gte=1, signers__len__lte=3), name="templateversion_one_to_three"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template}, version {self.number}"

    @property
    def is_draft(self) -> bool:
        return self.published_at is None


class DocumentRequirement(models.Model):
    """A document that each appointment of a program needs signed."""

    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="document_requirements")
    template = models.ForeignKey(DocumentTemplate, on_delete=models.PROTECT, related_name="requirements")

    class Meta:
        ordering = ["program", "template__title"]
        constraints = [
            models.UniqueConstraint(fields=["program", "template"], name="documentrequirement_once")
        ]

    def __str__(self) -> str:
        return f"{self.program}: {self.template}"


def usual_reminders() -> list[int]:
    return [3, 1]


class SigningRules(models.Model):
    """How a program goes about its documents. One without a row has the defaults."""

    program = models.OneToOneField(Program, on_delete=models.CASCADE, related_name="signing_rules")
    sends_on_booking = models.BooleanField(
        default=False, help_text="Send what is missing as soon as an appointment is booked."
    )
    holds_arrival = models.BooleanField(
        default=False, help_text="Warn before somebody is marked as arrived who has not signed."
    )
    remind_days_before = ArrayField(
        models.PositiveSmallIntegerField(validators=[MaxValueValidator(60)]),
        default=usual_reminders,
        blank=True,
        size=MOST_REMINDERS,
        help_text="Days before the appointment, at 10:00 by the facility's clock.",
    )

    class Meta:
        verbose_name = "signing rules"
        verbose_name_plural = "signing rules"

    def __str__(self) -> str:
        return f"Signing rules of {self.program}"


class Disclosure(models.Model):
    """What somebody is told of electronic records before they agree to them (15 USC 7001(c)(1)). Append-only: new words are a
    further number; the highest of a language holds."""

    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    number = models.PositiveIntegerField()
    text = models.TextField(max_length=10_000)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["language", "-number"]
        constraints = [models.UniqueConstraint(fields=["language", "number"], name="disclosure_numbered")]

    def __str__(self) -> str:
        return f"Disclosure {self.number} ({self.language})"
