import pytest
from hypothesis import given
from hypothesis import strategies as st

from reminders.keywords import STOP_OF_PROVIDER, is_spanish, meaning_of
from reminders.models import Meaning

STOP = [
    *(
        "STOP",
        "stop.",
        "Stop!!",
        " stop\n",
        "“Stop”",
        "'STOP'",
        "ＳＴＯＰ",
        "st\u200bop",
        "🛑 STOP 🛑",
        "STOP STOP",
    ),
    *(
        "stop all",
        "StopAll",
        "Opt-out",
        "OPT OUT",
        "opt.out",
        "unsubscribe",
        "End.",
        "QUIT",
        "Revoke",
        "cancel",
    ),
    *("Alto", "¡ALTO!", "Parar", "pare", "Basta ya", "baja"),
]
START = ["START", "start.", "Unstop", "EMPEZAR", "iniciar"]
HELP = ["HELP", "help?", "Info", "AYUDA", "¿Información?"]
CONFIRM = ["C", "c.", "(C)", "YES", "Yes!", "y", "Si", "SÍ", "¡Sí!", "Confirm", "Yes, I confirm", "CONFIRMO"]
MAYBE_STOP = [
    *("please stop texting me", "Stop texting me!", "pls stop", "stop please", "I said stop", "stop it"),
    *("STOP sending me these", "Stop. This is not Ada", "I never signed up for this, stop", "stoppp it now"),
    *(
        "quit it",
        "Please quit texting",
        "end these messages",
        "can you stop the reminders",
        "cancel text reminders",
    ),
    *("no more messages", "No more texts please", "Enough texts", "please don't text me again", "dont text"),
    *(
        "Do not contact me anymore",
        "don’t send me these anymore",
        "I don't want these messages",
        "never text me again",
    ),
    *(
        "I do not want to receive any more texts",
        "Can u guys not text me",
        "how do I opt out",
        "unsubscribe me",
    ),
    *("take me off your list", "remove my number", "remove me from this list", "lose my number"),
    *("Please remove this phone from your system", "leave me alone", "go away", "Wrong number"),
    *("you have the wrong person", "por favor dejen de mandarme mensajes", "no me manden más mensajes"),
    *(
        "no más mensajes",
        "Ya no quiero recibir mensajes",
        "quiten mi número",
        "basta de mensajes",
        "no me escriban",
    ),
    *(
        "Número equivocado",
        "dejen de molestar",
        "quiero darme de baja",
        "ya paren por favor",
        "no envíen más textos",
    ),
    *("cancelen los recordatorios por favor", "Cancelar", "no mas"),
]
OTHER = [
    *("I can't stop by at 3", "can’t stop by today", "Can I stop in earlier?", "Where is the bus stop?"),
    *("my bus doesn't stop there", "The pain won't stop", "please don't stop sending reminders"),
    *("Should I stop taking aspirin", "I stopped taking my medication", "What time does it end?"),
    *(
        "please cancel my appointment",
        "I need to cancel",
        "Cancelar mi cita por favor",
        "is it the end of the week",
    ),
    *("I'll be 10 minutes late", "thanks", "ok", "no", "", " ", "👍", "?", "!!!"),
    *(
        "text me the address",
        "Can you send me the address?",
        "did you get my message?",
        "I did not get a text",
    ),
    *("No puedo ir mañana", "¿A qué hora es?", "para mañana", "gracias", "necesito cambiar mi cita"),
    *(
        "I quit my job so my insurance changed",
        "no message needed, I will call",
        "get off at 5",
        "my number changed",
    ),
    *("can you call me? I don't have my number", "Don't contact my employer", "Please send no one else"),
    "Liked “Northside: Wed, Nov 25, 10:45 AM. Reply STOP to end”",
    'Emphasized "Northside: reply STOP to end."',
]


@pytest.mark.parametrize(
    ("meaning", "texts"),
    [
        (Meaning.STOP, STOP),
        (Meaning.START, START),
        (Meaning.HELP, HELP),
        (Meaning.CONFIRM, CONFIRM),
        (Meaning.MAYBE_STOP, MAYBE_STOP),
        (Meaning.OTHER, OTHER),
    ],
)
def test_what_people_write_and_what_they_mean(meaning, texts):
    assert [text for text in texts if meaning_of(text) is not meaning] == []


def test_there_are_enough_ways_to_say_it():
    """Free text is told apart over many forms, in both directions."""
    assert (len(set(STOP)), len(set(MAYBE_STOP)), len(set(OTHER))) > (20, 45, 40)


@given(
    st.sampled_from(sorted(STOP_OF_PROVIDER)),
    st.text(alphabet=" .,;:!?¡¿\"'“”-_*()\n\t\u200b\ufe0f"),
    st.booleans(),
)
def test_signs_and_case_around_a_word_make_no_difference(word, signs, is_loud):
    text = word.upper() if is_loud else word.capitalize()
    assert meaning_of(f"{signs}{text}{signs[::-1]}") is Meaning.STOP


@given(st.text())
def test_whatever_is_written_means_something(text):
    assert meaning_of(text) in Meaning


def test_a_long_text_is_read_in_no_time():
    for text in ("no quiero " * 200, "don't " * 400, "stop by " * 300, "a" * 2_000):
        assert meaning_of(text) in Meaning


@pytest.mark.parametrize(
    ("text", "opt_out", "has_agreed", "meaning"),
    [
        ("anything at all", "STOP", True, Meaning.STOP),
        ("C", "STOP", True, Meaning.STOP),
        ("anything at all", "HELP", True, Meaning.HELP),
        ("start", "START", False, Meaning.START),
        ("yes", "START", False, Meaning.START),
        ("yes", "START", True, Meaning.CONFIRM),
        ("Sí", "START", True, Meaning.CONFIRM),
        ("start", "START", True, Meaning.START),
        ("yes", "", False, Meaning.CONFIRM),
        ("stop", "SOMETHING", True, Meaning.STOP),
    ],
)
def test_what_the_provider_took_it_for_comes_first(text, opt_out, has_agreed, meaning):
    assert meaning_of(text, opt_out=opt_out, has_agreed=has_agreed) is meaning


def test_spanish_words_are_known_as_such():
    assert [is_spanish(text) for text in ("¡Sí!", "AYUDA", "Alto", "yes", "help", "c", "hola")] == [
        *[True] * 3,
        *[False] * 4,
    ]
