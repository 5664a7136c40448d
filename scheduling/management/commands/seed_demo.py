from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from scheduling.demo import people, seeding

SHOWN = ("amy", "dana", "naomi", "owen", "ines")


class Command(BaseCommand):
    help = "Load the sample organization, or bring its three weeks of appointments up to today."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--force",
            action="store_true",
            help="Load it even though the site is on https, where people work.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PUBLIC_BASE_URL.startswith("https://") and not options["force"]:
            raise CommandError(
                "This site is on https: sample people with a known password do not belong there. "
                "Use --force if you are sure."
            )
        try:
            loaded = seeding.seed(now=timezone.now())
        except seeding.NameTaken as error:
            raise CommandError(f"{error} Load the sample organization into an empty database.") from error
        self.stdout.write(_summary(loaded))
        self.stdout.write(_sign_ins())


def _summary(loaded: seeding.Loaded) -> str:
    if not loaded.days:
        return "The sample organization is up to date."
    return (
        f"Loaded {loaded.appointments} appointments from {loaded.days[0]:%B %-d} to {loaded.days[-1]:%B %-d}; "
        f"{loaded.stranded} wait for reassignment."
    )


def _sign_ins() -> str:
    colleagues = {colleague.username: colleague for colleague in people.STAFF}
    rows = [("Role", "Name", "User name", "Password")]
    for username in SHOWN:
        colleague = colleagues[username]
        rows.append((colleague.role.label, colleague.name, username, people.PASSWORD))  # type: ignore[attr-defined]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    address = (
        f"Sign in at {settings.PUBLIC_BASE_URL}/schedule/ (administration: {settings.PUBLIC_BASE_URL}/admin/)"
    )
    return "\n".join(["", *lines, "", address])
