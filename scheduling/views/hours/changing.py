"""From a form to a change of hours and back: errors beside fields, the effect to agree to, or what was done."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest

from appointments.access import Access, staff_member_of
from appointments.models import Appointment, StaffMember
from scheduling.forms.hours import HoursForm
from scheduling.reassignment import Review
from scheduling.staffing import HoursRefused, WouldStrand

ELSEWHERE = "They work at another facility then. Ask a manager there, or change these hours."
MOST_SHOWN = 20


def change(
    request: HttpRequest,
    form: HoursForm,
    access: Access,
    now: datetime,
    verb: Callable[..., Review],
    **what: Any,
) -> Review | None:
    """The review of what was done; None when the form must be shown again, with its errors or with the effect."""
    try:
        review = verb(
            **what, by=request.user, now=now, agreed=form.cleaned_data["agreed"], preview=form.is_check
        )
    except HoursRefused as refusal:
        form.refuse(refusal, message_of(refusal, access))
    except WouldStrand as would:
        form.effect = would.review
    else:
        if not form.is_check:
            return review
        form.effect = review
    return None


def message_of(refusal: HoursRefused, access: Access) -> str:
    """Never the name of a facility the user does not belong to."""
    hidden = refusal.facility is not None and not access.sees(refusal.facility.pk)
    return ELSEWHERE if hidden else refusal.message


def effect_of(form: HoursForm, access: Access) -> dict[str, Any]:
    """What the page tells of the effect: those the user may see by name, the others by number."""
    review = form.effect
    if review is None:
        return {"effect": None}
    seen = [appointment for appointment in by_time(review.stranded) if access.sees(appointment.facility_id)]
    return {
        "effect": {
            "stranded": seen[:MOST_SHOWN],
            "more": len(seen) - len(seen[:MOST_SHOWN]),
            "elsewhere": len(review.stranded) - len(seen),
            "count": len(review.stranded),
            "restored": len(review.restored),
            "is_check": form.is_check,
        }
    }


def by_time(appointments: list[Appointment]) -> list[Appointment]:
    return sorted(appointments, key=lambda appointment: (appointment.starts_at, appointment.pk))


def told(text: str, review: Review) -> str:
    """What was done, and what became of appointments."""
    parts = [text]
    if count := len(review.stranded):
        parts.append(
            f"{count} {'appointment waits' if count == 1 else 'appointments wait'} for reassignment."
        )
    if count := len(review.restored):
        parts.append(f"{count} {'appointment is' if count == 1 else 'appointments are'} back on schedule.")
    return " ".join(parts)


def member_of(access: Access, pk: int) -> StaffMember:
    """An active staff member of one of the user's facilities, or the user's own person; else 404."""
    own = staff_member_of(access.user)
    if own is not None and own.pk == pk:
        return own
    there = StaffMember.facilities.through.objects.filter(facility__in=access.facility_ids)
    found = StaffMember.objects.filter(is_active=True, pk__in=there.values("staffmember_id"), pk=pk).first()
    if found is None:
        raise Http404
    return found
