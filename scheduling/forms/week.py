"""The week editor: seven days with any number of shifts each, entered as wall times."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time
from typing import Any

from django import forms
from django.http import QueryDict

from scheduling.forms.hours import HoursForm
from scheduling.forms.wall_time import check_date, date_field, time_field
from scheduling.models import Weekday
from scheduling.staffing import PlannedShift

MOST_SHIFTS = 8
_ROW = re.compile(r"(?:starts|ends)_([0-6])_([0-9])$", re.ASCII)


@dataclass(frozen=True)
class Row:
    """Two fields of one shift, and whether what they hold runs over midnight."""

    starts: Any
    ends: Any
    ends_next_day: bool
    is_new: bool


@dataclass(frozen=True)
class Day:
    weekday: int
    name: str
    rows: list[Row]
    may_add: bool


class WeekForm(HoursForm):
    """Fields `starts_<weekday>_<row>` and `ends_<weekday>_<row>`; a row left empty is no shift."""

    first_day = date_field(
        "From", required="Enter the date from which these hours hold.", validators=[check_date]
    )
    last_day = date_field("Last day", required="", validators=[check_date])
    replaces_later = forms.BooleanField(
        required=False, label="Replace the hours already entered for later, too"
    )
    known = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, rows: dict[int, int], added: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        last_day = self.fields["last_day"]
        last_day.required = False
        last_day.help_text = "Leave empty to go on. Afterwards the hours entered before hold again."
        self.rows, self.added = rows, added
        for weekday, count in rows.items():
            for row in range(count):
                label = f"{Weekday(weekday).label}, shift {row + 1}"
                self.fields[f"starts_{weekday}_{row}"] = time_field(f"{label}, from", required=False)
                self.fields[f"ends_{weekday}_{row}"] = time_field(f"{label}, until", required=False)

    @property
    def days(self) -> list[Day]:
        return [self._day(weekday, count) for weekday, count in sorted(self.rows.items())]

    def _day(self, weekday: int, count: int) -> Day:
        rows = [
            self._row(weekday, row, is_new=self.added == weekday and row == count - 1) for row in range(count)
        ]
        return Day(weekday, str(Weekday(weekday).label), rows, may_add=count < MOST_SHIFTS)

    def _row(self, weekday: int, row: int, *, is_new: bool) -> Row:
        starts, ends = self[f"starts_{weekday}_{row}"], self[f"ends_{weekday}_{row}"]
        if is_new:
            starts.field.widget.attrs["autofocus"] = True
        first, last = _time_in(starts), _time_in(ends)
        return Row(starts, ends, first is not None and last is not None and last < first, is_new)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        shifts = []
        for weekday, count in self.rows.items():
            for row in range(count):
                names = f"starts_{weekday}_{row}", f"ends_{weekday}_{row}"
                starts, ends = (cleaned.get(name) for name in names)
                if starts is not None and ends is not None:
                    self._check_row(names[1], starts, ends)
                    shifts.append(PlannedShift(weekday, starts, ends))
                elif starts is not None and names[1] not in self.errors:
                    self.add_error(names[1], "Enter when it ends.")
                elif ends is not None and names[0] not in self.errors:
                    self.add_error(names[0], "Enter when it starts.")
        self.shifts = shifts
        return cleaned

    def _check_row(self, name: str, starts: time, ends: time) -> None:
        """What concerns one row is said beside it; the rest is said by the change itself."""
        if starts.minute % 15 or ends.minute % 15 or starts.second or ends.second:
            self.add_error(name, "Hours go by quarter hours: :00, :15, :30 or :45.")
        elif starts == ends:
            self.add_error(
                name, "It ends when it starts. For a whole day enter 12:00 AM–12:00 PM and 12:00 PM–12:00 AM."
            )


def _time_in(bound: Any) -> time | None:
    """What a field holds now, if it is a time."""
    value = bound.value()
    if isinstance(value, time):
        return value
    try:
        found: time | None = bound.field.clean(value)
    except forms.ValidationError:
        return None
    return found


def values_of(shifts: Iterable[PlannedShift]) -> tuple[dict[str, Any], dict[int, int]]:
    """First values of the fields, and how many rows each day needs: one at least."""
    rows = dict.fromkeys(range(7), 0)
    values: dict[str, Any] = {}
    for shift in sorted(shifts):
        row = rows[shift.weekday]
        values[f"starts_{shift.weekday}_{row}"] = shift.starts
        values[f"ends_{shift.weekday}_{row}"] = shift.ends
        rows[shift.weekday] += 1
    return values, {weekday: max(count, 1) for weekday, count in rows.items()}


def rows_in(data: QueryDict) -> dict[int, int]:
    """How many rows each day has in what was sent."""
    rows = dict.fromkeys(range(7), 1)
    for name in data:
        if found := _ROW.match(name):
            weekday, row = int(found[1]), int(found[2])
            rows[weekday] = min(max(rows[weekday], row + 1), MOST_SHIFTS)
    return rows


def rearranged(data: QueryDict) -> tuple[QueryDict, dict[int, int], int | None]:
    """What the form holds after its “add” or “same on weekdays” button: values, rows, and the day that got a row."""
    rows = rows_in(data)
    if (day := _weekday(data.get("add"))) is not None:
        grown = min(rows[day] + 1, MOST_SHIFTS)
        return data, rows | {day: grown}, day
    if (day := _weekday(data.get("spread"))) is not None:
        return _spread(data, rows, day), rows | dict.fromkeys(range(5), rows[day]), None
    return data, rows, None


def _spread(data: QueryDict, rows: dict[int, int], source: int) -> QueryDict:
    copied = data.copy()
    for weekday in range(5):
        for edge in ("starts", "ends"):
            for row in range(MOST_SHIFTS):
                copied.pop(f"{edge}_{weekday}_{row}", None)
            for row in range(rows[source]):
                copied[f"{edge}_{weekday}_{row}"] = data.get(f"{edge}_{source}_{row}", "")
    return copied


def _weekday(text: str | None) -> int | None:
    return int(text) if text in set("0123456") else None
