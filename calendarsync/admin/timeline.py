"""Going by years, months and days through very many rows that were written in the order of their time."""

from calendar import monthrange
from datetime import date
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.formats import date_format

Period = tuple[int, ...]  # a year, a month of it, a day of that: as many as are chosen
PARTS = ("year", "month", "day")


class Dated(ChangeList):
    """Offers every period between the first row and the last. Django would read all rows, to leave out those without any."""

    def timeline(self) -> dict[str, Any]:
        """As Django's own template takes it."""
        first, last = self._ends()
        if first is None or last is None:
            return {"show": False}
        asked = self._asked()
        chosen = asked or _narrowed(first, last)
        choices = [self._choice(period) for period in _within(chosen, first, last)]
        back = {**self._choice(asked[:-1])} if asked else None
        return {"show": True, "back": back, "choices": choices or [{"title": _title(chosen)}]}

    def _ends(self) -> tuple[date | None, date | None]:
        instants = self.model._default_manager.values_list(self.date_hierarchy, flat=True)
        return instants.order_by("pk").first(), instants.order_by("-pk").first()

    def _asked(self) -> Period:
        given: list[int] = []
        for part in PARTS:
            value = self.params.get(f"{self.date_hierarchy}__{part}")
            if not value:
                break
            given.append(int(value))
        return tuple(given)

    def _choice(self, period: Period) -> dict[str, str]:
        names = (f"{self.date_hierarchy}__{part}" for part in PARTS)
        link = self.get_query_string(dict(zip(names, period, strict=False)), [f"{self.date_hierarchy}__"])
        return {"link": link, "title": _title(period)}


class Timeline(admin.ModelAdmin):
    """Names the field by which rows were written in `date_hierarchy`."""

    change_list_template = "calendarsync/admin_timeline.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Dated


def _narrowed(first: date, last: date) -> Period:
    """What need not be chosen, because there is but one."""
    if first.year != last.year:
        return ()
    return (first.year,) if first.month != last.month else (first.year, first.month)


def _within(chosen: Period, first: date, last: date) -> list[Period]:
    """The parts of the period that is chosen, as far as there may be rows; none of a day."""
    numbers = {0: range(first.year, last.year + 1), 1: range(1, 13)}
    if len(chosen) == 2:
        numbers[2] = range(1, monthrange(*chosen)[1] + 1)
    ends = [(each.year, each.month, each.day)[: len(chosen) + 1] for each in (first, last)]
    parts = [(*chosen, number) for number in numbers.get(len(chosen), ())]
    return [part for part in parts if ends[0] <= part <= ends[1]]


def _title(period: Period) -> str:
    if len(period) < 2:
        return str(period[0]) if period else "All dates"
    style = "YEAR_MONTH_FORMAT" if len(period) == 2 else "MONTH_DAY_FORMAT"
    return date_format(date(*(*period, 1)[:3]), style)
