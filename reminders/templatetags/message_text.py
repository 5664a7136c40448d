"""How the text of a message is shown on a page."""

import re

from django import template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()

# An address ends before the punctuation that follows it.
_PATH = r"/[\w\-./?=&%+~]*[\w\-/=]|/"


@register.filter
def with_links(text: str) -> SafeString:
    """Escaped, with our own addresses to follow. Others stay text: a name or a note may hold anything."""
    ours = re.compile(f"({re.escape(settings.PUBLIC_BASE_URL)}(?:{_PATH}))")
    pieces = ours.split(text)
    return format_html_join("", "{}", ((_piece(n, piece),) for n, piece in enumerate(pieces)))


def _piece(number: int, piece: str) -> str:
    """Every other piece is an address."""
    return format_html('<a href="{}">{}</a>', piece, piece) if number % 2 else piece
