"""The pages on which a program's reminders are set up."""

import re
from datetime import time

import pytest
from django.urls import reverse

from appointments.models import Channel, Facility
from reminders import rulebook, rules
from reminders.models import ReminderRule, ReminderWording
from reminders.rulebook import Lead
from tests import factories as make
from tests.scheduling.desk import Desk, alerts_of, errors_of, part, text_of

pytestmark = pytest.mark.django_db

TEXT = "{organisation}: {day}, {time}. {link}"
LIST = "/messages/reminders/"


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def manager(desk):
    return desk.signed_in("manager")


def program_url(program):
    return reverse("reminder-program", args=[program.pk])


def rule_url(rule):
    return reverse("reminder-rule", args=[rule.program_id, rule.pk])


def rule_of(program, channel=Channel.PHONE, lead="2 days before at 10:00 AM"):
    return next(rule for rule in rules.of(program) if (rule.lead, rule.channel) == (lead, channel))


def sent(**fields):
    """What the form of a rule two days before at ten sends."""
    usual = {"unit": "days", "days_before": "2", "at_time": "10:00", "hours_before": ""}
    words = {"text_en": "", "text_es": "", "subject_en": "", "subject_es": ""}
    return {**usual, **words, **fields}


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


def preview_in(response):
    found = re.search(r'<section id="rule-preview".*?</section>', response.content.decode(), re.S)
    assert found is not None
    return found[0].strip()


def letters_in(response):
    return [one.letter and one.letter.text for one in response.context["previews"]]


# The list and a program


def test_list_shows_each_programs_reminders_in_words(desk, manager):
    rulebook.switch(rule=rule_of(desk.program), is_on=False, by=desk.staff.user, now=make.NOW)
    shown = text_of(manager.get(LIST))
    assert (
        f"Northside {desk.program} E-mail 7 days before at 10:00 AM E-mail 2 days before at 10:00 AM "
        "Text message 2 hours before"
    ) in shown
    assert "Text message 2 days before" not in shown


def test_list_names_a_program_that_reminds_nobody(desk, manager):
    for rule in rules.of(desk.program):
        rulebook.switch(rule=rule, is_on=False, by=desk.staff.user, now=make.NOW)
    assert f"{desk.program} No reminders" in text_of(manager.get(LIST))


def test_list_shows_only_own_facilities(desk, manager):
    make.program(at=make.facility(name="Elsewhere House"), name="Hidden Program")
    shown = text_of(manager.get(LIST))
    assert [word in shown for word in ("Elsewhere House", "Hidden Program", str(desk.program))] == [
        False,
        False,
        True,
    ]


def test_list_without_programs_says_where_they_come_from(desk):
    client = desk.signed_in("manager")
    desk.program.delete()
    assert "An administrator adds a program" in text_of(client.get(LIST))


@pytest.mark.parametrize("count", [1, 30])
def test_list_takes_a_fixed_number_of_queries(desk, manager, count, django_assert_num_queries):
    for _ in range(count - 1):
        make.program(at=desk.facility)
    manager.get(LIST)
    with django_assert_num_queries(6):
        page = manager.get(LIST)
    assert page.content.count(b"Text message 2 hours before") == count


@pytest.mark.parametrize("count", [1, 30])
def test_program_takes_a_fixed_number_of_queries(desk, manager, count, django_assert_num_queries):
    for number in range(count):
        rule = ReminderRule.objects.create(program=desk.program, channel="email", hours_before=number + 1)
        ReminderWording.objects.create(rule=rule, language="en", text=TEXT)
    manager.get(program_url(desk.program))
    with django_assert_num_queries(7):
        page = manager.get(program_url(desk.program))
    assert text_of(page).count("Own words in English") == count


def test_program_shows_its_rules_and_whose_words_they_have(desk, manager):
    rule = rule_of(desk.program)
    for language in ("en", "es"):
        ReminderWording.objects.create(rule=rule, language=language, text=TEXT)
    shown = text_of(manager.get(program_url(desk.program)))
    assert "Text message 2 days before at 10:00 AM Own words in English, Español" in shown
    assert "E-mail 7 days before at 10:00 AM The usual words" in shown


def test_rule_is_added(desk, manager):
    values = {"channel_of": "phone", "unit": "days", "days_before": "1", "at_time": "4:30 PM"}
    done = manager.post(program_url(desk.program), values, follow=True)
    assert messages_of(done) == [
        "Added: Text message 1 day before at 4:30 PM. It holds for the appointments ahead."
    ]
    assert Lead.of(rule_of(desk.program, lead="1 day before at 4:30 PM")) == Lead(1, time(16, 30))
    assert done.redirect_chain == [(program_url(desk.program), 302)]


def test_only_the_chosen_unit_counts(desk, manager):
    values = {"channel_of": "email", "unit": "hours", "days_before": "x", "at_time": "x", "hours_before": "5"}
    manager.post(program_url(desk.program), values)
    assert Lead.of(rule_of(desk.program, "email", "5 hours before")) == Lead(hours_before=5)


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"channel_of": ""}, ["Choose how to remind."]),
        ({"channel_of": "pigeon"}, ["Choose how to remind."]),
        ({"unit": "weeks"}, ["Choose days or hours."]),
        ({"days_before": ""}, ["Enter how many days before."]),
        ({"days_before": "two"}, ["Enter a whole number, 0 to 60."]),
        ({"days_before": "-1"}, ["Enter 0 to 60 days."]),
        ({"days_before": "9" * 30}, ["Enter 0 to 60 days."]),
        ({"at_time": ""}, ["Enter the time of day."]),
        ({"at_time": "noon"}, ["This is not a time of day. Enter it as 10:15 AM."]),
        ({"at_time": "21:00"}, ["Texts rest from 8:00 PM to 8:00 AM. Enter a time between, as 10:00 AM."]),
        ({"unit": "hours", "hours_before": ""}, ["Enter how many hours before."]),
        ({"unit": "hours", "hours_before": "0"}, ["Enter 1 to 72 hours."]),
    ],
)
def test_bad_rule_is_told_beside_the_field(desk, manager, fields, errors):
    rules.of(desk.program)
    values = {"channel_of": "phone", "unit": "days", "days_before": "1", "at_time": "10:00", **fields}
    response = manager.post(program_url(desk.program), values)
    assert (response.status_code, errors_of(response)) == (422, errors)
    assert ReminderRule.objects.count() == 4


def test_rule_that_is_there_already_is_told_on_top(desk, manager):
    values = {"channel_of": "phone", "unit": "days", "days_before": "2", "at_time": "10:00"}
    response = manager.post(program_url(desk.program), values)
    assert (response.status_code, alerts_of(response)) == (
        422,
        ["There is this reminder already: Text message 2 days before at 10:00 AM."],
    )


def test_rule_is_switched_off_and_on(desk, manager):
    rule = rule_of(desk.program)
    states = []
    for on in ("0", "1"):
        done = manager.post(program_url(desk.program), {"switch": rule.pk, "on": on}, follow=True)
        rule.refresh_from_db()
        states.append((rule.is_active, messages_of(done), "Off" in text_of(done)))
    said = "Text message 2 days before at 10:00 AM."
    assert states == [(False, [f"Switched off: {said}"], True), (True, [f"Switched on: {said}"], False)]


@pytest.mark.parametrize("pk", ["", "x", "0", "²", "99999999999999999999"])
def test_rule_that_is_none_of_the_programs_cannot_be_switched(desk, manager, pk):
    other = rule_of(make.program(at=desk.facility))
    for sent_pk in (pk, str(other.pk)):
        assert manager.post(program_url(desk.program), {"switch": sent_pk, "on": "0"}).status_code == 404
    other.refresh_from_db()
    assert other.is_active


# A rule


def test_rule_shows_its_time_its_words_and_the_usual_ones(desk, manager):
    rule = rule_of(desk.program)
    ReminderWording.objects.create(rule=rule, language="es", text="{organisation} {day} {time} {link} <b>")
    page = manager.get(rule_url(rule))
    form = page.context["form"]
    assert [form[name].value() for name in ("unit", "days_before", "hours_before")] == ["days", 2, None]
    assert [form[f"text_{language}"].value() for language in ("en", "es")] == [
        None,
        "{organisation} {day} {time} {link} <b>",
    ]
    assert [one.is_own for one in page.context["previews"]] == [False, True]
    assert "&lt;b&gt;</p>" in preview_in(page)


def test_time_and_words_are_saved(desk, manager):
    rule = rule_of(desk.program, Channel.EMAIL)
    values = sent(
        days_before="4",
        at_time="09:15",
        subject_en="Soon: {day}",
        text_en="Dear {first_name},\r\n\r\n{day} {time} {link}",
    )
    done = manager.post(rule_url(rule), values, follow=True)
    assert messages_of(done) == [
        "Saved: E-mail 4 days before at 9:15 AM. It holds for the appointments ahead."
    ]
    rule.refresh_from_db()
    assert Lead.of(rule) == Lead(4, time(9, 15))
    assert list(rule.wordings.values_list("language", "subject", "text")) == [
        ("en", "Soon: {day}", "Dear {first_name},\n\n{day} {time} {link}")
    ]


def test_words_are_taken_back_by_leaving_them_empty(desk, manager):
    rule = rule_of(desk.program)
    ReminderWording.objects.create(rule=rule, language="en", text=TEXT)
    manager.post(rule_url(rule), sent(text_en="  \r\n"))
    assert rule.wordings.count() == 0


@pytest.mark.parametrize(
    ("channel", "fields", "errors"),
    [
        ("phone", {"text_en": f"{TEXT} {{tme}}"}, ["There is no field {tme}. Did you mean {time}?"]),
        (
            "phone",
            {"text_es": f"{TEXT} {{program}}"},
            ["Leave {program} out: others may read a text. It can stand in an e-mail."],
        ),
        (
            "phone",
            {"text_en": f"{TEXT} Reply CANCEL to cancel."},
            [
                "Do not have them answer “CANCEL”: it ends all texts to their number. Let them cancel by {link}."
            ],
        ),
        (
            "phone",
            {"text_en": "{organisation}: {time}. {link}"},
            ["Add {day} or {date}: it is read days before."],
        ),
        ("phone", {"text_en": "x" * 2001}, ["Keep it to 2000 characters."]),
        ("phone", {"text_en": f"{TEXT}\x00"}, ["Null characters are not allowed."]),
        ("email", {"subject_en": "Soon"}, ["Write the text as well, or leave the subject empty too."]),
        ("email", {"subject_en": "x" * 121, "text_en": TEXT}, ["Keep it to 120 characters."]),
        (
            "email",
            {"subject_en": "{link}", "text_en": TEXT},
            ["Leave {link} out of the subject: it goes into the text below."],
        ),
        ("email", {"at_time": ""}, ["Enter the time of day."]),
    ],
)
def test_bad_words_are_told_beside_the_field(desk, manager, channel, fields, errors):
    rule = rule_of(desk.program, channel)
    response = manager.post(rule_url(rule), sent(**fields))
    assert (response.status_code, errors_of(response)[: len(errors)]) == (422, errors)
    assert alerts_of(response) == ["Not saved yet. Look at the field marked below."]
    assert ReminderWording.objects.count() == 0
    assert all(str(value) in response.content.decode().replace("&#x27;", "'") for value in ["rule-preview"])


def test_changing_to_a_time_that_another_rule_has_is_told_on_top(desk, manager):
    rule = rule_of(desk.program)
    response = manager.post(rule_url(rule), sent(unit="hours", hours_before="2"))
    assert alerts_of(response) == ["There is this reminder already: Text message 2 hours before."]


# The preview


def test_preview_fills_in_what_is_typed_and_saves_nothing(desk, manager):
    rule = rule_of(desk.program)
    response = manager.post(rule_url(rule), sent(text_en=TEXT, days_before="9", preview="1"))
    english, spanish = letters_in(response)
    assert re.fullmatch(r"SecureCare: \w{3}, \w{3} \d+, 10:45 AM E[SD]T\. http\S+/c/[\w-]{43}/", english)
    assert "10:45" in spanish
    assert response.status_code == 200
    rule.refresh_from_db()
    assert (ReminderWording.objects.count(), rule.days_before) == (0, 2)


def test_preview_is_in_the_readers_language(desk, manager):
    rule = rule_of(desk.program, Channel.EMAIL)
    words = "{date} {time} {link}"
    response = manager.post(rule_url(rule), sent(text_en=words, text_es=words, preview="1"))
    english, spanish = letters_in(response)
    assert re.search(r"\w+day, \w+ \d+, \d{4} 10:45 AM", english)
    assert re.search(r"\w+, \d+ de \w+ de \d{4} 10:45", spanish)


@pytest.mark.parametrize("channel", ["email", "phone"])
def test_every_field_that_is_offered_is_filled_in(desk, manager, channel):
    rule = rule_of(desk.program, channel)
    offered = manager.get(rule_url(rule)).context["fields"]
    words = "Come early: " + " | ".join(str(field) for field in offered)
    filled = letters_in(manager.post(rule_url(rule), sent(text_en=words, preview="1")))[0]
    assert filled.startswith("Come early: ")
    assert ("{" in filled, filled.splitlines()[0].count(" | ")) == (False, len(offered) - 1)


def test_preview_counts_characters_and_texts(desk, manager):
    rule = rule_of(desk.program)
    for words, told in (
        ("", r"(\d+) characters, sent as 1 text\."),
        (" x" * 60, r"(\d+) characters, sent as 2 texts. Each is charged: shorten it if you can\."),
        (" я", r"(\d+) characters, sent as 2 texts.* A text with я holds 70 characters instead of 160\."),
    ):
        response = manager.post(rule_url(rule), sent(text_en=TEXT + words, preview="1"))
        counted = re.search(told, text_of(response))
        assert counted is not None
        assert int(counted[1]) == len(letters_in(response)[0])


def test_preview_says_what_is_wrong_instead_of_showing_it(desk, manager):
    rule = rule_of(desk.program)
    response = manager.post(rule_url(rule), sent(text_en=f"{TEXT} {{tme}}", preview="1"))
    assert letters_in(response)[0] is None
    assert "There is no field {tme}. Did you mean {time}?" in preview_in(response)


def test_part_is_the_same_element_as_in_the_page(desk, manager):
    rule = rule_of(desk.program)
    values = sent(text_en=f"{TEXT} Come early", preview="1")
    fresh = manager.post(rule_url(rule), values, headers=part("rule-preview"))
    assert fresh.content.decode().strip() == preview_in(manager.post(rule_url(rule), values))
    assert preview_in(fresh) != preview_in(manager.get(rule_url(rule)))
    assert set(fresh["Vary"].split(", ")) >= {"HX-Request", "HX-Target"}


def test_preview_of_unreadable_times_uses_what_can_be_read(desk, manager):
    rule = rule_of(desk.program)
    junk = {"preview": "1", "unit": "x", "days_before": "x", "at_time": "x", "text_en": TEXT}
    assert manager.post(rule_url(rule), junk).status_code == 200
    assert manager.post(rule_url(rule), {"preview": "1"}).status_code == 200


def test_texts_offer_no_field_that_tells_of_the_care(desk, manager):
    by_channel = {
        channel: {
            str(field) for field in manager.get(rule_url(rule_of(desk.program, channel))).context["fields"]
        }
        for channel in ("email", "phone")
    }
    assert by_channel["email"] - by_channel["phone"] == {"{program}", "{staff}", "{first_name}"}


# Who may


@pytest.mark.parametrize(
    ("role", "status"),
    [("front_desk", 403), ("provider", 403), ("billing", 403), ("manager", 200), ("administrator", 200)],
)
def test_pages_are_for_those_who_may_change_reminders(desk, role, status):
    rule = rule_of(desk.program)
    client = desk.signed_in(role)
    pages = (LIST, program_url(desk.program), rule_url(rule))
    assert [client.get(page).status_code for page in pages] == [status] * 3


def test_posts_without_permission_change_nothing(desk):
    rule = rule_of(desk.program)
    client = desk.signed_in("provider")
    posts = [
        (program_url(desk.program), {"switch": rule.pk, "on": "0"}),
        (program_url(desk.program), {"channel_of": "email", "unit": "hours", "hours_before": "9"}),
        (rule_url(rule), sent(days_before="9", text_en=TEXT)),
        (rule_url(rule), sent(text_en=TEXT, preview="1")),
    ]
    assert [client.post(*post).status_code for post in posts] == [403] * 4
    rule.refresh_from_db()
    assert (rule.is_active, rule.days_before, ReminderRule.objects.count()) == (True, 2, 4)


def test_programs_of_other_facilities_are_not_found(desk, manager):
    stranger = make.program(at=make.facility())
    rule = rule_of(stranger)
    closed = make.program(at=Facility.objects.create(name="Closed", time_zone="UTC", is_active=False))
    pages = [program_url(stranger), rule_url(rule), program_url(closed)]
    pages.append(reverse("reminder-rule", args=[desk.program.pk, rule.pk]))
    assert {manager.get(page).status_code for page in pages} == {404}
    assert {manager.post(page, {"switch": rule.pk, "on": "0"}).status_code for page in pages} == {404}
    rule.refresh_from_db()
    assert rule.is_active
