import pytest

from reminders import segments


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # An escaped character is not cut in two: 152 and a pair do not fit 153.
        ("a" * 152 + "€" + "a" * 151, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("ñ" * 160, 1),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("🌱" * 35, 1),
        ("🌱" * 36, 2),
        ("á" * 66 + "🌱" + "á" * 66, 3),
    ],
)
def test_count(text: str, cost: int) -> None:
    assert segments.count(text) == cost


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("mié, 25 nov, ñandú", "mié, 25 nov, ñandu"),
        ("sáb, 28 nov, 10:45 a.\u00a0m.", "sab, 28 nov, 10:45 a. m."),
        ("Clínica Québec – “Süd”…", 'Clinica Québec - "Süd"...'),
        ("Клиника", "Клиника"),
        ("sáb 🌱", "sáb 🌱"),
    ],
)
def test_plain(text: str, sent: str) -> None:
    assert segments.plain(text) == sent


def test_beyond_names_what_the_alphabet_lacks_once():
    assert segments.beyond("Ana Ñandú, 10:45 – ya") == "ú–"
    assert segments.beyond("¿mañana? {é}") == ""
    assert segments.beyond("яблоня") == "яблон"
