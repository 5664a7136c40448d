"""The catalogues hold every text of the source, in every language of the site, and nothing a page could not fill in."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation

from securecare import catalogues

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
every_language = pytest.mark.parametrize("language", catalogues.languages())


@pytest.fixture(scope="module")
def source() -> Catalog:
    return catalogues.extracted()


def held(catalog: Catalog) -> dict[tuple[Any, Any], Any]:
    """By text and context, which Babel reads as bytes from a compiled catalogue."""
    return {
        (catalogues.as_text(message.id), as_words(message.context)): message
        for message in catalogues.texts(catalog)
    }


def as_words(context: Any) -> str | None:
    return context.decode() if isinstance(context, bytes) else context


def translated(catalog: Catalog) -> dict[Any, Any]:
    return {key: catalogues.translations(message) for key, message in held(catalog).items()}


def in_another_place(settings: Any, path: Path) -> None:
    settings.LOCALE_PATHS = [path]


def test_every_language_but_the_first_needs_a_catalogue() -> None:
    assert set(catalogues.languages()) == {code for code, _ in settings.LANGUAGES} - {"en"}


def test_extraction_finds_texts_of_pages_and_of_code(source: Catalog) -> None:
    """Known ones of each kind: every rule below would hold over nothing."""
    found = {key[0] for key in held(source)}

    assert "Skip to content" in found
    assert (
        "Nothing found for “%(text)s”. Try another word, such as the name of a facility or a street." in found
    )
    assert any("message and data rates may apply" in str(text) for text in found)
    assert any(isinstance(text, tuple) for text in found)


def test_extraction_finds_calls_of_every_kind_wherever_they_stand(settings: Any, tmp_path: Path) -> None:
    app, templates = tmp_path / "portal", tmp_path / "templates"
    app.mkdir()
    templates.mkdir()
    (app / "__init__.py").write_text(
        """
        from django.utils.translation import gettext, ngettext, pgettext, npgettext
        from django.utils.translation import gettext_lazy as _

        def words(count, other):
            gettext("A " "whole")
            f"{gettext('In an f-string')}"
            _("Lazy")
            ngettext("%(n)d day", "%(n)d days", count)
            pgettext("month", "May")
            npgettext("fruit", "date", "dates", count)
            translation.gettext("By module")
            gettext(other)
            gettext("")
        """.replace("\n        ", "\n")
    )
    (templates / "page.html").write_text(
        """<p title="{% translate 'Tip' %}">{% blocktranslate trimmed count n=n with who=name %}
             {{ who }} has {{ n }} dog{% plural %}{{ who }} has {{ n }} dogs
           {% endblocktranslate %}{% translate "May" context "may do" %}{# no #} bare</p>"""
    )
    settings.BASE_DIR = tmp_path

    assert set(held(catalogues.extracted())) == {
        ("A whole", None),
        ("In an f-string", None),
        ("Lazy", None),
        (("%(n)d day", "%(n)d days"), None),
        ("May", "month"),
        (("date", "dates"), "fruit"),
        ("By module", None),
        ("Tip", None),
        (("%(who)s has %(n)s dog", "%(who)s has %(n)s dogs"), None),
        ("May", "may do"),
    }


@every_language
def test_catalogue_is_up_to_date_with_the_source(source: Catalog, language: str) -> None:
    """If this fails: make messages."""
    assert set(held(catalogues.read(language))) == set(held(source))


@every_language
def test_catalogue_is_complete(language: str) -> None:
    assert catalogues.untranslated(catalogues.read(language)) == []


@every_language
def test_translations_are_filled_in_with_the_same_values(language: str) -> None:
    differing = []
    for message in held(catalogues.read(language)).values():
        text = catalogues.as_text(message.id)
        allowed = [catalogues.placeholders(form) for form in ([text] if isinstance(text, str) else text)]
        for given in catalogues.translations(message):
            if catalogues.placeholders(given) not in allowed:
                differing.append((text, given))
    assert differing == []


@every_language
def test_translations_begin_and_end_as_the_text_does(language: str) -> None:
    """A colon or full stop that is missing reads as a mistake; spaces hold sentences apart."""
    differing = []
    for message in held(catalogues.read(language)).values():
        text = catalogues.as_text(message.id)
        first = text if isinstance(text, str) else text[-1]
        for given in catalogues.translations(message):
            if ending(given) != ending(first) or given.strip() != given.strip("\u00a0 \n"):
                differing.append((first, given))
    assert differing == []


def ending(text: str) -> str:
    return text[-1] if text and text[-1] in ".:?!… \n" else ""


@every_language
def test_compiled_catalogue_says_what_the_written_one_says(language: str) -> None:
    with catalogues.mo_file(language).open("rb") as file:
        compiled = read_mo(file)

    assert translated(compiled) == translated(catalogues.read(language))


@every_language
def test_django_speaks_the_language_from_the_catalogue(language: str) -> None:
    catalogue = translated(catalogues.read(language))
    with translation.override(language):
        assert translation.gettext("Sign in") == catalogue["Sign in", None][0]
    with translation.override("en"):
        assert translation.gettext("Sign in") == "Sign in"


# ------------------------------------------------------------------------------------------- bringing them up to date


def test_renewing_keeps_translations_and_drops_what_is_gone(settings: Any, tmp_path: Path) -> None:
    in_another_place(settings, tmp_path)
    first = catalogues.renew("es", now=NOW)
    assert len(catalogues.untranslated(first)) == len(list(catalogues.texts(first)))
    path = catalogues.po_file("es")
    said = path.read_text().replace('msgid "Sign in"\nmsgstr ""', 'msgid "Sign in"\nmsgstr "Entrar"')
    path.write_text(said + '\nmsgid "Of a page that is gone"\nmsgstr "De una página que ya no está"\n')

    again = catalogues.renew("es", now=datetime(2027, 1, 1, tzinfo=UTC))

    assert translated(again)["Sign in", None] == ("Entrar",)
    assert len(catalogues.untranslated(again)) == len(catalogues.untranslated(first)) - 1
    assert "a page that is gone" not in path.read_text()
    assert path.read_text() == said


def test_renewing_what_is_up_to_date_changes_no_byte(settings: Any, tmp_path: Path) -> None:
    shutil.copytree(settings.LOCALE_PATHS[0], tmp_path / "locale")
    in_another_place(settings, tmp_path / "locale")
    catalogues.renew("es", now=NOW)
    before = catalogues.po_file("es").read_bytes(), catalogues.mo_file("es").read_bytes()

    catalogues.renew("es", now=datetime(2027, 1, 1, tzinfo=UTC))

    assert (catalogues.po_file("es").read_bytes(), catalogues.mo_file("es").read_bytes()) == before


def test_doubtful_translation_counts_as_missing(settings: Any, tmp_path: Path) -> None:
    in_another_place(settings, tmp_path)
    catalogues.renew("es", now=NOW)
    path = catalogues.po_file("es")
    path.write_text(path.read_text() + '\n#, fuzzy\nmsgid "Doubtful"\nmsgstr "Dudoso"\n')

    assert "Doubtful" in catalogues.untranslated(catalogues.read("es"))


def test_command_begins_a_language_that_settings_name(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_another_place(settings, tmp_path)
    settings.LANGUAGES = [*settings.LANGUAGES, ("pt-br", "Português")]

    call_command("catalogues", "--language=pt-br")

    assert (tmp_path / "pt_BR/LC_MESSAGES/django.mo").exists()
    assert not (tmp_path / "es").exists()
    assert re.match(
        r"pt-br: (\d+) texts, \1 to translate in .*pt_BR/LC_MESSAGES/django.po", capsys.readouterr().out
    )


def test_command_says_where_to_name_a_language_first() -> None:
    with pytest.raises(CommandError, match="Add xx to LANGUAGES in securecare/settings"):
        call_command("catalogues", "--language=xx")


# ------------------------------------------------------------------------------------------------------ nothing forgotten

PAGES = sorted((Path(settings.BASE_DIR) / "templates/portal").rglob("*.html"))
TRANSLATED = r"{%\s*blocktranslate.*?{%\s*endblocktranslate\s*%}"
SHOWN_ATTRIBUTES = r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"'


def bare(page: str) -> list[str]:
    """Words that a page shows without asking for their translation."""
    page = re.sub(r"{#.*?#}|{%\s*comment.*?endcomment\s*%}|<!doctype[^>]*>", "", page, flags=re.DOTALL | re.I)
    page = re.sub(r"{%\s*block \w*class\s*%}.*?{%\s*endblock\s*%}", "", page, flags=re.DOTALL)
    page = re.sub(TRANSLATED, "", page, flags=re.DOTALL)
    page = re.sub(r"{%.*?%}|{{.*?}}", "", page, flags=re.DOTALL)
    shown = [*re.findall(SHOWN_ATTRIBUTES, page), *re.split(r"<[^>]*>", page)]
    return [" ".join(text.split()) for text in shown if re.search(r"[A-Za-z]{2}", text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_portal_page_shows_no_untranslated_word(page: Path) -> None:
    assert bare(page.read_text()) == []


def test_the_search_for_untranslated_words_finds_them() -> None:
    page = """<h1>{% translate "Fine" %} Bare</h1><p title="Tip">{{ name }}</p>
    {% blocktranslate trimmed %}Fine{% endblocktranslate %}<input placeholder="{% translate 'Fine' %}">"""
    assert bare(page) == ["Tip", "Bare"]
