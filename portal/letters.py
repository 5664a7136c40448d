"""What the messages about signing in say, in the active language. Subjects stand on locked screens: they carry no code."""

from django.utils.translation import gettext

from appointments.branding import brand
from reminders import segments
from reminders.messages import Letter
from reminders.models import Channel


def sign_in(channel: str, *, digits: str, link: str) -> Letter:
    facts = {"organisation": brand().name, "digits": digits, "link": link}
    if channel == Channel.PHONE:
        return Letter(
            "", segments.plain(gettext("%(organisation)s code: %(digits)s. Or open %(link)s") % facts)
        )
    return Letter(
        gettext("Your sign-in code for %(organisation)s") % facts,
        gettext(
            "Your code is %(digits)s\n\n"
            "Enter it on the page where you asked for it. Or open this link, on any device:\n%(link)s\n\n"
            "Both work once, for 15 minutes. If you did not ask to sign in, you need do nothing: nobody gets in without them. "
            "Never tell the code to anyone.\n\n%(organisation)s\n"
        )
        % facts,
    )


def new_contact(channel: str, *, digits: str) -> Letter:
    facts = {"organisation": brand().name, "digits": digits}
    if channel == Channel.PHONE:
        words = gettext("%(organisation)s code: %(digits)s. Enter it to use this number from now on.")
        return Letter("", segments.plain(words % facts))
    return Letter(
        gettext("Your code for %(organisation)s") % facts,
        gettext(
            "Your code is %(digits)s\n\n"
            "Enter it on the page where you asked for it, and this address is used from now on. It works once, for 15 minutes.\n\n"
            "If you did not ask for it, you need do nothing. Never tell the code to anyone.\n\n%(organisation)s\n"
        )
        % facts,
    )


def contact_changed(channel: str, *, changed: str) -> Letter:
    """To where the customer was reached before."""
    facts = {"organisation": brand().name}
    if channel == Channel.PHONE:
        words = gettext("%(organisation)s: your mobile number was changed. Was that not you? Call us.")
        return Letter("", segments.plain(words % facts))
    if changed == Channel.PHONE:
        return Letter(
            gettext("Your mobile number was changed"),
            gettext(
                "The mobile number on your record at %(organisation)s was changed on our website. "
                "If that was not you, call us at once.\n"
            )
            % facts,
        )
    return Letter(
        gettext("Your e-mail address was changed"),
        gettext(
            "The e-mail address on your record at %(organisation)s was changed on our website. "
            "Messages go to the new one from now on. If that was not you, call us at once.\n"
        )
        % facts,
    )
