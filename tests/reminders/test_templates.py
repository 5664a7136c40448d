import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reminders import templates
from reminders.keywords import STOP_OF_PROVIDER
from reminders.templates import EXAMPLES, FIELDS, WordingBroken, fill, problems

GOOD = "{organisation}: {day}, {time}, {place}. {link}"
STOPS = "Do not have them answer “{}”: it ends all texts to their number. Let them cancel by {{link}}."


def test_fill_puts_values_in_place_of_fields():
    assert (
        fill("At {time}, {place}.", {"time": "10:45 AM", "place": "Northside"}) == "At 10:45 AM, Northside."
    )


def test_fill_writes_doubled_braces_as_braces():
    assert fill("{{ {{time}} {{{time}}} }}", {"time": "9"}) == "{ {time} {9} }"


def test_fill_reads_values_no_second_time():
    """A name that a visitor typed is not a field."""
    assert fill("{first_name} {time}", {"first_name": "{time}}}{{", "time": "9"}) == "{time}}}{{ 9"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "}",
        "{time",
        "time}",
        "{{time}",
        "{}",
        "{tme}",
        "{time.hour}",
        "{time!r}",
        "{time:>9}",
        "{0}",
        "{ time }",
        "{Time}",
    ],
)
def test_fill_refuses_what_is_no_field(text):
    with pytest.raises(WordingBroken):
        fill(text, EXAMPLES)
    assert problems(f"{GOOD} {text}", channel="phone") != []


@given(st.text(alphabet="{}time x\n", max_size=40))
def test_whatever_has_no_problem_can_be_filled_in(text):
    """And what has been filled in holds no field that was missed."""
    if problems(text + GOOD, channel="phone") == []:
        assert len(fill(text + GOOD, EXAMPLES)) > 0


@given(st.text(max_size=60))
def test_fill_leaves_text_without_fields_alone(text):
    assert fill(text.replace("{", "{{").replace("}", "}}"), EXAMPLES) == text


def test_every_field_has_an_example_and_a_meaning_and_none_is_a_note():
    assert all(field.name == name and field.example and field.meaning for name, field in FIELDS.items())
    assert [name for name in FIELDS if "note" in name] == []


def test_texts_carry_the_least():
    assert {name for name, field in FIELDS.items() if not field.in_texts} == {
        "first_name",
        "program",
        "staff",
    }


@pytest.mark.parametrize("channel", ["phone", "email"])
def test_words_with_all_that_is_needed_have_no_problem(channel):
    assert problems(GOOD, channel=channel) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["Write what the message says."]),
        (" \n ", ["Write what the message says."]),
        (f"{GOOD} {{tme}}", ["There is no field {tme}. Did you mean {time}?"]),
        (f"{GOOD} {{Organization}}", ["There is no field {Organization}. Did you mean {organisation}?"]),
        (f"{GOOD} {{qqq}} {{qqq}}", ["There is no field {qqq}. Choose one of the fields listed."]),
        (f"{GOOD} {{}}", ["There is no field {}. Choose one of the fields listed."]),
        (
            f"{GOOD} {{program}}",
            ["Leave {program} out: others may read a text. It can stand in an e-mail."],
        ),
        (
            f"{GOOD} {{",
            ["A brace has no partner. Write a field as {time}; for braces themselves write {{ and }}."],
        ),
        (f"{GOOD} {{{{phone}}}}", ["Write {phone} with single braces: {{phone}} is sent as it stands."]),
        ("{time} {link}", ["Add {organisation}, so that the reader knows who writes."]),
        ("{organisation} {link}", ["Add {time}, so that they know when to come."]),
        ("{organisation} {time}", ["Add {link}, so that they can confirm, move or cancel."]),
        (
            GOOD + " x" * 200,
            ["Shorten it: it would be sent, and charged, as 4 texts. 3 are the most."],
        ),
    ],
)
def test_problems_of_a_text_say_what_to_do(text, told):
    assert problems(text, channel="phone") == told


def test_length_is_counted_with_the_fields_filled_in():
    """Three segments of the GSM alphabet hold 459 characters, three of any other 201."""
    filled = len(fill(GOOD, EXAMPLES))
    assert problems(GOOD + "x" * (459 - filled), channel="phone") == []
    assert problems(GOOD + "x" * (460 - filled), channel="phone") != []
    assert problems(GOOD + "я" * (201 - filled), channel="phone") == []
    assert problems(GOOD + "я" * (202 - filled), channel="phone") != []
    assert problems(GOOD + "x" * 1500, channel="email") == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Reply CANCEL to cancel.", "CANCEL"),
        ("reply “cancel” if you cannot come", "CANCEL"),
        ("Reply with the word cancel.", "CANCEL"),
        ("Please text us to cancel.", "CANCEL"),
        ("Text END.", "END"),
        ("Send: quit", "QUIT"),
        ("Reply C to confirm or CANCEL.", "CANCEL"),
        ("C = yes, REVOKE = no", "REVOKE"),
        ("Answer stop all", "STOP ALL"),
        ("Reply opt-out", "OPT-OUT"),
        ("Responda CANCELAR para cancelar.", "CANCELAR"),
        ("Responda con la palabra cancelar.", "CANCELAR"),
        ("Envíe “baja”", "BAJA"),
        ("Mande FIN", "FIN"),
    ],
)
def test_text_that_asks_for_a_word_which_ends_all_texts_is_refused(text, word):
    assert problems(f"{GOOD} {text}", channel="phone") == [STOPS.format(word)]


@pytest.mark.parametrize("word", sorted(STOP_OF_PROVIDER - {"stop"}))
def test_none_of_the_providers_words_is_asked_for(word):
    for told in (f"Reply {word}.", f"Texte: responda con {word}", f"Or {word.upper()} if you cannot come."):
        assert problems(f"{GOOD} {told}", channel="phone") == [STOPS.format(word.upper())]


@pytest.mark.parametrize(
    "text",
    [
        "Reply STOP to end texts, HELP for help.",
        "Reply C to confirm. To cancel, use the link.",
        "To cancel call {phone}.",
        "See, move or cancel it there.",
        "Responda C para confirmar. Para cancelar use el enlace.",
        "At the end of the hall. We send endowment forms.",
    ],
)
def test_text_that_says_how_to_cancel_otherwise_is_taken(text):
    assert problems(f"{GOOD} {text}", channel="phone") == []


def test_email_may_say_more_and_need_not_say_what_stands_beneath_it():
    assert problems("Dear {first_name}, {staff} sees you for {program}.", channel="email") == []
    assert problems("See you soon. Reply CANCEL", channel="email") == []


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("", []),
        ("Your appointment on {day} at {time}", []),
        ("Your appointment\n{day}", ["Keep the subject on one line."]),
        ("Your appointment\u2028{day}", ["Keep the subject on one line."]),
        ("{link}", ["Leave {link} out of the subject: it goes into the text below."]),
        ("{staff}", ["Leave {staff} out of the subject: others may read it on a locked screen."]),
        ("{dya}", ["There is no field {dya}. Did you mean {day}?"]),
    ],
)
def test_problems_of_a_subject(subject, told):
    assert problems(subject, channel="email", is_subject=True) == told


def test_link_in_the_example_is_as_long_as_a_real_one():
    token = re.search(r"/c/(.+)/$", EXAMPLES["link"])
    assert token is not None
    assert len(token[1]) == 43


def test_names_in_are_the_fields_and_no_literal_braces():
    assert templates.names_in("{time} {{day}} {link}") == {"time", "link"}
