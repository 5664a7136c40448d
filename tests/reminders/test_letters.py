"""What texts and e-mails about appointments say."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache

from appointments import branding, confirmation
from appointments.branding import Brand
from appointments.models import Appointment, Channel
from reminders import letters, messages, rules, segments, templates, unsubscribing
from reminders.links import MessageLinks
from reminders.messages import Letter
from reminders.models import Kind, Message, ReminderRule, ReminderWording
from tests import factories as make
from tests.portal.clinic import Clinic
from tests.reminders.sending import message, notice

pytestmark = pytest.mark.django_db

# Monday, 9:00 in New York; the appointment is on Wednesday, so it can be confirmed.
NOW = make.NOW
WEDNESDAY = date(2026, 11, 25)
LAST_WEEK = NOW - timedelta(days=7)
TOKEN = "Zk3vQ9" * 7 + "w"
MANAGE = f"https://book.example.org/portal/a/{TOKEN}/"
CONFIRM = f"https://book.example.org/c/{TOKEN}/"
BOTH, MANAGE_ALONE, NONE = MessageLinks(MANAGE, CONFIRM), MessageLinks(MANAGE), MessageLinks()
SECRETS = ("Grief", "Dana", "Reyes", "Bring", "Second floor", "Suspected", "Ada", "Nguyen")


@pytest.fixture
def clinic() -> Clinic:
    program = {"name": "Grief counseling", "public_note": "Bring an ID.", "min_notice_hours": 24}
    clinic = Clinic.open(name="Northside", address="120 Mill Street", program=program)
    clinic.staff.display_name = "Dana Reyes"
    clinic.staff.save()
    return clinic


@pytest.fixture
def visit(clinic: Clinic) -> Appointment:
    """With everything in it that could leak."""
    return make.appointment(
        staff=clinic.staff,
        program=clinic.program,
        customer=make.customer(
            at=clinic.facility, given_name="Ada", family_name="Nguyen", email="ada@example.org"
        ),
        starts_at=clinic.at(10, 45, WEDNESDAY),
        public_note="Second floor.",
        private_note="Suspected abuse.",
    )


def planned(
    visit: Appointment, kind: str = Kind.BOOKED, channel: str = Channel.PHONE, **given: Any
) -> Message:
    if kind == Kind.REMINDER:
        given.setdefault("rule", rule_of(visit, channel))
    return notice(of=visit, kind=kind, channel=channel, **given)


def rule_of(visit: Appointment, channel: str) -> ReminderRule:
    return next(rule for rule in rules.of(visit.program) if rule.channel == channel)


def written(
    visit: Appointment, *what: str, links: MessageLinks = BOTH, now: datetime = NOW, **given: Any
) -> Letter:
    return letters.compose(planned(visit, *what, **given), links=links, now=now)


def text(visit: Appointment, kind: str = Kind.BOOKED, **given: Any) -> str:
    return written(visit, kind, Channel.PHONE, **given).text.replace(TOKEN, "…")


def email(visit: Appointment, kind: str = Kind.BOOKED, **given: Any) -> Letter:
    return written(visit, kind, Channel.EMAIL, **given)


def told(visit: Appointment, **changed: Any) -> dict[str, Any]:
    """What the reader was told last."""
    known = {"starts_at": visit.starts_at, "ends_at": visit.ends_at, "staff": visit.staff_id} | changed
    return {name: said.isoformat() if isinstance(said, datetime) else said for name, said in known.items()}


def earlier(visit: Appointment) -> dict[str, Any]:
    hour = timedelta(hours=1)
    return told(visit, starts_at=visit.starts_at - hour, ends_at=visit.ends_at - hour)


# --------------------------------------------------------------------------------------------------- texts


def test_texts_of_what_can_be_confirmed_ask_for_it(visit):
    where = "Wed, Nov 25, 10:45 AM EST, Northside."
    ask = "Reply C to confirm or open https://book.example.org/c/…/"
    assert text(visit, Kind.REMINDER) == f"SecureCare: {where} {ask} STOP to end"
    assert text(visit) == f"SecureCare: {where} {ask} STOP to end"
    assert text(visit, Kind.MOVED, before=earlier(visit)) == f"SecureCare: moved to {where} {ask}"


def test_texts_of_what_cannot_be_confirmed_yet_do_not_ask(visit):
    for links, link in ((MANAGE_ALONE, "/portal/a/…/"), (BOTH, "/c/…/")):
        for kind in (Kind.REMINDER, Kind.BOOKED, Kind.MOVED):
            said = text(visit, kind, links=links, now=LAST_WEEK)
            assert f" https://book.example.org{link} " in said
            assert not [word for word in ("Reply C", "onfirm") if word in said]


@pytest.mark.parametrize("stamp", ["email_confirmed_at", "phone_confirmed_at"])
@pytest.mark.parametrize("channel", ["email", "phone"])
def test_confirmed_by_one_channel_nobody_is_asked_by_either(visit, stamp, channel):
    asked = written(visit, Kind.REMINDER, channel)
    setattr(visit, stamp, NOW)
    letter = written(visit, Kind.REMINDER, channel)
    for words in ("Reply C", "Please confirm", ">Confirm<", "Confirm:"):
        assert words not in letter.subject + letter.text + letter.html
    assert "onfirm" in asked.text
    assert (channel == "phone") == ("You have confirmed it." not in letter.text)


def test_asking_begins_and_ends_with_the_window_to_the_second(visit):
    opens, second = confirmation.opens_at(visit), timedelta(seconds=1)
    asks = ["Reply C" in text(visit, Kind.REMINDER, now=now) for now in (opens - second, opens)]
    asks += [
        "Please confirm" in email(visit, Kind.REMINDER, now=now).text
        for now in (visit.starts_at - second, visit.starts_at)
    ]
    assert asks == [False, True, True, False]


def test_too_late_to_change_it_nobody_is_told_that_they_can(visit):
    """The program wants a day's notice."""
    limit = visit.starts_at - timedelta(hours=24)
    for now, may in ((limit, True), (limit + timedelta(seconds=1), False)):
        said, letter = text(visit, links=MANAGE_ALONE, now=now), email(visit, links=MANAGE_ALONE, now=now)
        assert ("change it" in said) is may
        assert ("You can change it yourself until Tuesday, November 24" in letter.text) is may
        assert ("See, move or cancel it" in letter.text + letter.html) is may
        assert ("It can no longer be moved or cancelled online." in letter.text) is not may


def test_change_of_staff_alone_is_no_move_and_names_nobody_in_a_text(visit):
    before = told(visit, staff=visit.staff_id + 1)
    said = text(visit, Kind.MOVED, before=before, links=MANAGE_ALONE)
    letter = email(visit, Kind.MOVED, before=before)
    assert said == (
        "SecureCare: changed: Wed, Nov 25, 10:45 AM EST, Northside. "
        "https://book.example.org/portal/a/…/ Reply STOP to end"
    )
    assert letter.subject == "Appointment changed: Wednesday, November 25, 10:45 AM EST"
    assert "You will be seen by Dana Reyes." in letter.text
    assert "Instead of" not in letter.text


def test_change_of_length_alone_tells_both(visit):
    longer = told(visit, ends_at=visit.ends_at + timedelta(minutes=30))
    letter = email(visit, Kind.MOVED, before=longer)
    assert "Instead of: Wednesday, November 25, 2026, 10:45 AM to 11:45 AM EST\n" in letter.text
    assert "seen by" not in letter.text
    assert letter.subject.startswith("Appointment changed: ")


def test_change_of_length_and_staff_does_not_say_that_the_time_stays(visit):
    before = told(visit, ends_at=visit.ends_at + timedelta(minutes=30), staff=visit.staff_id + 1)
    assert "The time and the place stay." not in email(visit, Kind.MOVED, before=before).text


def test_booked_again_after_it_was_called_off_says_so(visit):
    before = {"cancelled": True}
    assert "still on: Wed, Nov 25" in text(visit, before=before)
    assert email(visit, before=before).text.startswith("Your appointment is not cancelled after all.\n")


def test_cancelled_text_tells_whom_to_call(visit):
    assert text(visit, Kind.CANCELLED, links=NONE) == (
        "SecureCare: your appointment is cancelled: Wed, Nov 25, 10:45 AM EST, Northside. "
        "Questions? Call (212) 555-0100."
    )
    visit.facility.phone = ""
    assert text(visit, Kind.CANCELLED, links=NONE).endswith("Northside.")


def test_cancelled_notice_names_the_time_that_its_reader_knows(visit):
    """A move that nobody was told of is nobody's business any more."""
    letter = email(visit, Kind.CANCELLED, before=earlier(visit), links=NONE)
    assert "9:45 AM EST" in text(visit, Kind.CANCELLED, before=earlier(visit), links=NONE)
    assert letter.subject == "Appointment cancelled: Wednesday, November 25, 9:45 AM EST"
    assert "9:45 AM to 10:15 AM EST" in letter.text
    assert "10:45" not in letter.text + letter.html


EVERY_TEXT = [
    (Kind.REMINDER, {}),
    (Kind.BOOKED, {}),
    (Kind.BOOKED, {"cancelled": True}),
    (Kind.MOVED, {}),
    (Kind.MOVED, {"starts_at": "2026-11-24T15:00:00+00:00"}),
    (Kind.CANCELLED, {}),
]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("kind", "before"), EVERY_TEXT)
def test_texts_tell_nothing_of_the_care(visit, kind, before, language):
    for links in (BOTH, MANAGE_ALONE):
        letter = written(visit, kind, Channel.PHONE, before=before, language=language, links=links)
        assert [secret for secret in SECRETS if secret in letter.text] == []
        assert (letter.subject, letter.html, letter.invitation) == ("", "", "")


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("kind", "before"), EVERY_TEXT)
@pytest.mark.parametrize(
    ("sender", "place"), [("SecureCare", "Northside Family Center"), ("Harbor Health", "Clínica San Martín")]
)
def test_texts_cost_one_segment_on_any_day_of_the_week(visit, sender, place, kind, before, language):
    cache.set(branding.KEY, Brand(sender, "customer", "customers", "", ()), None)
    visit.facility.name = place
    for day in range(7):
        visit.starts_at = make.at(date(2026, 12, 21 + day), 10, 45)
        visit.ends_at = visit.starts_at + timedelta(minutes=30)
        for links, now in ((BOTH, visit.starts_at - timedelta(days=1)), (MANAGE_ALONE, NOW)):
            said = written(
                visit, kind, Channel.PHONE, before=before, language=language, links=links, now=now
            ).text
            assert segments.count(said) == 1, said
            assert said.startswith(f"{sender}: ")
            assert segments.plain(place) in said
            asks = kind not in (Kind.CANCELLED, Kind.MOVED) and "cancelled" not in before and links is BOTH
            assert not asks or "C or" in said or "C to" in said or " C " in said, said


def test_text_of_a_long_name_still_says_what_its_link_is_for(visit):
    cache.set(branding.KEY, Brand("Bridgewater Community Services", "customer", "customers", "", ()), None)
    visit.facility.name = "Northside"
    for language, asked in (("en", "Confirm: "), ("es", "Confirme: ")):
        tomorrow = visit.starts_at - timedelta(days=1)
        said = written(visit, Kind.BOOKED, Channel.PHONE, language=language, links=BOTH, now=tomorrow).text
        assert segments.count(said) == 1, said
        assert asked in said


def test_first_text_tells_how_to_end_them(visit):
    visit.facility.name = "Northside Family Center"
    for language, ending in (("en", "Reply STOP to end"), ("es", "Baja: STOP")):
        said = text(visit, language=language, links=MANAGE_ALONE, now=LAST_WEEK)
        assert said.endswith(ending)


def test_long_names_keep_sender_time_place_and_link(visit):
    visit.facility.name = "Downtown Clinic at the Old Harbor of Saint John the Baptist"
    assert text(visit) == (
        "SecureCare: Wed, Nov 25, 10:45 AM EST, Downtown Clinic at the Old Harbor of Saint John the Baptist. "
        "https://book.example.org/c/…/"
    )


def test_texts_in_spanish(visit):
    assert text(visit, Kind.REMINDER, language="es") == (
        "SecureCare: mié, 25 de nov, 10:45 a.m. EST, Northside. "
        "Confirme con C o en https://book.example.org/c/…/ Baja: STOP"
    )
    assert text(visit, Kind.CANCELLED, language="es", links=NONE) == (
        "SecureCare: su cita fue cancelada: mié, 25 de nov, 10:45 a.m. EST, Northside. "
        "¿Preguntas? Llame al (212) 555-0100."
    )


# -------------------------------------------------------------------------------------------------- e-mails


def test_email_says_all_that_is_needed(visit):
    row = planned(visit, Kind.REMINDER, Channel.EMAIL)
    letter = letters.compose(row, links=BOTH, now=NOW)
    assert letter.subject == "Please confirm your appointment on Wednesday, November 25, 10:45 AM EST"
    assert letter.text == (
        "Your appointment is coming up.\n\n"
        "Please confirm that you will be there.\n\n"
        "When: Wednesday, November 25, 2026, 10:45 AM to 11:15 AM EST\n"
        "Where: Northside, 120 Mill Street\n"
        "What: Grief counseling\n"
        "With: Dana Reyes\n"
        "For: Ada Nguyen\n\n"
        f"Confirm:\n{CONFIRM}\n\n"
        f"See, move or cancel it:\n{MANAGE}\n\n"
        "You can change it yourself until Tuesday, November 24, 10:45 AM EST.\n\n"
        "What to bring or know:\nBring an ID.\n\n"
        "A note for you:\nSecond floor.\n\n"
        "SecureCare\nQuestions? Call (212) 555-0100.\n\n"
        f"Stop these e-mails:\n{unsubscribing.url(row)}\n"
    )


def test_email_in_spanish(visit):
    letter = email(visit, Kind.MOVED, before=earlier(visit), language="es")
    assert letter.subject == "Cita cambiada al miércoles, 25 de noviembre, 10:45 a.m. EST"
    assert letter.text.startswith("Su cita cambió de horario.\n\nPor favor, confirme que vendrá.\n\nCuándo: ")
    assert '<html lang="es" dir="ltr">' in letter.html


def test_cancelled_email_offers_another_time_and_keeps_notes_to_itself(visit, settings):
    settings.PUBLIC_BASE_URL = "https://book.example.org"
    letter = email(visit, Kind.CANCELLED, links=NONE)
    address = f"https://book.example.org/portal/book/{visit.program_id}/"
    assert f"Book another time:\n{address}\n" in letter.text
    assert f'href="{address}"' in letter.html
    visit.program.allows_public_booking = False
    assert "/portal/book/" not in email(visit, Kind.CANCELLED, links=NONE).text
    assert [said for said in ("Bring", "Second floor") if said in letter.text + letter.html] == []


@pytest.mark.parametrize(("kind", "before"), EVERY_TEXT)
def test_private_note_is_in_no_email_and_the_care_not_in_the_subject(visit, kind, before):
    letter = email(visit, kind, before=before)
    assert "Suspected" not in letter.subject + letter.text + letter.html + letter.invitation
    assert [secret for secret in SECRETS if secret in letter.subject] == []


@pytest.mark.parametrize("name", ["Win at www.prize.example", "http://prize.example", "me@prize.example"])
def test_name_that_carries_an_address_is_not_sent_on(visit, name):
    visit.contact_name = name
    letter = email(visit)
    assert "prize" not in letter.subject + letter.text + letter.html
    assert "For: " not in letter.text


def test_html_says_what_the_text_says(visit):
    letter = email(visit, Kind.REMINDER)
    for said in (
        "Your appointment is coming up.",
        "Please confirm that you will be there.",
        "Wednesday, November 25, 2026, 10:45 AM to 11:15 AM EST",
        "Northside, 120 Mill Street",
        "Grief counseling",
        "Dana Reyes",
        "Ada Nguyen",
        f'href="{CONFIRM}"',
        f'href="{MANAGE}"',
        "Bring an ID.",
        "Second floor.",
        'href="tel:2125550100"',
        "/portal/unsubscribe/",
    ):
        assert said in letter.html


def test_html_has_a_dark_side_and_nothing_that_tells_when_it_is_read(visit):
    html = email(visit).html
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    for loads in ("<img", "<link", "<script", "src=", "url(", "@import", "<iframe"):
        assert loads not in html


HOSTILE = '"><script>alert(1)</script><b>'


def test_what_people_typed_is_text_in_html(visit):
    visit.customer.given_name = visit.staff.display_name = "<b>"
    visit.public_note = visit.program.public_note = visit.program.name = HOSTILE
    visit.facility.name = visit.facility.address = visit.facility.phone = HOSTILE
    cache.set(branding.KEY, Brand(HOSTILE, "customer", "customers", "", ()), None)
    rule = rule_of(visit, Channel.EMAIL)
    ReminderWording.objects.create(rule=rule, language="en", text=HOSTILE + "{place}{program}")
    for kind in (Kind.BOOKED, Kind.REMINDER):
        html = email(visit, kind).html
        assert "&lt;script&gt;" in html
        assert "<script" not in html
        assert "<b>" not in html


def test_letter_can_be_sealed_and_read(visit):
    row = planned(visit, Kind.REMINDER, Channel.EMAIL)
    letter = letters.compose(row, links=BOTH, now=NOW)
    for name, value in messages.sealed(letter, row.reference).items():
        setattr(row, name, value)
    row.save()
    stored = Message.objects.get(pk=row.pk)
    assert messages.read(stored) == letter
    assert TOKEN.encode() not in bytes(stored.ciphertext)


def test_message_about_no_appointment_is_not_worded_here():
    with pytest.raises(ValueError, match="about no appointment"):
        letters.compose(message(), links=NONE, now=NOW)


# ------------------------------------------------------------------------------------- a program's own words


def own(visit: Appointment, channel: str, words: str, *, language: str = "en", subject: str = "") -> None:
    ReminderWording.objects.create(
        rule=rule_of(visit, channel), language=language, subject=subject, text=words
    )


def test_own_words_are_the_whole_text(visit):
    own(visit, "phone", "{organisation}: hello, {day} {time} at {place}, {address}, {phone}. {date}: {link}")
    assert text(visit, Kind.REMINDER) == (
        "SecureCare: hello, Wed, Nov 25 10:45 AM EST at Northside, 120 Mill Street, (212) 555-0100. "
        "Wednesday, November 25, 2026: https://book.example.org/c/…/"
    )
    assert "hello" not in text(visit, Kind.BOOKED)


def test_own_words_open_an_email_whose_facts_stay(visit):
    own(
        visit, "email", "Dear {first_name},\n\n{staff} sees you for {program}.", subject="On {day}\nat {time}"
    )
    letter = email(visit, Kind.REMINDER)
    assert letter.subject == "On Wed, Nov 25 at 10:45 AM EST"
    assert letter.text.startswith("Dear Ada,\n\nDana Reyes sees you for Grief counseling.\n\nWhen: ")
    assert "Dear Ada,<br><br>Dana Reyes sees you" in letter.html
    for said in (f"Confirm:\n{CONFIRM}", "Second floor.", "Stop these e-mails"):
        assert said in letter.text
    assert "coming up" not in letter.text


def test_own_words_are_those_of_the_language_and_the_subject_is_optional(visit):
    own(visit, "email", "Hola {first_name}.", language="es")
    assert email(visit, Kind.REMINDER, language="es").text.startswith("Hola Ada.\n\nCuándo: ")
    assert email(visit, Kind.REMINDER, language="es").subject.startswith("Confirme su cita: ")
    assert "Hola" not in email(visit, Kind.REMINDER).text


@pytest.mark.parametrize("words", ["{program} at {time}: {link}", "{first_name}: {link}", "{", "  "])
def test_own_words_that_cannot_be_filled_in_lose_no_text(visit, words, caplog):
    usual = text(visit, Kind.REMINDER)
    own(visit, "phone", words)
    assert text(visit, Kind.REMINDER) == usual


def test_own_words_with_a_name_typed_to_advertise_are_not_sent(visit):
    own(visit, "email", "Dear {first_name}!")
    visit.contact_name = "www.prize.example"
    letter = email(visit, Kind.REMINDER)
    assert letter.text.startswith("Your appointment is coming up.")
    assert "Dear" not in letter.text + letter.html


@pytest.mark.parametrize("channel", ["email", "phone"])
def test_own_words_that_speak_of_confirming_are_not_sent_once_it_is_confirmed(visit, channel):
    own(visit, channel, "{organisation}: please CONFIRM {time}: {link}")
    assert "please CONFIRM" in written(visit, Kind.REMINDER, channel).text
    visit.email_confirmed_at = NOW
    assert "CONFIRM" not in written(visit, Kind.REMINDER, channel).text


def test_words_can_be_tried_out_before_they_are_stored(visit):
    own(visit, "phone", "{organisation}: stored {time} {link}")
    tried = ReminderWording(language="en", text="{organisation}: tried {time} {link}")
    row = planned(visit, Kind.REMINDER, Channel.PHONE)
    assert letters.compose(row, links=BOTH, now=NOW, wording=tried).text.startswith("SecureCare: tried ")


@pytest.mark.parametrize("channel", ["email", "phone"])
def test_every_field_has_a_value_where_it_may_stand(visit, channel):
    fields = letters.fields_of(planned(visit, Kind.REMINDER, channel), BOTH)
    allowed = {name for name, field in templates.FIELDS.items() if field.in_texts or channel == "email"}
    assert set(fields) == allowed
    assert all(fields.values())
