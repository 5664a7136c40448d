"""Time off: a staff member asks, a manager of one of the person's facilities enters or decides, either takes it back."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from appointments.access import ASK_TIME_OFF, DECIDE_TIME_OFF, SEE_HOURS, Access, access_of, staff_member_of
from appointments.models import StaffMember
from scheduling import staffing, words
from scheduling.forms.hours import ConfirmForm, DecisionForm, TimeOffForm
from scheduling.models import TimeOff
from scheduling.staffing import HoursRefused
from scheduling.views.answers import go
from scheduling.views.hours.changing import change, member_of, told
from scheduling.views.hours.person import show_change

FIELDS = ["first_day", "last_day", "starts", "ends", "reason"]


@require_http_methods(["GET", "POST"])
def time_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Who may decide enters; anyone else asks, and only for themselves."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS)
    staff = member_of(access, pk)
    enters = access.may(DECIDE_TIME_OFF)
    if not enters:
        _demand_own(request, access, staff)
    form = TimeOffForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        done = (
            _enter(request, form, access, staff, now) if enters else _ask(request, form, access, staff, now)
        )
        if done:
            return go(request, reverse("hours-person", args=[pk]), done)
    context: dict[str, Any] = {
        "form": form,
        "fields": FIELDS,
        "title": f"Time off for {staff}" if enters else "Ask for time off",
        "text": "Leave the times empty for whole days. It holds at every facility.",
        "back": reverse("hours-person", args=[pk]),
        "submit": "Save" if enters else "Ask",
        "may_check": enters,
    }
    return show_change(request, form, access, context)


def _demand_own(request: HttpRequest, access: Access, staff: StaffMember) -> None:
    access.demand(ASK_TIME_OFF)
    if staff_member_of(request.user) != staff:
        raise PermissionDenied("Only a manager enters time off for others.")


def _enter(
    request: HttpRequest, form: TimeOffForm, access: Access, staff: StaffMember, now: datetime
) -> str | None:
    reason = form.cleaned_data["reason"]
    what = {"staff": staff, "away": form.away, "reason": reason}
    review = change(request, form, access, now, staffing.enter_time_off, **what)
    return told("Time off entered.", review) if review else None


def _ask(
    request: HttpRequest, form: TimeOffForm, access: Access, staff: StaffMember, now: datetime
) -> str | None:
    try:
        staffing.ask_time_off(
            staff=staff,
            away=form.away,
            reason=form.cleaned_data["reason"],
            by=request.user,  # type: ignore[arg-type]
            now=now,
        )
    except HoursRefused as refusal:
        form.refuse(refusal, refusal.message)
        return None
    return "Asked. A manager decides; until then your hours stay as they are."


def _found(access: Access, pk: int) -> TimeOff:
    """Time off of somebody the user sees, or 404."""
    found = TimeOff.objects.select_related("staff", "requested_by__staff_member").filter(pk=pk).first()
    if found is None:
        raise Http404
    member_of(access, found.staff_id)
    return found


@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows whom the absence would strand, and approves or declines."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS, DECIDE_TIME_OFF)
    found = _found(access, pk)
    is_open = found.state == TimeOff.State.REQUESTED
    sent = request.POST if request.method == "POST" else {"check": "1", "decision": "approve"}
    form = DecisionForm(sent)
    is_due = form.is_valid() and (request.method == "POST" or is_open)
    if is_due and (done := _decide(request, form, access, found, now)):
        return go(request, reverse("hours"), done)
    context: dict[str, Any] = {
        "form": form,
        "fields": ["answer"] if is_open else [],
        "title": f"Time off for {found.staff}",
        "found": found,
        "text": words.away(found.first_day, found.last_day, found.starts, found.ends),
        "back": reverse("hours"),
        "decides": is_open,
    }
    return show_change(request, form, access, context)


def _decide(
    request: HttpRequest, form: DecisionForm, access: Access, found: TimeOff, now: datetime
) -> str | None:
    if form.cleaned_data["decision"] == "approve":
        review = change(request, form, access, now, staffing.approve, time_off=found)
        return told(f"Approved for {found.staff}.", review) if review else None
    try:
        staffing.decline(time_off=found, answer=form.cleaned_data["answer"], by=request.user, now=now)  # type: ignore[arg-type]
    except HoursRefused as refusal:
        form.refuse(refusal, refusal.message)
        return None
    return f"Declined for {found.staff}."


@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(SEE_HOURS)
    found = _found(access, pk)
    if not access.may(DECIDE_TIME_OFF):
        _demand_own(request, access, found.staff)
    back = reverse("hours-person", args=[found.staff_id])
    form = ConfirmForm(request.POST if request.method == "POST" else {"check": "1"})
    form.is_valid()
    review = change(request, form, access, now, staffing.withdraw, time_off=found)
    if review is not None:
        return go(request, back, told("Withdrawn.", review))
    context: dict[str, Any] = {
        "form": form,
        "fields": [],
        "title": f"Withdraw {found.staff}’s time off?",
        "text": words.away(found.first_day, found.last_day, found.starts, found.ends),
        "back": back,
        "submit": "" if form.errors else "Withdraw",
    }
    return show_change(request, form, access, context)
