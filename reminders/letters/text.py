"""Text messages about appointments, in one segment each if it can be."""

from collections.abc import Iterator
from itertools import product

from django.utils.translation import gettext

from reminders import segments
from reminders.letters import own_words
from reminders.letters.notice import Notice, Occasion
from reminders.messages import Letter


def letter(notice: Notice) -> Letter:
    own = own_words.of(notice)
    return Letter("", segments.plain(own.text) if own else _fitting(notice))


def _fitting(notice: Notice) -> str:
    """The fullest wording that costs one segment; else the shortest there is."""
    facts = {
        "sender": notice.sender,
        "when": f"{notice.short_day}, {notice.clock}",
        "place": notice.appointment.facility.name,
        "phone": notice.appointment.facility.phone,
        "link": notice.links.main,
    }
    said = ""
    for sentences in _wordings(notice):
        said = segments.plain(" ".join(filter(None, sentences)) % facts)
        if segments.count(said) == 1:
            break
    return said


def _wordings(notice: Notice) -> Iterator[tuple[str, ...]]:
    """From the fullest to the shortest: what goes first are many words, then how to end texts, then what may be answered."""
    news = _news(notice)
    texts = [(said, link) for link, said in product(_links(notice), news)]
    if notice.occasion is not Occasion.CANCELLED:
        ends = (gettext("Reply STOP to end"), gettext("STOP to end"))
        yield from ((*text, end) for text, end in product(texts, ends))
    yield from texts
    if notice.asks:
        yield news[-1], gettext("Confirm: %(link)s")
        yield news[-1], "%(link)s"


def _news(notice: Notice) -> list[str]:
    return {
        Occasion.REMINDER: [
            gettext("%(sender)s: appointment on %(when)s, %(place)s."),
            gettext("%(sender)s: %(when)s, %(place)s."),
        ],
        Occasion.BOOKED: [
            gettext("%(sender)s: booked for %(when)s, %(place)s."),
            gettext("%(sender)s: %(when)s, %(place)s."),
        ],
        Occasion.RESTORED: [
            gettext("%(sender)s: not cancelled after all: %(when)s, %(place)s."),
            gettext("%(sender)s: still on: %(when)s, %(place)s."),
        ],
        Occasion.MOVED: [gettext("%(sender)s: moved to %(when)s, %(place)s.")],
        Occasion.CHANGED: [
            gettext("%(sender)s: your appointment has changed: %(when)s, %(place)s."),
            gettext("%(sender)s: changed: %(when)s, %(place)s."),
        ],
        Occasion.CANCELLED: [
            gettext("%(sender)s: your appointment is cancelled: %(when)s, %(place)s."),
            gettext("%(sender)s: cancelled: %(when)s, %(place)s."),
        ],
    }[notice.occasion]


def _links(notice: Notice) -> list[str]:
    """What the reader can do now, and where."""
    if notice.occasion is Occasion.CANCELLED:
        return [gettext("Questions? Call %(phone)s."), ""] if notice.appointment.facility.phone else [""]
    if notice.asks:
        return [
            gettext("Reply C to confirm or open %(link)s"),
            gettext("Confirm: reply C or %(link)s"),
        ]
    return [gettext("See or change it: %(link)s"), "%(link)s"] if notice.is_changeable else ["%(link)s"]
