"""What the messages about signing in say, in the active language. Subjects stand on locked screens: they carry no code."""

from django.utils.translation import gettext

from appointments.branding import brand
from reminders import segments
from reminders.letters import page
from reminders.letters.page import Link, Page
from reminders.messages import Letter
from reminders.models import Channel


def sign_in(channel: str, *, digits: str, link: str) -> Letter:
    facts = {"organisation": brand().name, "digits": digits, "link": link}
    if channel == Channel.PHONE:
        return _text(gettext("%(organisation)s code: %(digits)s. Or open %(link)s") % facts)
    return _email(
        subject=gettext("Your sign-in code for %(organisation)s") % facts,
        headline=gettext("Your code is %(digits)s") % facts,
        paragraphs=(
            gettext("Enter it on the page where you asked for it. Or open this link, on any device."),
        ),
        button=Link(gettext("Sign in"), link),
        remarks=(
            gettext(
                "Both work once, for 15 minutes. If you did not ask to sign in, you need do nothing: nobody gets in without them. "
                "Never tell the code to anyone."
            ),
        ),
    )


def new_contact(channel: str, *, digits: str) -> Letter:
    facts = {"organisation": brand().name, "digits": digits}
    if channel == Channel.PHONE:
        return _text(
            gettext("%(organisation)s code: %(digits)s. Enter it to use this number from now on.") % facts
        )
    return _email(
        subject=gettext("Your code for %(organisation)s") % facts,
        headline=gettext("Your code is %(digits)s") % facts,
        paragraphs=(
            gettext(
                "Enter it on the page where you asked for it, and this address is used from now on. It works once, for 15 minutes."
            ),
        ),
        remarks=(gettext("If you did not ask for it, you need do nothing. Never tell the code to anyone."),),
    )


def contact_changed(channel: str, *, changed: str) -> Letter:
    """To where the customer was reached before."""
    facts = {"organisation": brand().name}
    if channel == Channel.PHONE:
        return _text(
            gettext("%(organisation)s: your mobile number was changed. Was that not you? Call us.") % facts
        )
    if changed == Channel.PHONE:
        return _email(
            subject=gettext("Your mobile number was changed"),
            paragraphs=(
                gettext(
                    "The mobile number on your record at %(organisation)s was changed on our website. "
                    "If that was not you, call us at once."
                )
                % facts,
            ),
        )
    return _email(
        subject=gettext("Your e-mail address was changed"),
        paragraphs=(
            gettext(
                "The e-mail address on your record at %(organisation)s was changed on our website. "
                "Messages go to the new one from now on. If that was not you, call us at once."
            )
            % facts,
        ),
    )


def _text(words: str) -> Letter:
    return Letter("", segments.plain(words))


def _email(
    *,
    subject: str,
    paragraphs: tuple[str, ...],
    headline: str = "",
    button: Link | None = None,
    remarks: tuple[str, ...] = (),
) -> Letter:
    laid_out = Page(
        subject=subject,
        sender=brand().name,
        headline=headline,
        paragraphs=paragraphs,
        button=button,
        remarks=remarks,
    )
    return Letter(subject, page.as_text(laid_out), html=page.as_html(laid_out))
