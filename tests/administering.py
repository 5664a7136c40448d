"""What the tests of Django admin share: addresses of its pages, and what they show."""

import re
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.urls import reverse

from appointments.models import Appointment


def list_of(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Any, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def add_page(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def rows_shown(answer: Any) -> list[Any]:
    return list(answer.context["cl"].result_list)


def words(answer: Any) -> str:
    """What the page says in its messages."""
    return re.sub(r"<[^>]+>", "", " ".join(str(message) for message in answer.context["messages"]))


def status(appointment: Appointment) -> str:
    appointment.refresh_from_db()
    return str(appointment.status)


def last_event(appointment: Appointment) -> tuple[str, User | None]:
    event = appointment.events.order_by("id").last()
    return event.kind, event.by
