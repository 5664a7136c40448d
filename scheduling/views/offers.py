"""Advice and offers as the booking and moving forms show them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from appointments.models import Facility
from scheduling import words
from scheduling.advice import Advice, advise
from scheduling.availability import OpenTime
from scheduling.forms.wall_time import WallTimeForm, chosen_offer, taking, wall_values
from scheduling.rules import BookingRefused, Placement
from securecare import localtime


@dataclass(frozen=True)
class Offer:
    """A button: `value` is what the form takes it for."""

    value: str
    label: str


@dataclass(frozen=True)
class Override:
    code: str
    label: str
    message: str
    is_set: bool


TICKS = {"outside_hours": "Book outside working hours", "cool_down": "Book before the waiting time is over"}


def offers(others: list[OpenTime], place: Placement) -> list[Offer]:
    return [_offer(other, place) for other in others]


def _offer(other: OpenTime, place: Placement) -> Offer:
    zone = place.program.facility.zone
    same_day = localtime.local_date(other.starts_at, zone) == place.day
    when = words.clock(other.starts_at, zone) if same_day else words.short_moment(other.starts_at, zone)
    who = "" if other.staff.pk == place.staff.pk else f" · {other.staff}"
    return Offer(f"{other.staff.pk}@{words.instant_text(other.starts_at)}", f"{when}{who}")


def instant_offers(instants: list[datetime], zone: ZoneInfo) -> list[Offer]:
    return [Offer(f"@{words.instant_text(at)}", words.clock_with_zone(at, zone)) for at in instants]


def answer_of(
    form: WallTimeForm,
    place: Placement | None,
    facility: Facility | None,
    refusal: BookingRefused | None = None,
) -> dict[str, Any]:
    """What the form's answer part shows: the time that is meant, what speaks against it, and the ways out."""
    zone = form.stated_zone(facility)
    advice = advise(place) if place else None
    shown: dict[str, Any] = {
        "advice": advice,
        "trouble": form.trouble,
        "readings": form.readings,
        "zone": zone,
        "facility": facility,
    }
    shown["zone_name"] = _zone_name(form, facility, zone)
    shown["refusal"] = refusal
    if advice and place:
        shown["overrides"] = _overrides(advice, place.overrides)
        shown["offers"] = offers(advice.others, place)
        shown["objections"] = [r for r in advice.refusals if refusal is None or r.code != refusal.code]
    elif form.trouble and zone:
        shown["offers"] = instant_offers(form.trouble.offers, zone)
    return shown


def _overrides(advice: Advice, chosen: frozenset[str]) -> list[Override]:
    return [Override(w.code, TICKS[w.code], w.message, w.code in chosen) for w in advice.warnings]


def _zone_name(form: WallTimeForm, facility: Facility | None, zone: ZoneInfo | None) -> str:
    """Whose clock the typed time is read from: "Northside (EST)", or the zone's own name before a program is chosen."""
    if zone is None:
        return ""
    abbreviation = localtime.abbreviation(form.starts_at or form.now, zone)
    if facility is not None and facility.time_zone == zone.key:
        return f"{facility} ({abbreviation})"
    return f"{zone.key.rpartition('/')[2].replace('_', ' ')} ({abbreviation})"


def with_taken(data: Any, zone: ZoneInfo | None) -> Any:
    return taking(data, zone) if chosen_offer(data) and zone else data


def in_zone(form: WallTimeForm, data: Any, facility: Facility | None) -> Any:
    """The data with its time said on the facility's clock instead of the one the page stated; the same data if that is the same."""
    stated = form.stated_zone(facility)
    if facility is None or stated is None or stated.key == facility.time_zone:
        return data
    said = data.copy()
    values = wall_values(form.starts_at, facility.zone) if form.starts_at else {"zone": facility.time_zone}
    for name, value in values.items():
        said[name] = value
    return said
