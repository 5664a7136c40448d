"""When programs remind their customers, and in which words."""

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from appointments.access import CHANGE_REMINDERS, Access, access_of
from appointments.models import Channel, Program
from reminders import previewing, rulebook, rules
from reminders.forms.rules import NewRuleForm, RuleForm
from reminders.models import ReminderRule, ReminderWording
from reminders.rulebook import RuleRefused
from reminders.templates import FIELDS
from securecare.parts import respond

PARTS = {"rule-preview": "reminders/_rule_preview.html"}


@require_safe
def programs(request: HttpRequest) -> HttpResponse:
    access = access_of(request)
    access.demand(CHANGE_REMINDERS)
    seen = list(_programs(access))
    found = rules.of_all(program.pk for program in seen)
    on = {program: [rule for rule in found[program.pk] if rule.is_active] for program in seen}
    facilities = [
        (facility, [(program, rules) for program, rules in on.items() if program.facility_id == facility.pk])
        for facility in access.facilities
    ]
    return render(request, "reminders/rules.html", {"facilities": [each for each in facilities if each[1]]})


@require_http_methods(["GET", "POST"])
def program(request: HttpRequest, program: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_REMINDERS)
    found = _program(access, program)
    if "switch" in request.POST:
        return _switch(request, access, found)
    form = NewRuleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            rule = rulebook.add(program=found, channel=form.channel, lead=form.lead, by=access.user, now=now)
        except RuleRefused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Added: {rule}. It holds for the appointments ahead.")
            return redirect("reminder-program", found.pk)
    status = 422 if form.errors else 200
    return render(request, "reminders/rules_program.html", _of_program(found, form), status=status)


def _of_program(program: Program, form: NewRuleForm) -> dict[str, Any]:
    found = rules.of(program)
    prefetch_related_objects(found, Prefetch("wordings", ReminderWording.objects.only("rule", "language")))
    return {"program": program, "rules": found, "form": form}


def _switch(request: HttpRequest, access: Access, program: Program) -> HttpResponse:
    rule = _rule(program, request.POST["switch"])
    is_on = request.POST.get("on") == "1"
    rulebook.switch(rule=rule, is_on=is_on, by=access.user, now=timezone.now())
    messages.success(request, f"Switched {'on' if is_on else 'off'}: {rule}.")
    return redirect("reminder-program", program.pk)


@require_http_methods(["GET", "POST"])
def rule(request: HttpRequest, program: int, rule: int) -> HttpResponse:
    access, now = access_of(request), timezone.now()
    access.demand(CHANGE_REMINDERS)
    found = _rule(_program(access, program), rule)
    form = RuleForm(request.POST or None, rule=found)
    if request.method == "GET" or "preview" in request.POST:
        form.is_valid()
        return _show(request, found, form)
    if form.is_valid():
        try:
            rulebook.change(rule=found, lead=form.lead, wordings=form.wordings, by=access.user, now=now)
        except RuleRefused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Saved: {found}. It holds for the appointments ahead.")
            return redirect("reminder-program", program)
    return _show(request, found, form, status=422)


def _show(request: HttpRequest, rule: ReminderRule, form: RuleForm, *, status: int = 200) -> HttpResponse:
    lead = form.lead if form.is_bound else rulebook.Lead.of(rule)
    is_text = rule.channel == Channel.PHONE
    context: dict[str, Any] = {
        "rule": rule,
        "program": rule.program,
        "form": form,
        "is_text": is_text,
        "previews": previewing.previews(rule, lead=lead, wordings=form.wordings, now=timezone.now()),
        "fields": [field for field in FIELDS.values() if field.in_texts or not is_text],
        "here": reverse("reminder-rule", args=[rule.program_id, rule.pk]),
        "back": reverse("reminder-program", args=[rule.program_id]),
    }
    return respond(request, "reminders/rule.html", context, parts=PARTS, status=status)


def _programs(access: Access) -> Any:
    return Program.objects.filter(facility__in=access.facility_ids).select_related("facility")


def _program(access: Access, pk: int) -> Program:
    found: Program | None = _programs(access).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _rule(program: Program, pk: int | str) -> ReminderRule:
    """One of the program's rules, or 404."""
    found = {str(rule.pk): rule for rule in rules.of(program)}.get(str(pk))
    if found is None:
        raise Http404
    found.program = program
    return found
