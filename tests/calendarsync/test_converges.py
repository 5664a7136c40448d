"""Whatever people do on both sides and however their calendars' servers fail meanwhile: once it is quiet, each calendar shows exactly
what the record says, and what others put there stands untouched."""

from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from appointments.models import Appointment, Customer, StaffMember
from calendarsync import entries, reconciling, syncing
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from scheduling import booking, reassignment
from scheduling.booking import BookingRefused, ChangeRefused
from scheduling.models import TimeOff
from tests import factories as make
from tests.calendarsync.harness import Harness, Standing
from tests.calendarsync.shelf import Clock
from tests.contracts.doubles import ANY
from tests.portal.clinic import Clinic

pytestmark = pytest.mark.django_db

EXAMPLES, STEPS = 12, 30
UNSETTLED = [CalendarSync.State.PENDING, CalendarSync.State.CLAIMED]
TROUBLES: list[dict[str, Any]] = [
    {"drop": True},
    {"drop": True, "after": True},
    {"drop": True, "after": True, "skip": 1},
    {"status": 500},
    {"status": 503, "after": True, "headers": {"Retry-After": "3"}},
    {"status": 429, "headers": {"Retry-After": "60"}, "times": 2},
    {"status": 200, "body": "<html>Sign in</html>", "after": True},
    {"status": 502, "body": "<html>Bad gateway</html>", "times": 4},
    {"drop": True, "times": 5},
]
OVER_AN_HOUR = timedelta(minutes=61)
# Some of what was booked long ago is changed once its date is over.
PAST = timedelta(days=2)


class People(RuleBasedStateMachine):
    """Ann has a calendar at one provider, Bo at the other, Cy at both, and Di has none."""

    harnesses: dict[str, Harness]

    @initialize(outsiders=st.booleans())
    def begin(self, outsiders: bool) -> None:
        """Without outsiders nothing but the rows themselves brings calendars up to date."""
        self.outsiders = outsiders
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.clock = Clock()
        self.clinic = Clinic.open(program={"max_advance_days": 400})
        self.by = self.clinic.staff.user
        ann, bo, cy, di = (self.clinic.staff, *(self.clinic.colleague() for _ in range(3)))
        self.staff: list[StaffMember] = [ann, bo, cy, di]
        self.customers: list[Customer] = [make.customer(at=self.clinic.facility) for _ in range(3)]
        google, caldav = self.harnesses["google"], self.harnesses["caldav"]
        owners = [(google, ann), (caldav, bo), (google, cy), (caldav, cy)]
        self.calendars = [(harness, harness.connection(owner)) for harness, owner in owners]
        self.foreign = [self._stranger(harness, calendar) for harness, calendar in self.calendars]
        self.absences: list[TimeOff] = []
        for hours, who in enumerate(self.staff[:3], start=26):
            self.book(who=self.staff.index(who), customer=hours % 3, hours=hours)
        self.work()

    def teardown(self) -> None:
        if not hasattr(self, "undo"):
            return
        try:
            self._quiet()
            self._compare()
        finally:
            for harness in self.harnesses.values():
                harness.calm()
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)

    # ---------------------------------------------------------------------------------------- on our side

    @rule(who=st.integers(0, 3), customer=st.integers(0, 2), hours=st.integers(1, 30))
    def book(self, who: int, customer: int, hours: int) -> None:
        place = {
            "staff": self.staff[who],
            "program": self.clinic.program,
            "customer": self.customers[customer],
        }
        starts_at = make.NOW + hours * timedelta(hours=1)
        self._try(booking.book, starts_at=starts_at, minutes=30, overrides={"cool_down"}, **place)

    @precondition(lambda self: self._booked())
    @rule(data=st.data(), who=st.integers(0, 3), hours=st.integers(1, 30))
    def move(self, data: Any, who: int, hours: int) -> None:
        starts_at = make.NOW + hours * timedelta(hours=1)
        self._try(booking.reschedule, appointment=self._one(data), starts_at=starts_at, staff=self.staff[who])

    @precondition(lambda self: self._booked())
    @rule(data=st.data(), who=st.integers(0, 3))
    def reassign(self, data: Any, who: int) -> None:
        self._try(booking.reassign, appointment=self._one(data), staff=self.staff[who])

    @precondition(lambda self: self._booked())
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        self._try(booking.cancel, appointment=self._one(data), reason="")

    @precondition(lambda self: self._booked())
    @rule(data=st.data(), status=st.sampled_from(["scheduled", "arrived", "completed", "no_show"]))
    def mark(self, data: Any, status: str) -> None:
        self._try(booking.mark, appointment=self._one(data), status=status)

    @precondition(lambda self: self._booked())
    @rule(data=st.data())
    def note(self, data: Any) -> None:
        self._try(booking.edit_notes, appointment=self._one(data), public_note=str(self.clock.now))

    @rule(who=st.integers(0, 3))
    def be_away(self, who: int) -> None:
        with self._changing_hours(who):
            self.absences.append(make.time_off(staff=self.staff[who], last_day=make.TODAY + PAST))

    @precondition(lambda self: self.absences)
    @rule()
    def come_back(self) -> None:
        absence = self.absences.pop()
        with self._changing_hours(self.staff.index(absence.staff)):
            absence.delete()

    # --------------------------------------------------------------------------------------- on the other

    @precondition(lambda self: self.outsiders and SyncedEvent.objects.exists())
    @rule(data=st.data(), what=st.sampled_from(["retitle", "move", "move far", "delete", "repeat"]))
    def tamper(self, data: Any, what: str) -> None:
        known = data.draw(
            st.sampled_from(list(SyncedEvent.objects.order_by("pk").values_list("pk", flat=True)))
        )
        event = SyncedEvent.objects.select_related("connection", "appointment").get(pk=known)
        harness = next(harness for harness, calendar in self.calendars if calendar.pk == event.connection_id)
        if event.external_id not in {each.external_id for each in harness.standing(event.connection)}:
            return
        by = timedelta(days=400 if what == "move far" else 1)
        starts_at, ends_at = event.appointment.starts_at + by, event.appointment.ends_at + by
        if what == "delete":
            harness.delete(event.connection, event.external_id)
        elif what == "retitle":
            harness.edit(event.connection, event.external_id, title="Lunch")
        elif what == "repeat":
            harness.edit(event.connection, event.external_id, recurrence="FREQ=DAILY;COUNT=3")
        else:
            harness.edit(event.connection, event.external_id, starts_at=starts_at, ends_at=ends_at)

    @rule(which=st.sampled_from(["google", "caldav"]), trouble=st.sampled_from(TROUBLES))
    def fail(self, which: str, trouble: dict[str, Any]) -> None:
        self.harnesses[which].trouble(**{"method": ANY, **trouble})

    # ------------------------------------------------------------------------------------------- workers

    @rule()
    def work(self) -> None:
        for _, calendar in self.calendars:
            self._drain(calendar)

    @rule(which=st.integers(0, 3))
    def lose_worker(self, which: int) -> None:
        """It had taken a row, and is gone."""
        rows = CalendarSync.objects.of(self.calendars[which][1])
        row_id = rows.ready(self.clock()).values_list("pk", flat=True).first()
        if row_id is not None:
            rows.claim(row_id, now=self.clock())

    @rule(pause=st.sampled_from([timedelta(seconds=20), timedelta(minutes=6), OVER_AN_HOUR]))
    def wait(self, pause: timedelta) -> None:
        self.clock.now += pause
        CalendarSync.objects.release_stuck(now=self.clock())

    @precondition(lambda self: self.outsiders)
    @rule(which=st.integers(0, 3))
    def reconcile(self, which: int) -> None:
        reconciling.reconcile(self.calendars[which][1].pk, clock=self.clock, pace=_at_once)

    @invariant()
    def nobody_has_been_given_up(self) -> None:
        if hasattr(self, "undo"):
            assert not CalendarSync.objects.filter(state="given_up").exists()

    # ---------------------------------------------------------------------------------------------- quiet

    def _quiet(self) -> None:
        for harness in self.harnesses.values():
            harness.calm()
        for _ in range(2):
            self.clock.now += 2 * OVER_AN_HOUR
            CalendarSync.objects.release_stuck(now=self.clock())
            self.work()
        if self.outsiders:
            for _, calendar in self.calendars:
                reconciling.reconcile(calendar.pk, clock=self.clock, pace=_at_once)
            self.work()
        assert not CalendarSync.objects.filter(state__in=UNSETTLED).exists()

    def _compare(self) -> None:
        for (harness, calendar), stranger in zip(self.calendars, self.foreign, strict=True):
            calendar.refresh_from_db()
            assert calendar.state == "active", calendar.last_error
            everything = harness.standing(calendar)
            found = {_shown(each) for each in everything if each.appointment}
            assert found == self._wanted(calendar)
            assert [each for each in everything if not each.appointment] == [stranger]
            known = SyncedEvent.objects.filter(connection=calendar).values_list("external_id", flat=True)
            assert sorted(known) == sorted(each.external_id for each in everything if each.appointment)

    def _wanted(self, calendar: CalendarConnection) -> set[tuple[Any, ...]]:
        booked = Appointment.objects.select_related("customer", "facility")
        wanted = (entries.wanted(each, calendar) for each in booked)
        return {_shown(entry) for entry in wanted if entry}

    # ---------------------------------------------------------------------------------------------- means

    def _booked(self) -> list[int]:
        return list(Appointment.objects.order_by("pk").values_list("pk", flat=True))

    def _one(self, data: Any) -> Appointment:
        return Appointment.objects.get(pk=data.draw(st.sampled_from(self._booked())))

    def _try(self, change: Any, **given: Any) -> None:
        with suppress(BookingRefused, ChangeRefused):
            change(by=self.by, now=self.clock(), **given)

    def _changing_hours(self, who: int) -> Any:
        return reassignment.changing_hours(staff=[self.staff[who]], by=self.by, now=self.clock())

    def _drain(self, calendar: CalendarConnection) -> None:
        syncing.drain(calendar.pk, clock=self.clock, pace=_at_once)

    def _stranger(self, harness: Harness, calendar: CalendarConnection) -> Standing:
        harness.add_foreign(calendar, "dentist", "Dentist")
        return harness.standing(calendar)[0]


def _at_once(_connection_id: int) -> None:
    """Nobody is in a hurry here, nor has to wait."""


def _shown(of: Any) -> tuple[Any, ...]:
    return (
        of.appointment,
        of.title,
        of.location,
        of.description,
        of.url,
        of.starts_at,
        of.ends_at,
        of.is_tentative,
    )


def test_calendars_converge(google_harness: Harness, caldav_harness: Harness, settings: Any) -> None:
    settings.PROVIDER_TIMEOUT_SECONDS = 2
    machine = cast(
        Any, type("Machine", (People,), {"harnesses": {"google": google_harness, "caldav": caldav_harness}})
    )
    run_state_machine_as_test(machine, settings=SETTINGS)


# Shrinking takes minutes: lift the limit to find out what a failure comes down to.
SETTINGS = hypothesis_settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    print_blob=True,
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
