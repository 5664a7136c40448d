"""Booking at the desk."""

from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import BadRequest
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from appointments import customers
from appointments.access import BOOK, Access, access_of
from appointments.models import Appointment, AppointmentEvent, Customer, Facility, Program, StaffMember
from scheduling import booking, words
from scheduling import hours as working_hours
from scheduling.forms import choices
from scheduling.forms.booking import BookingForm
from scheduling.forms.wall_time import instant_of, wall_values
from scheduling.models import SchedulerView
from scheduling.rules import BookingRefused
from scheduling.views.answers import done
from scheduling.views.offers import answer_of, in_zone, with_taken
from securecare import localtime
from securecare.parts import respond, wants_part

PAGE = "scheduling/book.html"
PARTS = {"booking": "scheduling/_booking.html", "booking-answer": "scheduling/_booking_check.html"}
LOST = frozenset({"taken", "customer_busy"})


@require_http_methods(["GET", "POST"])
def book(request: HttpRequest) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(BOOK)
    if request.method == "GET":
        return _offer(request, _asked_for(request, access, now), access, now)
    if _is_check(request) or "fill" in request.POST:
        return _check(request, access, now)
    form = _read(request.POST, access, now)
    if not form.is_valid():
        return _show(request, form, status=422)
    try:
        appointment, note = _book(form, by=request.user, now=now)  # type: ignore[arg-type]
    except BookingRefused as refusal:
        if again := _already_booked(form, by=request.user):  # type: ignore[arg-type]
            return _booked(request, again, "Already booked, and only once:")
        return _show(request, form, refusal=refusal, status=409 if refusal.code in LOST else 422)
    return _booked(request, appointment, "Booked:", note)


def _read(data: QueryDict, access: Access, now: datetime) -> BookingForm:
    """The form as sent, with a chosen offer taken, and its time said on the clock of the program's facility."""
    form = BookingForm(data, access=access, now=now)
    facility = _facility(form)
    taken = with_taken(data, form.stated_zone(facility))
    if taken is not data:
        data, form = taken, BookingForm(taken, access=access, now=now)
    form.is_valid()
    said = in_zone(form, data, facility)
    return form if said is data else BookingForm(said, access=access, now=now)


def _facility(form: BookingForm) -> Facility | None:
    return form.chosen_program.facility if form.chosen_program else None


def _book(form: BookingForm, *, by: User, now: datetime) -> tuple[Appointment, str]:
    """Book for the chosen or the new customer: both are saved, or neither. Returns what to say besides."""
    made = form.cleaned_data
    with transaction.atomic():
        customer, note = made["customer"], ""
        if made["new_customer"]:
            customer, note = _register(made)
        appointment = booking.book(
            customer=customer,
            staff=made["staff"],
            program=made["program"],
            starts_at=_start(form),
            minutes=made["minutes"],
            by=by,
            now=now,
            case=made["case"] if not made["new_customer"] else None,
            public_note=made["public_note"],
            private_note=made.get("private_note", ""),
            overrides=made["overrides"],
        )
    return appointment, note


def _start(form: BookingForm) -> datetime:
    if form.starts_at is None:
        raise ValueError("A valid booking form has a start.")
    return form.starts_at


def _register(made: dict[str, Any]) -> tuple[Customer, str]:
    details = {name: made[name] for name in ("given_name", "family_name", "date_of_birth", "phone", "email")}
    registered = customers.register(facility=made["program"].facility, **details)
    if not registered.was_on_record:
        return registered.customer, ""
    return registered.customer, " This person was on record already; that record is used as it is."


def _already_booked(form: BookingForm, *, by: User) -> Appointment | None:
    """The appointment that this very form made when it was sent a moment ago."""
    made = form.cleaned_data
    customer = made["customer"]
    if made["new_customer"]:
        names = (made["given_name"], made["family_name"], made["date_of_birth"])
        customer = customers.same_person(*names, made["program"].facility)
    same = Appointment.objects.live().filter(
        customer=customer,
        staff=made["staff"],
        program=made["program"],
        starts_at=_start(form),
        events__kind=AppointmentEvent.Kind.BOOKED,
        events__by=by,
    )
    found = same.select_related("customer", "staff", "facility").first()
    return found if found is not None and found.minutes == made["minutes"] else None


def _booked(request: HttpRequest, appointment: Appointment, opening: str, note: str = "") -> HttpResponse:
    zone = appointment.facility.zone
    when = words.short_moment(appointment.starts_at, zone)
    text = f"{opening} {appointment.customer}, {when}, with {appointment.staff}.{note}"
    return done(request, text, day=appointment.local_date)


def _offer(request: HttpRequest, data: QueryDict, access: Access, now: datetime) -> HttpResponse:
    """The form with what is known already, and what speaks against it; nothing missing is complained about."""
    form = _read(data, access, now)
    form.is_valid()
    context = _context(request, form) | {"form": _calm(form), "is_calm": True}
    return respond(request, PAGE, context, parts=PARTS, dialog=PARTS["booking"])


def _check(request: HttpRequest, access: Access, now: datetime) -> HttpResponse:
    """What the form would meet if it were sent, and the fields that depend on what was just chosen. Saves nothing."""
    form = _with_default_length(_read(request.POST, access, now))
    form.is_valid()
    data = form.sent
    context = _context(request, form) | {
        "form": _calm(form),
        "is_calm": True,
        "is_check": _is_check(request),
        "took": "fill" in request.POST,
        "choices_changed": data.get("choices_key") != _choices_key(form),
        "when_changed": any(data.get(n) != request.POST.get(n) for n in ("date", "time", "zone", "minutes")),
    }
    return respond(request, PAGE, context, parts=PARTS, dialog=PARTS["booking"])


def _is_check(request: HttpRequest) -> bool:
    """Whether only the answer is asked for."""
    return request.headers.get("HX-Target") == "booking-answer"


def _with_default_length(form: BookingForm) -> BookingForm:
    """Another program than the one whose length is shown brings its own."""
    program = form.chosen_program
    if program is None or form.data.get("length_for") == str(program.pk):
        return form
    data = form.sent.copy()
    data["minutes"] = str(program.default_minutes)
    return BookingForm(data, access=form.access, now=form.now)


def _calm(form: BookingForm) -> BookingForm:
    """The same form without errors: its writer is not done yet."""
    values = form.sent.dict() | {"overrides": form.sent.getlist("overrides")}
    return BookingForm(access=form.access, now=form.now, initial=values)


def _show(
    request: HttpRequest, form: BookingForm, *, refusal: BookingRefused | None = None, status: int = 200
) -> HttpResponse:
    context = _context(request, form, refusal)
    return respond(request, PAGE, context, parts=PARTS, dialog=PARTS["booking"], status=status)


def _context(
    request: HttpRequest, form: BookingForm, refusal: BookingRefused | None = None
) -> dict[str, Any]:
    program = form.chosen_program
    return {
        **answer_of(form, form.placement(), _facility(form), refusal),
        "form": form,
        "length_for": program.pk if program else "",
        "choices_key": _choices_key(form),
        "in_dialog": wants_part(request),
        "has_facility": bool(form.access.facilities),
    }


def _choices_key(form: BookingForm) -> str:
    """What the offered programs, staff members and cases depend on."""
    chosen = (form.chosen_program, form.chosen_staff, form.chosen_customer)
    return "-".join(str(one.pk) if one else "" for one in chosen)


def _asked_for(request: HttpRequest, access: Access, now: datetime) -> QueryDict:
    """The form's first values: what the address names. Unknown ids are 404, a malformed time 400."""
    asked = request.GET
    staff = _named(asked, "staff", choices.staff_members(access))
    program = _named(asked, "program", choices.programs(access))
    customer = _named(asked, "customer", choices.customers(access))
    theirs = choices.programs_of(access, staff) if staff and not program else []
    program = program or (theirs[0] if len(theirs) == 1 else None)
    data = QueryDict(mutable=True)
    data.update(
        {
            name: str(one.pk)
            for name, one in (("staff", staff), ("program", program), ("customer", customer))
            if one
        }
    )
    data["customer_search"] = customer.full_name if customer else ""
    data["minutes"] = asked.get("minutes") or (str(program.default_minutes) if program else "")
    data.update(_when(asked, access, staff, program, now))
    return data


def _named(asked: QueryDict, name: str, found: Any) -> Any:
    value = asked.get(name, "")
    if not value:
        return None
    if not value.isdecimal():
        raise BadRequest(f"{name} is not a number.")
    return get_object_or_404(found, pk=int(value))


def _when(
    asked: QueryDict, access: Access, staff: StaffMember | None, program: Program | None, now: datetime
) -> dict[str, str]:
    at = instant_of(asked.get("at", ""))
    if asked.get("at") and at is None:
        raise BadRequest("“at” is not an instant.")
    if not access.facilities:
        return {}
    facility = program.facility if program else _where(access, staff, at or now)
    if at:
        return wall_values(at, facility.zone)
    day = _day(asked) or localtime.local_date(now, facility.zone)
    return {"date": day.isoformat(), "zone": facility.time_zone}


def _day(asked: QueryDict) -> date | None:
    if not asked.get("date"):
        return None
    try:
        return date.fromisoformat(asked.get("date", ""))
    except ValueError as error:
        raise BadRequest("“date” is not a date.") from error


def _desk(access: Access) -> Facility:
    """The first facility on whose clock the user reads the schedule, else their first."""
    kept = SchedulerView.objects.filter(user=access.user).values_list("zone", flat=True).first()
    return next((each for each in access.facilities if each.time_zone == kept), access.facilities[0])


def _where(access: Access, staff: StaffMember | None, at: datetime) -> Facility:
    """Where the staff member works then; else the first facility they and the user share."""
    if staff is None:
        return _desk(access)
    shared = access.among(staff.facilities.values_list("pk", flat=True)) or access.facilities
    day = localtime.local_date(at, shared[0].zone)
    rules = working_hours.load(staff=[staff.pk], first_day=day, last_day=day)
    for facility in shared:
        periods = rules.working(staff.pk, facility, day, day)
        if any(start <= at < end for start, end in periods):
            return facility
    return shared[0]
