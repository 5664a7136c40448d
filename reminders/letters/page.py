"""How an e-mail is laid out: the same page as text and as HTML."""

import re
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext


@dataclass(frozen=True)
class Link:
    label: str
    address: str


@dataclass(frozen=True)
class Labelled:
    label: str
    said: str


@dataclass(frozen=True)
class Page:
    """From top to bottom. `preview` is what mail programs show beside the subject, also on a locked screen."""

    subject: str
    sender: str
    preview: str = ""
    headline: str = ""
    paragraphs: tuple[str, ...] = ()
    facts: tuple[Labelled, ...] = ()
    button: Link | None = None
    links: tuple[Link, ...] = ()
    remarks: tuple[str, ...] = ()
    notes: tuple[Labelled, ...] = ()
    phone: str = ""
    unsubscribe: str = ""

    @property
    def tel_url(self) -> str:
        """The number before words such as “ext. 4”, to be dialed."""
        return "tel:" + re.sub(r"[^\d+]", "", re.split(r"[A-Za-z]", self.phone)[0])

    @property
    def call(self) -> str:
        return gettext("Questions? Call %(phone)s.") % {"phone": self.phone} if self.phone else ""


def as_text(page: Page) -> str:
    parts = [
        page.headline,
        *page.paragraphs,
        "\n".join(f"{fact.label}: {fact.said}" for fact in page.facts),
        *(f"{link.label}:\n{link.address}" for link in _links(page)),
        "\n".join(page.remarks),
        *(f"{note.label}:\n{note.said}" for note in page.notes),
        "\n".join(filter(None, [page.sender, page.call])),
        _stop(page),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def as_html(page: Page) -> str:
    context = {
        "page": page,
        "language": translation.get_language(),
        "direction": "rtl" if translation.get_language_bidi() else "ltr",
    }
    return render_to_string("reminders/email.html", context)


def _links(page: Page) -> list[Link]:
    return [*([page.button] if page.button else []), *page.links]


def _stop(page: Page) -> str:
    return f"{gettext('Stop these e-mails')}:\n{page.unsubscribe}" if page.unsubscribe else ""
