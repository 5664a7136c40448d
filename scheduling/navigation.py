"""The staff bar: where this user may go, with counts of what needs a person."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.text import capfirst

from appointments.access import (
    HAVE_CALENDARS,
    SEE_CALENDARS,
    SEE_CUSTOMERS,
    SEE_DOCUMENTS,
    SEE_HOURS,
    SEE_MESSAGES,
    SEE_SCHEDULE,
    Access,
    access_of,
    belongs_to_staff,
    staff_member_of,
)
from appointments.branding import brand
from calendarsync import overview
from reminders import attention
from signatures import attention as documents


@dataclass(frozen=True)
class Item:
    label: str
    url: str
    is_current: bool = False
    count: int = 0
    count_title: str = ""


@dataclass(frozen=True)
class Navigation:
    who: str
    items: list[Item]
    account: list[Item]


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Worked out only where a template shows the bar."""
    return {"navigation": SimpleLazyObject(lambda: _navigation(request))}


def _navigation(request: HttpRequest) -> Navigation | None:
    """None for a signed-in customer, whom a staff page such as the sign-in may have to face."""
    if not belongs_to_staff(request.user):
        return None
    access = access_of(request)
    staff = staff_member_of(request.user)
    who = f"{staff.get_role_display()} · {staff.display_name}" if staff else request.user.get_username()
    account = [Item("Your account", reverse("account"))]
    if request.user.is_superuser or (staff and staff.role == "administrator"):
        account.append(Item("Administration", reverse("admin:index")))
    return Navigation(who=who, items=_items(request, access), account=account)


def _items(request: HttpRequest, access: Access) -> list[Item]:
    here = (request.resolver_match.url_name if request.resolver_match else None) or ""
    items = []
    counts = _counts(access)
    if access.may(SEE_SCHEDULE):
        items.append(Item("Schedule", reverse("schedule"), here == "schedule"))
        items.append(
            Item(
                "Reassignment",
                reverse("reassignment"),
                here == "reassignment",
                counts.stranded,
                "waiting to be reassigned",
            )
        )
    if access.may(SEE_CUSTOMERS):
        items.append(
            Item(capfirst(brand().customers), reverse("customers"), here in ("customers", "customer"))
        )
    if access.may(SEE_MESSAGES):
        page = "messages-attention" if counts.messages else "messages"
        items.append(
            Item("Messages", reverse(page), here.startswith("message"), counts.messages, "need a person")
        )
    if access.may(SEE_DOCUMENTS):
        is_here = here.startswith("document") or here in ("customer-documents", "program-documents")
        items.append(Item("Documents", reverse("documents"), is_here, counts.documents, "need somebody"))
    if access.may(SEE_HOURS):
        items.append(Item("Work hours", reverse("hours"), here.startswith("hours")))
    if access.may(HAVE_CALENDARS) or access.may(SEE_CALENDARS):
        items.append(
            Item(
                "Calendars",
                reverse("calendars"),
                here.startswith("calendar"),
                counts.calendars,
                "stopped, or could not be written",
            )
        )
    return items


@dataclass(frozen=True)
class Counts:
    stranded: int
    messages: int
    calendars: int
    documents: int


_STRANDED = """
(SELECT count(*)
   FROM appointments_appointment
  WHERE status = 'pending_reassignment' AND facility_id = ANY(%(facilities)s))
"""


def _counts(access: Access) -> Counts:
    """What waits at this user's facilities, in one statement: every page shows it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_STRANDED}, {attention.COUNT}, {overview.COUNT}, {documents.COUNT}",
            {**attention.bounds(access), **overview.bounds(access), **documents.bounds(access)},
        )
        return Counts(*cursor.fetchone())
