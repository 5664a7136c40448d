"""One appointment: its facts, its history, and every change of it but the place (views/moving.py)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from appointments import private_notes
from appointments.access import (
    CHANGE_APPOINTMENT,
    READ_PRIVATE_NOTE,
    SEE_CUSTOMERS,
    SEE_DOCUMENTS,
    SEE_MESSAGES,
    SEE_SCHEDULE,
    SEND_DOCUMENTS,
    WRITE_PRIVATE_NOTE,
    Access,
    access_of,
)
from appointments.models import Appointment, PrivateNote
from reminders import attention, finding, outcome
from scheduling import booking, words
from scheduling.booking import UNSIGNED, BookingRefused, ChangeRefused, NotSigned, StaleAppointment
from scheduling.forms.appointment import CancelForm, NoteForm, PrivateNoteForm, StatusForm, VersionedForm
from scheduling.history import history
from scheduling.views.answers import appointment_of, done
from securecare.parts import respond, wants_part
from signatures import standing

Status = Appointment.Status

PAGE = "scheduling/appointment.html"
MESSAGES_SHOWN = 5
PARTS = {
    "appointment": "scheduling/_appointment.html",
    "appointment-cancel": "scheduling/_appointment_cancel.html",
    "appointment-notes": "scheduling/_appointment_notes.html",
    "private-note": "scheduling/_private_note.html",
}
# What each status may become by a button, and how the button says it.
STEPS: dict[str, list[tuple[str, str]]] = {
    Status.SCHEDULED: [
        (Status.ARRIVED, "Arrived"),
        (Status.COMPLETED, "Completed"),
        (Status.NO_SHOW, "No-show"),
    ],
    Status.PENDING_REASSIGNMENT: [
        (Status.ARRIVED, "Arrived"),
        (Status.COMPLETED, "Completed"),
        (Status.NO_SHOW, "No-show"),
    ],
    Status.ARRIVED: [
        (Status.COMPLETED, "Completed"),
        (Status.NO_SHOW, "No-show"),
        (Status.SCHEDULED, "Undo arrived"),
    ],
    Status.COMPLETED: [(Status.ARRIVED, "Back to arrived"), (Status.SCHEDULED, "Undo completed")],
    Status.NO_SHOW: [(Status.ARRIVED, "Arrived after all"), (Status.SCHEDULED, "Undo no-show")],
    Status.CANCELLED: [(Status.SCHEDULED, "Undo cancellation")],
}
CANCELLABLE = frozenset({Status.SCHEDULED, Status.PENDING_REASSIGNMENT, Status.ARRIVED})


@require_safe
def appointment(request: HttpRequest, reference: UUID) -> HttpResponse:
    access = access_of(request)
    access.demand(SEE_SCHEDULE)
    return show(request, appointment_of(access, reference), access)


def show(
    request: HttpRequest,
    found: Appointment,
    access: Access,
    *,
    problem: str = "",
    unsigned: Iterable[str] = (),
    status: int = 200,
) -> HttpResponse:
    """The appointment as it is now, in the dialog or on its page. `unsigned` documents hold what was asked for."""
    context = context_of(request, found, access) | {"problem": problem, "unsigned": unsigned}
    return respond(request, PAGE, context, parts=PARTS, dialog=PARTS["appointment"], status=status)


def context_of(request: HttpRequest, found: Appointment, access: Access) -> dict[str, Any]:
    may_change = access.may(CHANGE_APPOINTMENT)
    return {
        "appointment": found,
        "zone": found.facility.zone,
        "steps": STEPS[found.status] if may_change else [],
        "may_change": may_change,
        "may_move": may_change and found.status in booking.MOVABLE,
        "may_cancel": may_change and found.status in CANCELLABLE,
        "may_see_customer": access.may(SEE_CUSTOMERS),
        "given_online": _given_online(found),
        "may_read_note": access.may(READ_PRIVATE_NOTE),
        "has_private_note": access.may(READ_PRIVATE_NOTE)
        and PrivateNote.objects.filter(appointment=found).exists(),
        "history": history(found, tells_private=access.may(READ_PRIVATE_NOTE), reader=access),
        "in_dialog": wants_part(request),
        "back": f"{reverse('schedule')}?date={found.local_date:%Y-%m-%d}",
        **_messages(found, access),
        **_documents(found, access),
    }


def _documents(found: Appointment, access: Access) -> dict[str, Any]:
    """What it needs signed, and how far that is."""
    if not access.may(SEE_DOCUMENTS):
        return {}
    return {
        "documents": standing.of(found),
        "may_send": access.may(SEND_DOCUMENTS) and not found.is_cancelled,
    }


def _messages(found: Appointment, access: Access) -> dict[str, Any]:
    """What the customer was and will be told of it."""
    if not access.may(SEE_MESSAGES):
        return {}
    rows = finding.latest(attention.visible(access).filter(appointment=found), limit=MESSAGES_SHOWN)
    now, zone = timezone.now(), found.facility.zone
    return {
        "latest": [outcome.row(one, now=now, zone=zone) for one in rows],
        "all_of": f"appointment={found.reference}",
        "may_see_messages": True,
    }


def _given_online(found: Appointment) -> list[str]:
    """Name, e-mail and number under which it was booked online, where they are not those on record."""
    given = (found.contact_name, found.contact_email, words.phone(found.contact_phone))
    return [text for text in given if text]


@require_POST
def status(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Mark what happened, or undo it. A stale or refused mark shows the appointment as it is now."""
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_APPOINTMENT)
    found = appointment_of(access, reference)
    form = StatusForm(request.POST, appointment=found)
    if not form.is_valid():
        return _refused(request, found, access, "This cannot be read. Use the buttons below.", 422)
    before = found.status
    try:
        booking.mark(appointment=found, by=request.user, now=now, **form.cleaned_data)  # type: ignore[arg-type]
    except StaleAppointment as stale:
        return _refused(request, stale.appointment, access, told(stale.appointment), 409)
    except NotSigned as held:
        return show(request, appointment_of(access, reference), access, unsigned=held.missing, status=409)
    except (ChangeRefused, BookingRefused) as refusal:
        return _refused(request, appointment_of(access, reference), access, str(refusal), 409)
    text = f"{found.customer}: {found.get_status_display().lower()}."
    return done(request, text, day=found.local_date, action=_undo_mark(found, before))


def told(found: Appointment) -> str:
    """What to say to somebody whose page is older than the appointment."""
    latest = history(found)[0]
    return (
        f"{capfirst(latest.who)} changed this appointment in the meantime ({latest.what.lower()}, {latest.at}). "
        "This is how it is now; look, then apply your change again."
    )


def _refused(
    request: HttpRequest, found: Appointment, access: Access, problem: str, code: int
) -> HttpResponse:
    return show(request, found, access, problem=problem, status=code)


def _undo_mark(found: Appointment, before: str) -> dict[str, Any] | None:
    """The way back, where `mark` knows one: to cancelled there is none."""
    target = Status.SCHEDULED if before == Status.PENDING_REASSIGNMENT else before
    if found.status == before or target not in booking.MARKS[found.status]:
        return None
    url = reverse("appointment-status", args=[found.reference])
    # Whoever had arrived is not held at the door once more.
    values = {"status": target, "version": found.version}
    return {
        "label": "Undo",
        "url": url,
        "values": values | ({"overrides": UNSIGNED} if target == Status.ARRIVED else {}),
    }


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, reference: UUID) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_APPOINTMENT)
    found = appointment_of(access, reference)
    if request.method == "GET":
        return _ask(request, CancelForm(appointment=found), access, "appointment-cancel")
    form = CancelForm(request.POST, appointment=found)
    if not form.is_valid():
        return _ask(request, form, access, "appointment-cancel", code=422)
    try:
        booking.cancel(appointment=found, by=request.user, now=now, **form.cleaned_data)  # type: ignore[arg-type]
    except StaleAppointment as stale:
        return _ask_again(request, form, stale.appointment, access, "appointment-cancel")
    except ChangeRefused as refusal:
        return _refused(request, appointment_of(access, reference), access, str(refusal), 409)
    text = f"Cancelled: {found.customer}, {words.short_moment(found.starts_at, found.facility.zone)}."
    return done(request, text, day=found.local_date, action=_undo_mark(found, Status.SCHEDULED))


@require_http_methods(["GET", "POST"])
def notes(request: HttpRequest, reference: UUID) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_APPOINTMENT)
    found = appointment_of(access, reference)
    if request.method == "GET":
        form = NoteForm(appointment=found, initial={"public_note": found.public_note})
        return _ask(request, form, access, "appointment-notes")
    form = NoteForm(request.POST, appointment=found)
    if not form.is_valid():
        return _ask(request, form, access, "appointment-notes", code=422)
    try:
        booking.edit_notes(appointment=found, by=request.user, now=now, **form.cleaned_data)  # type: ignore[arg-type]
    except StaleAppointment as stale:
        return _ask_again(request, form, stale.appointment, access, "appointment-notes")
    return done(request, "Note saved.", day=found.local_date)


def _ask(
    request: HttpRequest,
    form: VersionedForm,
    access: Access,
    part: str,
    *,
    problem: str = "",
    code: int = 200,
) -> HttpResponse:
    """A form about the appointment, beneath the facts it is about."""
    context = context_of(request, form.appointment, access)
    context |= {"form": form, "problem": problem, "asking": PARTS[part], "title": form.appointment.customer}
    return respond(request, PAGE, context, parts=PARTS, dialog=PARTS[part], status=code)


def _ask_again(
    request: HttpRequest, form: Any, current: Appointment, access: Access, part: str
) -> HttpResponse:
    """The form once more with what was typed, for the appointment as it is now."""
    data = request.POST.copy()
    data["version"] = str(current.version)
    fresh = type(form)(data, appointment=appointment_of(access, current.reference))
    return _ask(request, fresh, access, part, problem=told(current), code=409)


@never_cache
@require_http_methods(["GET", "POST"])
def private_note(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Shows the note, which is recorded, or saves it. The one page that ever holds a private note."""
    access, now = access_of(request), timezone.now()
    access.demand(SEE_SCHEDULE, READ_PRIVATE_NOTE)
    found = appointment_of(access, reference)
    if request.method == "POST":
        access.demand(CHANGE_APPOINTMENT, WRITE_PRIVATE_NOTE)
        return _save_private_note(request, found, access, now)
    text, problem = "", ""
    try:
        text = private_notes.read(appointment=found, by=request.user, now=now)  # type: ignore[arg-type]
    except private_notes.NoteUnreadable:
        problem = UNREADABLE
    form = PrivateNoteForm(appointment=found, initial={"private_note": text})
    return _show_note(request, form, access, problem=problem, is_unreadable=bool(problem))


UNREADABLE = "This note cannot be read with the keys at hand. It is kept as it is; ask an administrator about the key ring."


def _save_private_note(
    request: HttpRequest, found: Appointment, access: Access, now: datetime
) -> HttpResponse:
    form = PrivateNoteForm(request.POST, appointment=found)
    if not form.is_valid():
        return _show_note(request, form, access, code=422)
    try:
        booking.edit_notes(appointment=found, by=request.user, now=now, **form.cleaned_data)  # type: ignore[arg-type]
    except private_notes.NoteUnreadable:
        return _show_note(request, form, access, problem=UNREADABLE, is_unreadable=True, code=409)
    except StaleAppointment as stale:
        return _show_stale_note(request, form, stale.appointment, access, now)
    return done(request, "Private note saved.", day=found.local_date)


def _show_stale_note(
    request: HttpRequest, form: PrivateNoteForm, current: Appointment, access: Access, now: datetime
) -> HttpResponse:
    """What was typed beside what is stored now, so that nobody overwrites a colleague's words unread."""
    data = request.POST.copy()
    data["version"] = str(current.version)
    fresh = PrivateNoteForm(data, appointment=appointment_of(access, current.reference))
    try:
        text = private_notes.read(appointment=current, by=request.user, now=now)  # type: ignore[arg-type]
    except private_notes.NoteUnreadable:
        return _show_note(request, fresh, access, problem=UNREADABLE, is_unreadable=True, code=409)
    return _show_note(request, fresh, access, problem=told(current), stored=text, code=409)


def _show_note(
    request: HttpRequest,
    form: PrivateNoteForm,
    access: Access,
    *,
    problem: str = "",
    is_unreadable: bool = False,
    stored: str | None = None,
    code: int = 200,
) -> HttpResponse:
    context = context_of(request, form.appointment, access) | {
        "form": form,
        "stored": stored,
        "note_problem": problem,
        "is_unreadable": is_unreadable,
        "may_write_note": access.may(WRITE_PRIVATE_NOTE) and access.may(CHANGE_APPOINTMENT),
        "note_shown": True,
    }
    return respond(request, PAGE, context, parts=PARTS, dialog=PARTS["appointment"], status=code)
