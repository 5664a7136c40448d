"""What is texted back at once, in the active language: one segment if it can be. Never the program, the staff member or a name."""

from django.conf import settings
from django.utils.translation import gettext

from appointments import confirmation
from appointments.branding import brand
from appointments.models import Appointment
from reminders import segments
from securecare import localtime, wording


def ended() -> str:
    return _fitting(gettext("%(sender)s: you get no more texts from us. Reply START to have them again."))


def started() -> str:
    return _fitting(
        gettext(
            "%(sender)s: you get appointment texts, about 3 per appointment. Message and data rates may apply. "
            "Reply STOP to end, HELP for help."
        ),
        gettext("%(sender)s: you get appointment texts. Reply STOP to end, HELP for help."),
    )


def held() -> str:
    return _fitting(
        gettext("%(sender)s: we send no more texts until our staff have read yours. Reply STOP to end them.")
    )


def help_offered(phone: str) -> str:
    if phone:
        words = gettext("%(sender)s, appointment texts. Questions? Call %(phone)s. Reply STOP to end.")
        return _fitting(words, phone=phone)
    words = gettext("%(sender)s, appointment texts. Questions? See %(site)s. Reply STOP to end.")
    return _fitting(words, site=settings.PUBLIC_BASE_URL)


def confirmed(appointment: Appointment) -> str:
    return _about(
        appointment,
        gettext("%(sender)s: thank you. %(when)s, %(place)s is confirmed."),
        gettext("%(sender)s: %(when)s is confirmed."),
    )


def confirmed_already(appointment: Appointment) -> str:
    return _about(
        appointment,
        gettext("%(sender)s: %(when)s, %(place)s is confirmed already."),
        gettext("%(sender)s: %(when)s is confirmed already."),
    )


def too_early(appointment: Appointment) -> str:
    opens = localtime.local_date(confirmation.opens_at(appointment), appointment.facility.zone)
    return _about(
        appointment,
        gettext("%(sender)s: you can confirm %(when)s, %(place)s from %(day)s on."),
        gettext("%(sender)s: you can confirm %(when)s from %(day)s on."),
        day=wording.short_day(opens),
    )


def several() -> str:
    return _fitting(
        gettext("%(sender)s: you have several appointments. To confirm one, open the link in its message.")
    )


def nothing_to_confirm(phone: str) -> str:
    if phone:
        words = gettext("%(sender)s: there is no appointment to confirm by text. Please call %(phone)s.")
        return _fitting(words, phone=phone)
    return _fitting(gettext("%(sender)s: there is no appointment to confirm by text. Please call us."))


def _about(appointment: Appointment, *wordings: str, **facts: str) -> str:
    zone = appointment.facility.zone
    day = wording.short_day(localtime.local_date(appointment.starts_at, zone))
    when = f"{day}, {wording.clock_with_zone(appointment.starts_at, zone)}"
    return _fitting(*wordings, when=when, place=appointment.facility.name, **facts)


def _fitting(*wordings: str, **facts: str) -> str:
    """The fullest wording that is one segment, else the shortest."""
    known = {"sender": brand().name, **facts}
    texts = [segments.plain(words % known) for words in wordings]
    return next((text for text in texts if segments.count(text) == 1), texts[-1])
