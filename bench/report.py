"""One table: what was measured, the floor of the same run, and what we set out to reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One measurement over several runs. `landing` and `aim` are limits: upper ones, lower ones for a rate (`/s`, `/min`)."""

    work: str
    unit: str
    runs: Sequence[float]
    floor: float | None = None
    landing: float | None = None
    aim: float | None = None
    note: str = ""

    @property
    def measured(self) -> float:
        return median(self.runs)

    def verdict(self) -> str:
        if self.note:
            return self.note
        if self.aim is not None and self._within(self.aim):
            return "aim met"
        if self.landing is not None:
            return "landing met" if self._within(self.landing) else "MISSED"
        return "aim missed" if self.aim is not None else ""

    def _within(self, limit: float) -> bool:
        return self.measured >= limit if self.unit.endswith(("/s", "/min")) else self.measured <= limit

    def cells(self) -> tuple[str, ...]:
        spread = f"{number(min(self.runs))}–{number(max(self.runs))}" if len(self.runs) > 1 else ""
        times = self.measured / self.floor if self.floor else 0
        return (
            self.work,
            f"{number(self.measured)} {self.unit}",
            spread,
            number(self.floor),
            f"{times:.2g}x" if self.floor else "",
            number(self.landing),
            number(self.aim),
            self.verdict(),
        )


HEAD = ("work", "median", "runs", "floor", "of floor", "landing", "aim", "")


def number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        line[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(width)}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in lines
    )
