"""What a message is about, in one statement that is written once: every message asks for it, and Django takes longer to write
such a statement than PostgreSQL to carry it out."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Model

from appointments.models import Appointment, Customer, Facility, Program, StaffMember
from reminders.models import Message, ReminderRule

_RELATED: dict[str, type[Model]] = {
    "customer": Customer,
    "staff": StaffMember,
    "facility": Facility,
    "program": Program,
}
_TABLES: dict[str, type[Model]] = {"appointment": Appointment, **_RELATED, "rule": ReminderRule}


def lock_appointment(message: Message) -> Appointment:
    """Give the message its appointment with all that letters speak of, as it is now and kept so to the end of the transaction;
    and its rule, if it has one."""
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, [message.rule_id, message.appointment_id])
        values = iter(cursor.fetchone())
    found = {name: _read(model, values) for name, model in _TABLES.items()}
    appointment: Appointment = found["appointment"]
    for name in _RELATED:
        setattr(appointment, name, found[name])
    message.appointment, message.rule = appointment, found["rule"]
    return appointment


def _read(model: type[Model], values: Iterator[Any]) -> Any:
    names = [field.attname for field in model._meta.concrete_fields]
    own = list(islice(values, len(names)))
    return None if own[0] is None else model.from_db(connection.alias, names, own)


def _statement() -> str:
    columns = ", ".join(
        f'{name}."{field.column}"' for name, model in _TABLES.items() for field in model._meta.concrete_fields
    )
    joins = " ".join(
        f"JOIN {model._meta.db_table} {name} ON {name}.id = appointment.{name}_id"
        for name, model in _RELATED.items()
    )
    return (
        f"SELECT {columns} FROM {Appointment._meta.db_table} appointment {joins} "  # noqa: S608 - our own names
        f"LEFT JOIN {ReminderRule._meta.db_table} rule ON rule.id = %s "
        "WHERE appointment.id = %s FOR NO KEY UPDATE OF appointment"
    )


_STATEMENT = _statement()
