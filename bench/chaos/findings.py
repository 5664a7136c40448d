"""What came of a run: counts, what is excused, and what is wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

EXAMPLES = 3


@dataclass
class Findings:
    """`wrong` fails the run; `excused` is what no sender could know, by its reason."""

    counts: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    excused: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        return not any(self.wrong.values())

    def lines(self) -> Iterator[str]:
        for what, number in self.counts.items():
            yield f"{number:>7,}  {what}"
        for why, number in self.excused.items():
            yield f"{number:>7,}  sent once more: {why}"
        for what, cases in self.wrong.items():
            yield f"{len(cases):>7,}  WRONG: {what}"
            yield from (f"           {case}" for case in cases[:EXAMPLES])

    def add(self, other: "Findings") -> None:
        self.counts |= other.counts
        self.excused += other.excused
        for what, cases in other.wrong.items():
            self.wrong[what] += cases
