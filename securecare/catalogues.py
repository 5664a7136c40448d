"""Catalogues of translated text: every text in the source that goes through gettext, for each further language of the site.

`locale/<language>/LC_MESSAGES/django.po` is what translators write; `django.mo` beside it is what Django reads. Made by Babel
and Django alone: no gettext programs are needed.
"""

import ast
import io
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

PROJECT = "SecureCare Appointments"
WIDTH = 110
KEYWORDS = ["_"] + [f"{prefix}gettext{suffix}" for prefix in ("", "n", "p", "np") for suffix in ("", "_lazy")]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}|</?\w+")

# One text, or its singular and plural.
Text = str | tuple[str, ...]
# A function of gettext and its arguments.
Call = tuple[str, list[Any]]


def languages() -> list[str]:
    """Those that need a catalogue: the texts themselves are written in the site's first language."""
    return [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE.partition("-")[0]]


def po_file(language: str) -> Path:
    return Path(settings.LOCALE_PATHS[0]) / to_locale(language) / "LC_MESSAGES" / "django.po"


def mo_file(language: str) -> Path:
    return po_file(language).with_suffix(".mo")


def extracted() -> Catalog:
    """Every text of the source, with the files it stands in."""
    catalog = Catalog(project=PROJECT)
    for path in _sources():
        name = path.relative_to(settings.BASE_DIR).as_posix()
        for context, text in _texts(path):
            catalog.add(text, None, [(name, 1)], context=context)
    return catalog


def read(language: str) -> Catalog:
    """The catalogue as translators left it; an empty one for a new language."""
    path = po_file(language)
    if not path.exists():
        return _empty(language)
    with path.open("rb") as file:
        return read_po(file, locale=to_locale(language))


def _empty(language: str) -> Catalog:
    comment = f"# {PROJECT}: {dict(settings.LANGUAGES)[language]}"
    catalog = Catalog(locale=to_locale(language), project=PROJECT, header_comment=comment, fuzzy=False)
    catalog.version = catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    return catalog


def renew(language: str, *, now: datetime) -> Catalog:
    """Bring the catalogue in line with the source and compile it. Translations stay; texts that are gone leave."""
    path, catalog, source = po_file(language), read(language), extracted()
    written_at = catalog.creation_date if path.exists() else now
    catalog.update(source, no_fuzzy_matching=True)
    catalog.creation_date = catalog.revision_date = written_at
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_written(catalog))
    with mo_file(language).open("wb") as file:
        write_mo(file, catalog)
    return catalog


def untranslated(catalog: Catalog) -> list[Text]:
    """The texts without a whole translation, or with one that somebody marked as doubtful."""
    return [
        as_text(message.id) for message in texts(catalog) if message.fuzzy or not all(translations(message))
    ]


def texts(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def translations(message: Message) -> tuple[str, ...]:
    """Its translation, one for each plural form."""
    given = message.string or ""
    return (given,) if isinstance(given, str) else tuple(given)


def as_text(found: str | list[str] | tuple[str, ...]) -> Text:
    return found if isinstance(found, str) else tuple(found)


def placeholders(text: str) -> list[str]:
    """What a translation must hold as well: values to be filled in, and tags."""
    return sorted(PLACEHOLDER.findall(text))


def _sources() -> Iterator[Path]:
    root = Path(settings.BASE_DIR)
    apps = {app.partition(".")[0] for app in settings.INSTALLED_APPS}
    folders = sorted(root / app for app in apps if (root / app / "__init__.py").exists())
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)
    yield from sorted((root / "templates").rglob("*.html"))


def _texts(path: Path) -> Iterator[tuple[str | None, Text]]:
    """With the context of each."""
    calls = _calls_of_page(path) if path.suffix == ".html" else _calls_of_code(path)
    for function, arguments in calls:
        context, text = _arguments(function, arguments)
        if text:
            yield context, text


def _calls_of_page(path: Path) -> Iterator[Call]:
    """Django makes Python of it, in which what is no text is blanked out: its indents mean nothing."""
    source = "\n".join(line.lstrip() for line in templatize(path.read_text(), origin=str(path)).splitlines())
    found = extract_python(io.BytesIO(source.encode()), dict.fromkeys(KEYWORDS), [], {"encoding": "utf-8"})
    for _, function, given, _ in found:
        yield str(function), list(given) if isinstance(given, list | tuple) else [given]


def _calls_of_code(path: Path) -> Iterator[Call]:
    """Wherever they stand: Babel's own reader goes by tokens and passes over those inside f-strings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func).rpartition(".")[2]) in KEYWORDS:
            yield name, [getattr(argument, "value", None) for argument in node.args]


def _arguments(function: str, given: list[Any]) -> tuple[str | None, Text | None]:
    """The context and the text among the arguments of a gettext function; no text where it is no constant."""
    context = given.pop(0) if function.startswith(("p", "np")) else None
    wanted = given[: 2 if function.startswith("n") else 1]
    if not wanted or not all(isinstance(text, str) and text for text in wanted):
        return context, None
    return context, wanted[0] if len(wanted) == 1 else tuple(wanted)


def _written(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_po(file, catalog, width=WIDTH, sort_output=True, include_lineno=False, ignore_obsolete=True)
    return file.getvalue()
