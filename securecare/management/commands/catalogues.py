from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from securecare import catalogues


class Command(BaseCommand):
    help = "Bring the catalogues of translated text in line with the source, and compile them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--language", default="", help="one alone, such as es; else all of settings.LANGUAGES"
        )

    def handle(self, *, language: str, **options: Any) -> None:
        known = catalogues.languages()
        if language and language not in known:
            raise CommandError(
                f"Add {language} to LANGUAGES in securecare/settings.py first. There: {', '.join(known)}."
            )
        for code in [language] if language else known:
            catalog = catalogues.renew(code, now=timezone.now())
            missing = catalogues.untranslated(catalog)
            state = (
                f"{len(missing)} to translate in {catalogues.po_file(code)}" if missing else "all translated"
            )
            self.stdout.write(f"{code}: {len(list(catalogues.texts(catalog)))} texts, {state}.")
