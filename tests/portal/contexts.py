"""What portal templates are given: every context of every page, walked for models."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import FunctionType, MethodType, ModuleType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest
from django.template.base import Node
from django.template.context import Context, RequestContext
from django.test.signals import template_rendered
from django.utils.functional import LazyObject, Promise

LEAVES = (
    str,
    bytes,
    int,
    float,
    Decimal,
    date,
    datetime,
    time,
    timedelta,
    UUID,
    ZoneInfo,
    Promise,
    type,
    ModuleType,
)
FORBIDDEN = (Model, QuerySet, Manager, HttpRequest, LazyObject)


@dataclasses.dataclass
class Rendered:
    """Names of the templates that were rendered, and where in their contexts a model was reachable."""

    templates: set[str] = dataclasses.field(default_factory=set)
    models: set[tuple[str, str]] = dataclasses.field(default_factory=set)

    def see(self, *, template: Any, context: Context, **_: Any) -> None:
        self.templates.add(str(template.name))
        if str(template.name).startswith("django/forms/"):
            return  # parts of a form, which the page that shows it was given: walked there
        for name, value in of_the_view(context):
            for path in models_in(value, name):
                self.models.add((str(template.name), path))


@contextmanager
def watched() -> Iterator[Rendered]:
    rendered = Rendered()
    template_rendered.connect(rendered.see)
    try:
        yield rendered
    finally:
        template_rendered.disconnect(rendered.see)


def of_the_view(context: Context) -> Iterator[tuple[str, Any]]:
    """All names but those that Django and the context processors put there."""
    of_processors = (
        getattr(context, "_processors_index", None) if isinstance(context, RequestContext) else None
    )
    for number, layer in enumerate(context.dicts):
        if number != of_processors and isinstance(layer, dict):
            yield from ((name, value) for name, value in layer.items() if not isinstance(value, Node))


def models_in(value: Any, path: str, seen: set[int] | None = None) -> Iterator[str]:
    """Paths at which a model, a query or a request can be reached from a value, as a template would reach it."""
    seen = set() if seen is None else seen
    if isinstance(value, FORBIDDEN):
        yield f"{path}: {type(value).__name__}"
        return
    if value is None or isinstance(value, LEAVES) or id(value) in seen:
        return
    seen.add(id(value))
    for step, inner in _within(value):
        yield from models_in(inner, f"{path}.{step}", seen)


def _within(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, MethodType):
        yield "__self__", value.__self__
    elif isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((name, cell.cell_contents) for name, cell in cells)
    elif isinstance(value, Mapping):
        yield from ((str(name), inner) for name, inner in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        yield from ((str(number), inner) for number, inner in enumerate(value))
    if hasattr(value, "__dict__") and not isinstance(value, FunctionType):
        yield from vars(value).items()
    if dataclasses.is_dataclass(value):
        yield from ((name, getattr(value, name)) for name in _properties(type(value)))
        slots = (field.name for field in dataclasses.fields(value))
        yield from ((name, getattr(value, name)) for name in slots)


def _properties(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        yield from (name for name, found in vars(base).items() if isinstance(found, property))
