"""What messages about documents say. A text and a subject can be read over a shoulder: they name no document."""

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, ngettext

from appointments.branding import brand
from appointments.models import Appointment, Channel, Facility
from reminders import segments
from reminders.letters import page
from reminders.letters.page import Labelled, Link, Page
from reminders.messages import Letter
from securecare import wording


def please_sign(
    *,
    channel: str,
    titles: Sequence[str],
    token: str,
    facility: Facility,
    appointment: Appointment | None,
    language: str,
    is_reminder: bool = False,
) -> Letter:
    """Asks to sign these, before the appointment if there is one."""
    with translation.override(language):
        link, day = address(token), _day(appointment)
        if channel == Channel.PHONE:
            return Letter("", _short(link, day))
        return _long(titles, link, day, facility, is_reminder=is_reminder)


def copy(*, channel: str, title: str, token: str, facility: Facility, language: str) -> Letter:
    """Tells where the signed copy is."""
    with translation.override(language):
        link, sender = address(token), brand().name
        if channel == Channel.PHONE:
            said = gettext("%(sender)s: your signed copy: %(link)s") % {"sender": sender, "link": link}
            return Letter("", segments.plain(said))
        return _laid_out(
            Page(
                subject=gettext("Your signed copy"),
                sender=sender,
                headline=gettext("Thank you for signing."),
                paragraphs=(gettext("Everybody has signed. Your copy is here:"),),
                facts=(Labelled(gettext("Document"), title),),
                button=Link(gettext("See the signed copy"), link),
                phone=facility.phone,
            )
        )


def address(token: str) -> str:
    return settings.PUBLIC_BASE_URL + reverse("sign", args=[token])


def _day(appointment: Appointment | None) -> str:
    return wording.short_day(appointment.local_date) if appointment else ""


def _short(link: str, day: str) -> str:
    facts = {"sender": brand().name, "day": day, "link": link}
    ways = (
        [
            gettext("%(sender)s: please sign before your visit on %(day)s: %(link)s Reply STOP to end"),
            gettext("%(sender)s: please sign before your visit on %(day)s: %(link)s"),
        ]
        if day
        else [gettext("%(sender)s: please read and sign: %(link)s Reply STOP to end")]
    )
    ways.append(gettext("%(sender)s: please sign: %(link)s"))
    said = [segments.plain(way % facts) for way in ways]
    return next((text for text in said if segments.count(text) == 1), said[-1])


def _long(titles: Sequence[str], link: str, day: str, facility: Facility, *, is_reminder: bool) -> Letter:
    count = len(titles)
    asks = ngettext(
        "There is a document for you to read and sign.",
        "There are %(count)d documents for you to read and sign.",
        count,
    ) % {"count": count}
    when = gettext("Please do so before your appointment on %(day)s.") % {"day": day} if day else ""
    subject = (
        gettext("Please read and sign before %(day)s") % {"day": day}
        if day
        else gettext("Please read and sign")
    )
    return _laid_out(
        Page(
            subject=gettext("Reminder: %(subject)s") % {"subject": subject} if is_reminder else subject,
            sender=brand().name,
            headline=asks,
            paragraphs=tuple(filter(None, [when])),
            facts=tuple(Labelled(gettext("Document"), title) for title in titles),
            button=Link(gettext("Read and sign"), link),
            remarks=(
                gettext("This link is yours alone. Please do not forward it."),
                gettext("You may ask for everything on paper instead."),
            ),
            phone=facility.phone,
        )
    )


def _laid_out(laid_out: Page) -> Letter:
    return Letter(laid_out.subject, page.as_text(laid_out), html=page.as_html(laid_out))
