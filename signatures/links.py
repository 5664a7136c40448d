"""Making and opening the links that lead to documents. Whoever holds one is taken for the person it was made for."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from reminders.models import Message
from securecare import links
from signatures.models import SignatureLink, Signer

Channel = SignatureLink.Channel
LIFETIMES = {
    Channel.EMAIL: timedelta(days=60),
    Channel.PHONE: timedelta(days=60),
    Channel.PORTAL: timedelta(hours=12),
    Channel.KIOSK: timedelta(hours=2),
    Channel.DESK: timedelta(hours=2),
}
# What was signed may be fetched by the link for so long after.
COPY_OFFERED_FOR = timedelta(days=60)


def make(
    *,
    signers: Iterable[Signer],
    channel: str,
    now: datetime,
    address: str = "",
    message: Message | None = None,
    by: User | None = None,
    token: str | None = None,
) -> str:
    """The token of a new link to what these signers, who are one person, have to sign. `token` is one made before."""
    token = token or links.new_token()
    link = SignatureLink.objects.create(
        digest=links.digest(token),
        channel=channel,
        address=address,
        message=message,
        created_at=now,
        created_by=by,
        expires_at=now + LIFETIMES[Channel(channel)],
    )
    link.signers.set(signers)
    return token


def find(token: str) -> SignatureLink | None:
    """The link, also one that has expired or was revoked: its page says so. None if there is no such link."""
    return SignatureLink.objects.filter(digest=links.digest(token)).first()


def signers_of(link: SignatureLink) -> list[Signer]:
    """Those it was made for, with their requests, in the order in which the documents were asked for."""
    related = (
        "request__customer",
        "request__facility",
        "request__template",
        "request__version",
        "request__appointment__facility",
        "request__appointment__staff",
        "request__appointment__program",
        "staff",
    )
    return list(link.signers.select_related(*related).order_by("request_id", "place"))


def revoke_all(signers: Iterable[Signer], *, now: datetime) -> None:
    """End every link that leads to any of these."""
    rows = SignatureLink.objects.filter(signers__in=list(signers), revoked_at=None)
    SignatureLink.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).update(revoked_at=now)
