"""What was signed: sealed PDFs, locked for good, and the work of sealing them."""

import uuid
from collections.abc import Iterable

from django.db import models
from django.db.models import Q

from appointments.models import Appointment, Customer, Facility
from securecare.outbox import OutboxRow
from signatures.models.request import SignatureRequest
from signatures.models.template import TemplateVersion


class SignedDocumentQuerySet(models.QuerySet["SignedDocument"]):
    def visible_at(self, facilities: Iterable[Facility | int]) -> "SignedDocumentQuerySet":
        return self.filter(request__facility__in=list(facilities))


class SignedDocument(models.Model):
    """The sealed copy, written once: the database refuses UPDATE and DELETE.

    `content` is the PDF under a key of its own (`signatures.vault`), which is sealed in DocumentKey: so keys can be rotated while
    this row stays. `shown_sha256` is that of what its signers were shown, `sealed_sha256` that of the PDF; `evidence_digest`
    is the last link of the evidence chain that the PDF prints.
    """

    reference = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    request = models.OneToOneField(SignatureRequest, on_delete=models.PROTECT, related_name="document")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="signed_documents")
    appointment = models.ForeignKey(
        Appointment, on_delete=models.PROTECT, null=True, blank=True, related_name="signed_documents"
    )
    version = models.ForeignKey(TemplateVersion, on_delete=models.PROTECT, related_name="signed_documents")
    title = models.CharField(max_length=120)
    signed_at = models.DateTimeField()
    sealed_at = models.DateTimeField()
    valid_until = models.DateField(null=True, blank=True, help_text="The last day it satisfies a program.")
    shown_sha256 = models.BinaryField(max_length=32)
    sealed_sha256 = models.BinaryField(max_length=32)
    evidence_digest = models.BinaryField(max_length=32)
    certificate_sha256 = models.BinaryField(max_length=32)
    is_timestamped = models.BooleanField(default=False)
    size = models.PositiveIntegerField(help_text="Of the PDF, in bytes.")
    content = models.BinaryField()
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by"
    )

    objects = SignedDocumentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.title}, signed {self.signed_at:%Y-%m-%d}"


class DocumentKey(models.Model):
    """The key to one signed document, sealed under the key ring. It may be sealed anew, and is deleted never."""

    document = models.OneToOneField(SignedDocument, on_delete=models.PROTECT, related_name="key")
    ciphertext = models.BinaryField()
    salt = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16, db_index=True)

    def __str__(self) -> str:
        return f"Key of document {self.document_id}"


class Sealing(OutboxRow):
    """The outbox of sealing: one row for each request that everybody has signed."""

    request = models.OneToOneField(SignatureRequest, on_delete=models.PROTECT, related_name="sealing")
    created_at = models.DateTimeField()

    class Meta(OutboxRow.Meta):
        ordering = ["-id"]
        indexes = [
            *OutboxRow.Meta.indexes,
            models.Index(
                fields=["created_at"], name="sealing_unsettled", condition=~Q(state__in=["done", "closed"])
            ),
        ]
        constraints = [*OutboxRow.Meta.constraints]

    def __str__(self) -> str:
        return f"Sealing of {self.request_id}"
