"""Addresses of the customer portal, for organizations to put on their own sites."""

from django.conf import settings
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from appointments.branding import brand

FRAME = '<iframe src="{}" title="{}" width="100%" height="760"></iframe>'


def to_copy(*, page: str, frame: str, pk: int, title: str) -> SafeString:
    """The page's address for a link, and the code that shows it inside another page as far as any site may."""
    link = settings.PUBLIC_BASE_URL + reverse(page, args=[pk])
    return format_html(
        '<p class="address">To link to: <a href="{}">{}</a></p>{}', link, link, _to_embed(frame, pk, title)
    )


def _to_embed(frame: str, pk: int, title: str) -> SafeString:
    if not brand().embedders:
        return format_html(
            '<p class="address">To show it inside a page of yours, first list your site under <a href="{}">Organization</a>.</p>',
            reverse("admin:appointments_organisation_changelist"),
        )
    address = settings.PUBLIC_BASE_URL + reverse(frame, args=[pk])
    return format_html(
        '<p class="address">To show it inside a page of yours: <a href="{}">{}</a></p><pre class="address"><code>{}</code></pre>',
        address,
        address,
        escape(format_html(FRAME, address, title)),
    )
