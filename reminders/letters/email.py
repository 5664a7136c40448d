"""E-mails about appointments: as text and as HTML, with the appointment for the reader's calendar."""

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext

from reminders import unsubscribing
from reminders.letters import own_words, page
from reminders.letters.invitation import invitation
from reminders.letters.notice import Notice, Occasion
from reminders.letters.own_words import OwnWords
from reminders.letters.page import Labelled, Link, Page
from reminders.messages import Letter
from securecare import wording


def letter(notice: Notice) -> Letter:
    laid_out = _page(notice, own_words.of(notice))
    return Letter(
        laid_out.subject,
        page.as_text(laid_out),
        html=page.as_html(laid_out),
        invitation=invitation(notice),
    )


def _page(notice: Notice, own: OwnWords | None) -> Page:
    return Page(
        subject=(own and own.subject) or _subject(notice),
        sender=notice.sender,
        preview=notice.place,
        headline="" if own else _headline(notice),
        paragraphs=(own.text,) if own else tuple(_opening(notice)),
        facts=tuple(_facts(notice)),
        button=_button(notice),
        links=tuple(_further_links(notice)),
        remarks=tuple(_remarks(notice)),
        notes=tuple(_notes(notice)),
        phone=notice.appointment.facility.phone,
        unsubscribe=unsubscribing.url(notice.message),
    )


def _subject(notice: Notice) -> str:
    words = {
        Occasion.REMINDER: gettext("Your appointment on %(when)s"),
        Occasion.BOOKED: gettext("Appointment booked: %(when)s"),
        Occasion.RESTORED: gettext("Appointment not cancelled after all: %(when)s"),
        Occasion.MOVED: gettext("Appointment moved to %(when)s"),
        Occasion.CHANGED: gettext("Appointment changed: %(when)s"),
        Occasion.CANCELLED: gettext("Appointment cancelled: %(when)s"),
    }[notice.occasion]
    if notice.occasion is Occasion.REMINDER and notice.asks:
        words = gettext("Please confirm your appointment on %(when)s")
    return words % {"when": notice.moment}


def _headline(notice: Notice) -> str:
    return {
        Occasion.REMINDER: gettext("Your appointment is coming up."),
        Occasion.BOOKED: gettext("Your appointment is booked."),
        Occasion.RESTORED: gettext("Your appointment is not cancelled after all."),
        Occasion.MOVED: gettext("Your appointment has moved."),
        Occasion.CHANGED: gettext("Your appointment has changed."),
        Occasion.CANCELLED: gettext("Your appointment is cancelled."),
    }[notice.occasion]


def _opening(notice: Notice) -> list[str]:
    said = []
    if notice.staff_alone_changed and notice.occasion is Occasion.CHANGED:
        words = gettext("The time and the place stay. You will be seen by %(staff)s.")
        said.append(words % {"staff": notice.appointment.staff.display_name})
    if notice.asks:
        said.append(gettext("Please confirm that you will be there."))
    elif notice.is_confirmed and notice.occasion is Occasion.REMINDER:
        said.append(gettext("You have confirmed it. Thank you."))
    return said


def _facts(notice: Notice) -> list[Labelled]:
    facts = [
        Labelled(gettext("When"), notice.period),
        Labelled(gettext("Instead of"), notice.instead_of),
        Labelled(gettext("Where"), notice.place),
        Labelled(gettext("What"), notice.appointment.program.name),
        Labelled(gettext("With"), notice.appointment.staff.display_name),
        Labelled(gettext("For"), notice.name),
    ]
    return [fact for fact in facts if fact.said]


def _notes(notice: Notice) -> list[Labelled]:
    if notice.occasion is Occasion.CANCELLED:
        return []
    notes = [
        Labelled(gettext("What to bring or know"), notice.appointment.program.public_note.strip()),
        Labelled(gettext("A note for you"), notice.appointment.public_note.strip()),
    ]
    return [note for note in notes if note.said]


def _button(notice: Notice) -> Link | None:
    if notice.occasion is Occasion.CANCELLED:
        return _book_again(notice)
    if notice.asks:
        return Link(gettext("Confirm"), notice.links.confirm)
    return Link(_see(notice), notice.links.main)


def _further_links(notice: Notice) -> list[Link]:
    return [Link(_see(notice), notice.links.manage)] if notice.asks else []


def _see(notice: Notice) -> str:
    return gettext("See, move or cancel it") if notice.is_changeable else gettext("See it")


def _remarks(notice: Notice) -> list[str]:
    has_notice = bool(notice.appointment.program.min_notice_hours)
    if notice.occasion is Occasion.CANCELLED or not has_notice:
        return []
    if not notice.is_changeable:
        return [gettext("It can no longer be moved or cancelled online. If you cannot come, please tell us.")]
    until = wording.moment(notice.changeable_until, notice.zone)
    return [gettext("You can change it yourself until %(until)s.") % {"until": until}]


def _book_again(notice: Notice) -> Link | None:
    program = notice.appointment.program
    if not (program.allows_public_booking and program.is_active):
        return None
    address = settings.PUBLIC_BASE_URL + reverse("portal-times", args=[program.pk])
    return Link(gettext("Book another time"), address)
