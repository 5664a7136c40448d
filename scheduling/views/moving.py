"""Another time, length or staff member for an appointment: from the dialog, and from a drop on the grid."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from appointments.access import CHANGE_APPOINTMENT, Access, access_of
from appointments.models import Appointment, StaffMember
from scheduling import booking, words
from scheduling.booking import BookingRefused, ChangeRefused, StaleAppointment
from scheduling.forms import choices
from scheduling.forms.booking import MoveForm
from scheduling.forms.wall_time import instant_of, wall_values
from scheduling.rules import OVERRIDABLE
from scheduling.views.answers import appointment_of, done
from scheduling.views.appointment import context_of, show, told
from scheduling.views.offers import answer_of, with_taken
from securecare import localtime
from securecare.parts import respond, wants_part

PAGE = "scheduling/appointment.html"
PART = "scheduling/_appointment_move.html"
PARTS = {"appointment-move": PART, "move-answer": "scheduling/_move_check.html"}


@require_http_methods(["GET", "POST"])
def move(request: HttpRequest, reference: UUID) -> HttpResponse:
    """The form, its check and its submission; and, told apart by `starts_at`, a drop on the grid."""
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_APPOINTMENT)
    found = appointment_of(access, reference)
    if request.method == "GET":
        form = MoveForm(_first_values(request.GET, found), appointment=found, access=access, now=now)
        form.is_valid()
        return _show(request, form, is_calm=True)
    if "starts_at" in request.POST:
        return _drop(request, found, access, now)
    form = _read(request.POST, found, access, now)
    if _is_check(request) or "fill" in request.POST:
        return _show(request, form, is_calm=True)
    return _submit(request, form)


def _is_check(request: HttpRequest) -> bool:
    """Whether only the answer is asked for."""
    return request.headers.get("HX-Target") == "move-answer"


def _read(data: QueryDict, found: Appointment, access: Access, now: datetime) -> MoveForm:
    form = MoveForm(with_taken(data, found.facility.zone), appointment=found, access=access, now=now)
    form.is_valid()
    return form


def _first_values(asked: QueryDict, found: Appointment) -> QueryDict:
    """Where the appointment is, or the staff member and instant that the address suggests."""
    at = instant_of(asked.get("at", ""))
    data = QueryDict(mutable=True)
    data.update(wall_values(at or found.starts_at, found.facility.zone))
    data.update(
        {
            "staff": asked.get("staff") or str(found.staff_id),
            "minutes": str(found.minutes),
            "version": str(found.version),
        }
    )
    return data


def _submit(request: HttpRequest, form: MoveForm) -> HttpResponse:
    if not form.is_valid() or form.starts_at is None:
        return _show(request, form, code=422)
    before = Place.of(form.appointment)
    try:
        booking.reschedule(
            appointment=form.appointment,
            starts_at=form.starts_at,
            staff=form.cleaned_data["staff"],
            minutes=form.cleaned_data["minutes"],
            overrides=form.cleaned_data["overrides"],
            version=form.cleaned_data["version"],
            by=request.user,  # type: ignore[arg-type]
            now=form.now,
        )
    except StaleAppointment as stale:
        return _show_stale(request, form, stale.appointment)
    except ChangeRefused as refusal:
        current = appointment_of(form.access, form.appointment.reference)
        return show(request, current, form.access, problem=str(refusal), status=409)
    except BookingRefused as refusal:
        return _show(request, form, refusal=refusal, code=409 if refusal.code in LOST else 422)
    return _moved(request, form.appointment, before)


LOST = frozenset({"taken", "customer_busy"})


def _show_stale(request: HttpRequest, form: MoveForm, current: Appointment) -> HttpResponse:
    """The appointment as it is now, and what was typed to apply to it again."""
    data = form.sent.copy()
    data["version"] = str(current.version)
    current = appointment_of(form.access, current.reference)
    fresh = MoveForm(data, appointment=current, access=form.access, now=form.now)
    fresh.is_valid()
    return _show(request, fresh, problem=told(current), code=409)


def _show(
    request: HttpRequest,
    form: MoveForm,
    *,
    refusal: BookingRefused | None = None,
    problem: str = "",
    is_calm: bool = False,
    code: int = 200,
) -> HttpResponse:
    found = form.appointment
    context = context_of(request, found, form.access) | answer_of(
        form, _changed(form), found.facility, refusal
    )
    context |= {
        "form": _calm(form) if is_calm else form,
        "is_calm": is_calm,
        "is_check": _is_check(request) and "fill" in request.POST,
        "took": "fill" in request.POST,
        "asking": PART,
        "title": found.customer,
        "problem": problem,
    }
    return respond(request, PAGE, context, parts=PARTS, dialog=PART, status=code)


def _changed(form: MoveForm) -> Any:
    """The placement the form asks for; None while it is the one the appointment has."""
    place = form.placement()
    if place is None:
        return None
    found = form.appointment
    same = (place.starts_at, place.ends_at, place.staff.pk) == (
        found.starts_at,
        found.ends_at,
        found.staff_id,
    )
    return None if same and found.status != Appointment.Status.PENDING_REASSIGNMENT else place


def _calm(form: MoveForm) -> MoveForm:
    values = form.sent.dict() | {"overrides": form.sent.getlist("overrides")}
    return MoveForm(appointment=form.appointment, access=form.access, now=form.now, initial=values)


@dataclass(frozen=True)
class Place:
    """Where an appointment was, so that it can go back."""

    starts_at: datetime
    minutes: int
    staff_id: int

    @classmethod
    def of(cls, appointment: Appointment) -> "Place":
        return cls(appointment.starts_at, appointment.minutes, appointment.staff_id)


def _moved(request: HttpRequest, found: Appointment, before: Place, *, is_undo: bool = False) -> HttpResponse:
    """Say where it is now, with the way back."""
    verb = "Moved back" if is_undo else "Moved"
    when = _when(found, access_of(request))
    text = f"{verb}: {found.customer}, {words.short_day(found.local_date)}, {when}, {found.staff}."
    has_moved = Place.of(found) != before
    action = _undo(found, before) if has_moved and not is_undo else None
    return done(request, text, day=found.local_date, action=action)


def _when(found: Appointment, access: Access) -> str:
    """On its facility's clock, which is named where the grid may show another one."""
    zone = found.facility.zone
    times = words.span(found.starts_at, found.ends_at, zone)
    has_other_clocks = any(facility.zone != zone for facility in access.facilities)
    return f"{times} {localtime.abbreviation(found.starts_at, zone)}" if has_other_clocks else times


def _undo(found: Appointment, before: Place) -> dict[str, Any]:
    values = {
        "starts_at": words.instant_text(before.starts_at),
        "minutes": before.minutes,
        "staff": before.staff_id,
        "version": found.version,
        "undo": 1,
    }
    return {"label": "Undo", "url": reverse("appointment-move", args=[found.reference]), "values": values}


@dataclass(frozen=True)
class Drop:
    """What a drop on the grid asks for."""

    starts_at: datetime
    minutes: int
    staff: StaffMember
    version: int
    overrides: frozenset[str]


def _drop(request: HttpRequest, found: Appointment, access: Access, now: datetime) -> HttpResponse:
    """Move at once. An undo takes the appointment back to where it was allowed to be, whatever was set aside then."""
    is_undo = request.POST.get("undo") == "1"
    wanted = _dropped(request.POST, access)
    if wanted is None:
        return _refuse(
            request, found, "invalid", "This move cannot be read. Reload the page and try again.", 422
        )
    before = Place.of(found)
    try:
        booking.reschedule(
            appointment=found,
            starts_at=wanted.starts_at,
            minutes=wanted.minutes,
            staff=wanted.staff,
            version=wanted.version,
            overrides=OVERRIDABLE if is_undo else wanted.overrides,
            by=request.user,  # type: ignore[arg-type]
            now=now,
        )
    except StaleAppointment as stale:
        words_for_it = (
            "Someone changed this appointment in the meantime. Look where it is now and move it again."
        )
        return _refuse(request, found, "stale", words_for_it, version=stale.appointment.version)
    except ChangeRefused as refusal:
        return _refuse(request, found, "settled", str(refusal))
    except BookingRefused as refusal:
        return _refuse(request, found, refusal.code, refusal.message, overridable=refusal.is_overridable)
    return _moved(request, found, before, is_undo=is_undo)


def _dropped(data: QueryDict, access: Access) -> Drop | None:
    starts_at = instant_of(data.get("starts_at", ""))
    numbers = [data.get(name, "") for name in ("minutes", "staff", "version")]
    if starts_at is None or not all(len(n) < 10 and n.isdecimal() for n in numbers):
        return None
    minutes, staff_id, version = map(int, numbers)
    staff = choices.staff_members(access).filter(pk=staff_id).first()
    if staff is None:
        return None
    overrides = frozenset(data.getlist("overrides")) & OVERRIDABLE
    return Drop(starts_at, minutes, staff, version, overrides)


def _refuse(
    request: HttpRequest,
    found: Appointment,
    code: str,
    message: str,
    status: int = 409,
    *,
    overridable: bool = False,
    version: int | None = None,
) -> HttpResponse:
    if not wants_part(request):
        messages.error(request, message)
        return redirect(
            f"{reverse('schedule')}?date={localtime.local_date(found.starts_at, found.facility.zone):%Y-%m-%d}"
        )
    detail: dict[str, Any] = {"code": code, "message": message, "overridable": overridable}
    if version is not None:
        detail["version"] = version
    return trigger_client_event(HttpResponse(status=status), "move-refused", detail)
