from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q, QuerySet

from signatures import verification
from signatures.models import SignedDocument


class Command(BaseCommand):
    help = (
        "Check signed documents: that each copy opens and is byte for byte the one that was sealed, that its seal holds and "
        "covers the entire file, and that the evidence is unbroken. Names each that fails, and ends with exit code 1 if any does."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "references", nargs="*", type=UUID, metavar="REFERENCE", help="Of the documents; none means all."
        )
        parser.add_argument(
            "--hashes-only",
            action="store_true",
            help="Compare digests alone, which is faster: no seal is checked.",
        )

    def handle(self, *args: Any, references: list[UUID], hashes_only: bool, **options: Any) -> None:
        checked = failed = 0
        for document, problems in verification.verify_all(_wanted(references), seal=not hashes_only):
            checked += 1
            failed += bool(problems)
            if problems:
                self._name(document, problems)
        if failed:
            raise CommandError(f"{failed} of {checked} documents failed. They are named above.")
        how = "by digests alone" if hashes_only else "with seals"
        self.stdout.write(f"Checked {how}: {checked}. None failed.")

    def _name(self, document: SignedDocument, problems: list[str]) -> None:
        self.stdout.write(f"{document.reference} {document} (request {document.request.reference}):")
        for problem in problems:
            self.stdout.write(f"  {problem}")


def _wanted(references: list[UUID]) -> QuerySet[SignedDocument]:
    """Of these references, which may be the documents' own or their requests'; all for none. Raises CommandError."""
    if not references:
        return SignedDocument.objects.all()
    found = SignedDocument.objects.filter(Q(reference__in=references) | Q(request__reference__in=references))
    known = {one for pair in found.values_list("reference", "request__reference") for one in pair}
    if unknown := [str(one) for one in references if one not in known]:
        raise CommandError(f"There is no signed document {', '.join(unknown)}.")
    return found
