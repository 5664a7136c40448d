"""E-mails by Django's backend to a real mail server."""

from datetime import timedelta
from email.message import EmailMessage

import pytest

from reminders import transports
from reminders.models import Channel
from reminders.transports.base import Fault, Receipt
from reminders.transports.smtp import server
from tests.contracts.mail_server import MailServer
from tests.factories import NOW
from tests.reminders.envelopes import INVITATION, REFERENCE, email, failed, sent

UNSUBSCRIBE = "https://care.example.org/portal/unsubscribe/token/"


def parts(message: EmailMessage) -> list[tuple[str, str]]:
    return [
        (part.get_content_type(), part.get_param("method") or "")
        for part in message.walk()
        if not part.is_multipart()
    ]


def test_email_arrives_with_text_html_and_invitation(mail_server: MailServer):
    assert sent(email()) == Receipt()
    [(sender, recipients, message)] = mail_server.envelopes
    assert (sender, recipients) == ("appointments@northside.example.org", ["ada@example.org"])
    assert (message["To"], message["Subject"]) == ("ada@example.org", "Your appointment at Café Northside")
    assert message["From"] == "Northside Care <appointments@northside.example.org>"
    assert parts(message) == [
        ("text/plain", ""),
        ("text/html", ""),
        ("text/calendar", "REQUEST"),
        ("application/ics", ""),
    ]
    text, html, calendar, attached = [part for part in message.walk() if not part.is_multipart()]
    assert text.get_content().strip() == "Dear Zoë, on Tuesday at 9:00."
    assert "<b>Tuesday</b>" in html.get_content()
    assert calendar.get_content().splitlines() == INVITATION.splitlines()
    assert (attached.get_filename(), attached.get_content()) == ("invite.ics", INVITATION.encode())
    assert calendar.get_content_charset() == "utf-8"


def test_headers_keep_machines_from_answering_and_let_people_end_it(mail_server: MailServer):
    sent(email(unsubscribe_url=UNSUBSCRIBE))
    sent(email())
    first, second = mail_server.messages
    assert first["Message-ID"] == second["Message-ID"] == f"<{REFERENCE}@northside.example.org>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>"
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (second["List-Unsubscribe"], second["List-Unsubscribe-Post"]) == (None, None)


def test_plain_email_has_one_part(mail_server: MailServer):
    sent(email(html="", invitation=""))
    assert parts(mail_server.messages[0]) == [("text/plain", "")]


def test_cancellation_is_named_as_one(mail_server: MailServer):
    sent(email(invitation=INVITATION.replace("REQUEST", "CANCEL")))
    assert ("text/calendar", "CANCEL") in parts(mail_server.messages[0])


def test_password_is_used(mail_server: MailServer, settings):
    settings.SMTP_URL = mail_server.url_with_password
    sent(email())
    assert len(mail_server.messages) == 1


def test_wrong_password_stops_the_account(mail_server: MailServer, settings):
    settings.SMTP_URL = mail_server.url_with_password.replace("secret", "wrong")
    error = failed(email())
    assert (error.permanent, error.fault, error.code) == (True, Fault.ACCOUNT, "535")


def test_server_without_tls_is_not_sent_to_in_clear(mail_server: MailServer, settings):
    settings.SMTP_URL = mail_server.url.replace("smtp://", "smtp+tls://")
    error = failed(email())
    assert (error.permanent, error.fault, mail_server.messages) == (True, Fault.ACCOUNT, [])


# ---------------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("at", "reply", "fault"),
    [
        ("RCPT", "550 5.1.1 No such user", Fault.ADDRESS),
        ("RCPT", "550 No such user", Fault.ADDRESS),
        ("RCPT", "551 User not local", Fault.ADDRESS),
        ("RCPT", "553 Mailbox name not allowed", Fault.ADDRESS),
        ("RCPT", "556 5.1.10 Takes no mail", Fault.ADDRESS),
        ("RCPT", "550 5.7.1 Blocked by policy", Fault.MESSAGE),
        ("RCPT", "552 5.2.2 Mailbox full", Fault.MESSAGE),
        ("RCPT", "530 5.7.0 Authentication required", Fault.ACCOUNT),
        ("MAIL", "553 5.7.1 Sender not allowed", Fault.ACCOUNT),
        ("MAIL", "552 5.3.4 Too big", Fault.MESSAGE),
        ("DATA", "554 5.7.1 Looks like spam", Fault.MESSAGE),
        ("DATA", "550 5.1.1 No such user", Fault.ADDRESS),
    ],
)
def test_refusals_for_good_say_what_is_to_blame(mail_server: MailServer, at: str, reply: str, fault: Fault):
    mail_server.replies = {at: reply}
    error = failed(email())
    assert (error.permanent, error.fault, error.may_have_been_sent) == (True, fault, False)
    assert str(error) == f"The mail server answered {reply[:3]}: {reply[4:]}"


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA"])
def test_refusals_for_now_are_tried_again(mail_server: MailServer, at: str):
    mail_server.replies = {at: "451 4.7.1 Try again later"}
    error = failed(email())
    assert (error.permanent, error.code, error.may_have_been_sent) == (False, "451", False)


def test_connection_lost_after_the_text_leaves_it_open(mail_server: MailServer):
    mail_server.hangs_up = True
    error = failed(email())
    assert (error.permanent, error.may_have_been_sent, len(mail_server.messages)) == (False, True, 1)


def test_server_that_falls_silent_is_not_waited_for(mail_server: MailServer, settings):
    settings.PROVIDER_TIMEOUT_SECONDS = 0.1
    mail_server.is_silent = True
    error = failed(email())
    assert (error.permanent, error.may_have_been_sent) == (False, True)


def test_nobody_listening_means_that_nothing_was_sent(mail_server: MailServer, settings):
    settings.SMTP_URL = "smtp://127.0.0.1:9"
    error = failed(email())
    assert (error.permanent, error.may_have_been_sent) == (False, False)


def test_line_break_does_not_become_a_header(mail_server: MailServer):
    error = failed(email(subject="Hello\nBcc: everybody@example.org"))
    assert (error.permanent, error.fault, mail_server.messages) == (True, Fault.MESSAGE, [])


def test_nobody_knows_whether_it_was_sent(mail_server: MailServer):
    transport = transports.of(Channel.EMAIL)
    sent(email())
    assert transport.find(email(), handed_over_at=NOW, now=NOW + timedelta(days=1)) is None


# ------------------------------------------------------------------------------------------------------ address


@pytest.mark.parametrize(
    ("url", "host", "port", "tls", "ssl"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, False, False),
        ("smtp+tls://u:p%40ss@mail.example.org", "mail.example.org", 587, True, False),
        ("smtp+ssl://u:p%40ss@mail.example.org", "mail.example.org", 465, False, True),
        ("smtp+tls://u:p%40ss@mail.example.org:2525", "mail.example.org", 2525, True, False),
    ],
)
def test_address_of_the_mail_server_says_all(url: str, host: str, port: int, tls: bool, ssl: bool):
    found = server(url)
    assert (found["host"], found["port"], found["use_tls"], found["use_ssl"]) == (host, port, tls, ssl)
    assert (found["username"], found["password"]) == (("u", "p@ss") if "u:" in url else ("", ""))


@pytest.mark.parametrize(
    "url", ["rubbish", "http://mail.example.org", "smtp://", "smtp://mail:port", "consolemail://"]
)
def test_address_that_names_no_mail_server_is_refused(url: str):
    with pytest.raises(ValueError, match=r".+"):
        server(url)
