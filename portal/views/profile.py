"""What customers keep about themselves: time zone, language, how they are reached, and whether by text."""

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from appointments.models import Customer
from calendarsync import feeds
from portal import accounts, codes, contacts, texting
from portal.account_forms import NEW_CONTACT, DigitsForm, ProfileForm
from portal.pages import own_page
from portal.views.sign_in import forget_asker, remember_asker, secret_of, too_many, wrong_digits
from reminders import planning
from reminders.consent import Origin
from reminders.models import Channel
from securecare.client import address_of


@own_page
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest, customer: Customer) -> HttpResponse:
    kept = {"time_zone": customer.time_zone, "language": customer.language}
    sent = request.POST if request.method == "POST" else None
    form = ProfileForm(sent, initial=kept, current_zone=customer.time_zone)
    if form.is_valid():
        with transaction.atomic():
            Customer.objects.filter(pk=customer.pk).update(**form.cleaned_data)
            planning.customer_changed(customer, now=timezone.now())
        with translation.override(form.cleaned_data["language"] or translation.get_language()):
            messages.success(request, gettext("Saved."))
        response = redirect("portal-profile")
        # What the switch on the pages chose gives way to what was just chosen here.
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return response
    proof = accounts.proof_of(request, now=timezone.now())
    context = {
        "form": form,
        "name": customer.full_name,
        "email": customer.email,
        "phone": contacts.shown_number(customer.phone),
        "texting": texting.of(customer),
        "may_switch": proof is not None and len(proof.people()) > 1,
    }
    return render(request, "portal/profile.html", context, status=422 if form.is_bound else 200)


@own_page
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest, customer: Customer, channel: str) -> HttpResponse:
    """A new address or number; it takes the old one's place once the code sent to it has come back."""
    current = _current(customer, channel)
    form = NEW_CONTACT[channel](request.POST if request.method == "POST" else None, current=current)
    if form.is_valid():
        try:
            secret = codes.ask(
                contact=form.cleaned_data["contact"],
                now=timezone.now(),
                ip=address_of(request),
                customer=customer,
            )
        except codes.TooManyAsked:
            return too_many(request)
        return remember_asker(redirect("portal-contact-code", channel), secret)
    context = {"form": form, "current": current}
    return render(request, "portal/contact.html", context, status=422 if form.is_bound else 200)


@own_page
@sensitive_post_parameters("digits")
@require_http_methods(["GET", "HEAD", "POST"])
def contact_code(request: HttpRequest, customer: Customer, channel: str) -> HttpResponse:
    now, secret = timezone.now(), secret_of(request)
    _current(customer, channel)
    waiting = codes.waiting(secret, now=now, customer=customer)
    if waiting is None or waiting.channel != channel:
        return _start_again(request, channel)
    form = DigitsForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            codes.use_digits(form.cleaned_data["digits"], secret=secret, now=now, customer=customer)
        except codes.CodeRefused as refused:
            if refused.is_dead:
                return _start_again(request, channel)
            form.add_error("digits", wrong_digits())
        else:
            return _change(request, customer, waiting)
    context = {"form": form, "contact": waiting}
    return render(request, "portal/contact_code.html", context, status=422 if form.is_bound else 200)


@own_page
@require_POST
def texts(request: HttpRequest, customer: Customer) -> HttpResponse:
    origin = Origin(address_of(request), request.headers.get("User-Agent", ""))
    wanted = {"on": True, "off": False}.get(request.POST.get("texts", ""))
    if wanted is None:
        raise Http404
    try:
        texting.turn(on=wanted, customer=customer, now=timezone.now(), origin=origin)
    except texting.NoMobileNumber:
        messages.error(request, gettext("Add a mobile number first."))
    else:
        said = gettext("Texts are on.") if wanted else gettext("Texts are off.")
        messages.success(request, said)
    return redirect("portal-profile")


def _current(customer: Customer, channel: str) -> contacts.Contact:
    if channel not in Channel.values:
        raise Http404
    return contacts.current(customer, channel)


def _change(request: HttpRequest, customer: Customer, proved: contacts.Contact) -> HttpResponse:
    """Other sessions end: whoever had the old address may be in one of them. So does the calendar's address, which they may
    have made."""
    accounts.end_other_sessions(request, customer)
    had_feed = feeds.revoke(customer=customer, now=timezone.now())
    contacts.change(customer=customer, contact=proved, now=timezone.now())
    accounts.add_proved(request, proved)
    request.session.cycle_key()
    said = (
        gettext("Your e-mail address is changed.")
        if proved.is_email
        else gettext("Your mobile number is changed.")
    )
    messages.success(request, said + " " + gettext("You are signed out on all other devices."))
    if had_feed:
        messages.warning(
            request, gettext("Your calendar address has ended. Make a new one for your calendar.")
        )
    return forget_asker(redirect("portal-profile"))


def _start_again(request: HttpRequest, channel: str) -> HttpResponse:
    messages.error(request, gettext("This code no longer works. Have a new one sent."))
    return redirect("portal-contact", channel)
