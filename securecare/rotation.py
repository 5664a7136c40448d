"""Moving sealed texts to the current key of the ring.

Add the new key to every process first, then put it at the front, then rotate, then drop the old key: a process that lacks
a text's key cannot open it. Rows move in batches, each a short transaction, so a run may be stopped and started again.

An app that seals texts registers their table when it is loaded, so that none is forgotten.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import models, transaction
from django.db.models import Count, Q, QuerySet

from securecare.encryption import CannotOpen, key_ring


@dataclass
class Batch:
    """What became of some rows: how many moved, how many somebody changed meanwhile, and which could not be opened."""

    moved: int = 0
    changed: int = 0
    unreadable: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class SealedTable:
    """One table whose rows hold a sealed text and the `key_id` it is under.

    `reseal` seals a row's text under the current key: False if somebody changed it meanwhile; it raises CannotOpen.
    """

    called: str
    model: type[models.Model]
    reseal: Callable[[Any], bool]
    name_of: Callable[[Any], str]
    related: tuple[str, ...] = ()
    which: Q | None = None  # of its rows, if not all hold a text

    def count_by_key(self) -> dict[str, int]:
        """How many rows are sealed under each key id."""
        counted = self._rows.order_by("key_id").values("key_id").annotate(rows=Count("pk"))
        return dict(counted.values_list("key_id", "rows"))

    def outstanding(self) -> QuerySet[Any]:
        """The rows not under the current key, in a fixed order."""
        others = self._rows.exclude(key_id=key_ring().current)
        return others.select_related(*self.related).order_by("pk") if self.related else others.order_by("pk")

    def rotate(self, *, batch: int) -> Iterator[Batch]:
        """Move every outstanding row to the current key, `batch` of them at a time. A concurrent edit wins."""
        last = 0
        while rows := list(self.outstanding().filter(pk__gt=last)[:batch]):
            with transaction.atomic():
                done = self._move(rows)
            yield done
            last = rows[-1].pk

    @property
    def _rows(self) -> QuerySet[Any]:
        return self.model._default_manager.filter(self.which or Q())

    def _move(self, rows: list[Any]) -> Batch:
        batch = Batch()
        for row in rows:
            try:
                if self.reseal(row):
                    batch.moved += 1
                else:
                    batch.changed += 1
            except CannotOpen:
                batch.unreadable.append(row)
        return batch


_tables: dict[str, SealedTable] = {}


def register(table: SealedTable) -> None:
    _tables[table.called] = table


def tables() -> list[SealedTable]:
    """Every table that holds sealed texts, in order of name."""
    return [table for _, table in sorted(_tables.items())]
