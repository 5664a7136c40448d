from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, Customer
from scheduling.demo import people, seeding

SHOWN = ("amy", "dana", "marcus", "naomi", "owen", "ines")


class Command(BaseCommand):
    help = "Load the sample organization, or bring its three weeks of appointments up to today."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--force",
            action="store_true",
            help="Load it even though the site is on https, where people work.",
        )
        parser.add_argument(
            "--calendar-server",
            default="",
            metavar="ADDRESS",
            help="Connect calendars of sample people there; it may start later.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PUBLIC_BASE_URL.startswith("https://") and not options["force"]:
            raise CommandError(
                "This site is on https: sample people with a known password do not belong there. "
                "Use --force if you are sure."
            )
        try:
            now = timezone.now()
            loaded = seeding.seed(now=now, calendar_server=options["calendar_server"])
        except seeding.NameTaken as error:
            raise CommandError(f"{error} Load the sample organization into an empty database.") from error
        self.stdout.write(_summary(loaded))
        self.stdout.write(_sign_ins())
        self.stdout.write(_portal(now))


def _summary(loaded: seeding.Loaded) -> str:
    if not loaded.days:
        return "The sample organization is up to date."
    return (
        f"Loaded {loaded.appointments} appointments from {loaded.days[0]:%B %-d} to {loaded.days[-1]:%B %-d}; "
        f"{loaded.stranded} wait for reassignment."
    )


def _portal(now: datetime) -> str:
    portal = f"{settings.PUBLIC_BASE_URL}{reverse('portal-home')}"
    messages = f"{settings.PUBLIC_BASE_URL}{reverse('messages')}"
    lines = [
        "",
        f"Customers book at {portal} without an account.",
        f"What they are sent is read at {messages}, where its links can be followed (as amy or {people.ADMINISTRATOR}).",
    ]
    if customer := _somebody_expected(now):
        lines += [
            f"Their own pages: sign in there as {customer} with {customer.email}.",
            f"The code comes by message; only {people.ADMINISTRATOR} may read codes.",
        ]
    return "\n".join(lines)


def _somebody_expected(now: datetime) -> Customer | None:
    """A sample customer who can sign in and has appointments to see."""
    ahead = Appointment.objects.filter(customer=OuterRef("pk"), status="scheduled", starts_at__gt=now)
    ours = Customer.objects.filter(email__in=[served.email for served in people.CUSTOMERS]).exclude(email="")
    return ours.filter(Exists(ahead)).order_by("pk").first()


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
