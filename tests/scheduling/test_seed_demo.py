import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Concat
from django.utils import timezone

from appointments.models import Appointment, AppointmentEvent, Case, Customer, Facility, Program, StaffMember
from calendarsync import credentials
from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from calendarsync.providers import dav
from portal import offers
from reminders.models import Message
from scheduling import booking, hours
from scheduling.demo import days, people, roster, seeding
from scheduling.management.commands.seed_demo import SHOWN
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from securecare import localtime, sample_calendars
from tests import factories as make

Status = Appointment.Status
# A Monday, noon in New York: Thanksgiving week.
NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
TODAY = date(2026, 11, 23)
SERVER = "http://localhost:8001/"
YEAR = [date(2026, 1, 1) + timedelta(days=n) for n in range(400)]


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker):
    """The sample organisation, loaded once for this file and undone after it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield seeding.seed(now=NOW, calendar_server=SERVER)
        transaction.set_rollback(True)


def everything():
    tables = (
        Appointment,
        AppointmentEvent,
        Customer,
        Case,
        StaffMember,
        Program,
        Shift,
        ExtraShift,
        TimeOff,
        Closure,
    )
    return {table.__name__: list(table.objects.order_by("pk").values_list()) for table in tables}


@pytest.mark.django_db
def test_seed_creates_the_organisation(loaded):
    assert Facility.objects.values("time_zone").distinct().count() == Facility.objects.count() == 3
    assert (StaffMember.objects.count(), Program.objects.count()) == (14, 8)
    assert (Customer.objects.count(), Case.objects.count()) == (120, 60)
    roles = Counter(StaffMember.objects.values_list("role", flat=True))
    assert roles == {"provider": 10, "front_desk": 1, "manager": 1, "billing": 1, "administrator": 1}
    for customer in Customer.objects.all():
        customer.full_clean()


@pytest.mark.django_db
def test_seed_books_everything_it_planned(loaded):
    planned = [visit for day in loaded.days for visit in days.plan(day)]
    assert loaded.days == seeding._dates(date(2026, 11, 13), date(2026, 12, 3))
    assert loaded.appointments == Appointment.objects.count() == len(planned)
    assert Appointment.objects.filter(outside_hours=True).count() == 0


@pytest.mark.django_db
def test_seed_shows_every_status_at_its_time(loaded):
    by_status = defaultdict(list)
    for appointment in Appointment.objects.all():
        by_status[appointment.status].append(appointment)
    assert set(by_status) == set(Status.values)
    assert all(a.starts_at - timedelta(minutes=10) <= NOW < a.ends_at for a in by_status[Status.ARRIVED])
    assert all(a.starts_at <= NOW for a in by_status[Status.COMPLETED] + by_status[Status.NO_SHOW])
    assert all(a.ends_at > NOW - timedelta(minutes=5) for a in by_status[Status.SCHEDULED])
    assert len(by_status[Status.PENDING_REASSIGNMENT]) == loaded.stranded
    assert any(a.email_confirmed_at and a.status == Status.SCHEDULED for a in by_status[Status.SCHEDULED])


@pytest.mark.django_db
def test_seed_strands_by_time_off_that_the_calendar_shows(loaded):
    for appointment in Appointment.objects.filter(status=Status.PENDING_REASSIGNMENT):
        day = appointment.local_date
        rules = hours.load(staff=[appointment.staff_id], first_day=day, last_day=day)
        fit = rules.fit(
            appointment.staff_id, appointment.facility, appointment.starts_at, appointment.ends_at
        )
        assert fit is not hours.Fit.INSIDE
        assert [event.kind for event in appointment.events.all()][-1] == "stranded"
    assert TimeOff.objects.filter(state="requested").count() == 1


@pytest.mark.django_db
def test_seed_records_what_happened_in_order_and_not_in_the_future(loaded):
    events = defaultdict(list)
    for event in AppointmentEvent.objects.order_by("id"):
        events[event.appointment_id].append(event)
    for appointment in Appointment.objects.all():
        mine = events[appointment.pk]
        assert [event.version for event in mine] == list(range(appointment.version + 1))
        assert [event.at for event in mine] == sorted(event.at for event in mine)
        assert mine[-1].at <= NOW
        assert mine[-1].after.get("status", Status.SCHEDULED) == appointment.status
        for stamp in filter(None, (appointment.email_confirmed_at, appointment.phone_confirmed_at)):
            assert appointment.placed_at < stamp < min(NOW, appointment.starts_at)


@pytest.mark.django_db
def test_seed_a_second_time_the_same_day_changes_nothing(loaded):
    before = everything()
    assert seeding.seed(now=NOW + timedelta(hours=9)) == seeding.Loaded()
    assert everything() == before


@pytest.mark.django_db
def test_seed_on_a_later_day_adds_a_day_and_leaves_what_people_changed(loaded):
    amy = StaffMember.objects.get(user__username="amy").user
    tomorrow = Appointment.objects.on(TODAY + timedelta(days=1), "America/New_York").filter(
        status=Status.SCHEDULED
    )
    cancelled, settled, untouched = tomorrow[:3]
    booking.cancel(appointment=cancelled, reason="Called", by=amy, now=NOW)
    booking.mark(appointment=settled, status=Status.NO_SHOW, by=amy, now=NOW)
    later = NOW + timedelta(days=2)
    assert seeding.seed(now=later).days == [date(2026, 12, 4), date(2026, 12, 5)]
    for appointment in (cancelled, settled, untouched):
        appointment.refresh_from_db()
    assert (cancelled.status, cancelled.version, settled.status, settled.version) == (
        "cancelled",
        1,
        "no_show",
        1,
    )
    assert untouched.status in (Status.COMPLETED, Status.NO_SHOW)
    assert not Appointment.objects.filter(
        status=Status.SCHEDULED, version=0, ends_at__lt=later - timedelta(hours=1)
    )


@pytest.mark.django_db
def test_seed_skips_what_people_booked_themselves(loaded):
    tenth = date(2026, 12, 4)
    visit = next(v for v in days.plan(tenth) if v.staff == "dana" and v.ending == days.COMPLETED)
    dana = StaffMember.objects.get(user__username="dana")
    mine = booking.book(
        customer=make.customer(),
        staff=dana,
        program=Program.objects.get(name=visit.offer.name),
        starts_at=visit.starts_at,
        minutes=15,
        by=dana.user,
        now=NOW,
    )
    loaded_later = seeding.seed(now=NOW + timedelta(days=1))
    assert loaded_later.appointments == len(days.plan(tenth)) - 1
    assert Appointment.objects.live().get(staff=dana, starts_at=visit.starts_at) == mine


@pytest.mark.django_db
def test_seed_goes_on_without_those_who_were_renamed(loaded):
    User.objects.filter(username="dana").update(username="dana.reyes")
    Facility.objects.filter(name="Westgate").update(name="Westgate Plaza")
    Program.objects.filter(name="Tutoring").update(name="Learning support")
    again = seeding.seed(now=NOW + timedelta(days=3))
    assert again.days == seeding._dates(date(2026, 12, 4), date(2026, 12, 6))
    added = Appointment.objects.filter(
        starts_at__gte=localtime.day_bounds(date(2026, 12, 4), "US/Pacific")[0]
    )
    assert 0 < again.appointments < len(days.plan(date(2026, 12, 4)))
    assert not added.filter(Q(staff__display_name="Dana Reyes") | Q(facility__name="Westgate Plaza"))
    assert (Facility.objects.count(), StaffMember.objects.count(), Program.objects.count()) == (3, 14, 8)


@pytest.mark.django_db
def test_seed_refuses_names_that_others_use(loaded):
    StaffMember.objects.filter(role="provider").update(user=None)
    with pytest.raises(seeding.NameTaken, match="Harbor House, Northside, Westgate, amy, andre"):
        seeding.seed(now=NOW)
    assert (Facility.objects.count(), StaffMember.objects.count()) == (3, 14)


@pytest.mark.django_db
def test_command_prints_sign_ins_that_work(loaded, capsys, settings):
    settings.PUBLIC_BASE_URL = "http://localhost:8123"
    call_command("seed_demo")
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("  ") for line in lines if line.endswith(people.PASSWORD)]
    assert [row[0] for row in rows] == [
        "Front desk",
        "Provider",
        "Provider",
        "Manager",
        "Billing",
        "Administrator",
    ]
    assert any("http://localhost:8123/schedule/" in line for line in lines)
    for member in StaffMember.objects.select_related("user"):
        assert member.user.check_password(people.PASSWORD)
        validate_password(people.PASSWORD, user=member.user)
    assert list(StaffMember.objects.filter(user__is_staff=True).values_list("user__username", flat=True)) == [
        "ines"
    ]


@pytest.mark.django_db
def test_command_names_a_customer_who_can_sign_in_and_has_something_to_see(loaded, capsys):
    call_command("seed_demo")
    printed = capsys.readouterr().out
    email = re.search(r"sign in there as .+ with (\S+)\.\n", printed)[1]
    [customer] = Customer.objects.filter(email=email)
    assert customer.appointments.filter(status=Status.SCHEDULED, starts_at__gt=timezone.now()).exists()
    assert "/portal/ without an account." in printed
    assert "is read at http://localhost:8000/messages/, where its links can be followed" in printed
    assert "only ines may read codes." in printed


@pytest.mark.django_db
def test_seed_offers_customers_programs_that_somebody_serves_at_facilities_they_can_call(loaded):
    places = offers.places()
    assert [place.facility.name for place in places] == ["Harbor House", "Northside", "Westgate"]
    assert all(place.facility.address and place.facility.tel_url for place in places)
    shown = [offer for place in places for offer in place.offers]
    assert [offer.program.name for offer in shown] == [
        "Housing",
        "Tutoring",
        "Counseling",
        "Food pantry visit",
    ]
    assert all(offer.is_served and offer.program.description and offer.program.public_note for offer in shown)
    assert Program.objects.filter(allows_public_booking=True, cool_down_days__gt=0).count() == 1
    assert Customer.objects.filter(language="es").count() == 7


@pytest.mark.django_db
def test_seed_plans_what_lies_ahead_and_writes_to_nobody(loaded):
    waiting = Message.objects.filter(state="pending")
    assert waiting.filter(channel="email").exists()
    assert waiting.filter(channel="phone").exists()
    assert set(waiting.values_list("kind", flat=True)) == {"reminder"}
    assert not waiting.filter(due_at__lte=NOW).exists()
    assert {message.appointment.status for message in waiting.select_related("appointment")} == {"scheduled"}


@pytest.mark.django_db
def test_command_stays_away_from_a_site_on_https_unless_forced(loaded, settings):
    StaffMember.objects.update(user=None)
    User.objects.exclude(username="dana").update(username=Concat(Value("left-"), "username"))
    Facility.objects.update(name=Concat(Value("Old "), "name"))
    settings.PUBLIC_BASE_URL = "https://care.example.org"
    with pytest.raises(CommandError, match="https"):
        call_command("seed_demo")
    with pytest.raises(CommandError, match="Already in use: dana"):
        call_command("seed_demo", "--force")


def test_plan_is_the_same_every_time():
    assert days.plan(TODAY) == days.plan(TODAY)
    assert days.plan(TODAY) != days.plan(TODAY + timedelta(days=7))


def test_plan_never_asks_for_what_the_rules_refuse():
    """Over more than a year: nobody twice at a time, cool-downs kept, inside the roster, on quarter hours."""
    busy = defaultdict(list)
    dates = defaultdict(set)
    for day in YEAR:
        periods = roster.periods(day)
        for visit in days.plan(day):
            zone = roster.ZONES[visit.offer.facility]
            assert localtime.is_on_quarter_hour(visit.starts_at, zone)
            assert any(
                who == visit.staff and start <= visit.starts_at and visit.ends_at <= end
                for who, _, (start, end) in periods
            )
            if visit.ending != days.CANCELLED:
                busy["staff", visit.staff].append((visit.starts_at, visit.ends_at))
                busy["customer", visit.customer].append((visit.starts_at, visit.ends_at))
                local = localtime.local_date(visit.starts_at, zone)
                assert (visit.offer.cool_down_days == 0) or local not in dates[
                    visit.customer, visit.offer.name
                ]
                dates[visit.customer, visit.offer.name].add(local)
    for taken in busy.values():
        taken.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(taken))
    cool_downs = {offer.name: offer.cool_down_days for offer in days.OFFERS}
    for (_, name), on in dates.items():
        ordered = sorted(on)
        assert all((b - a).days >= cool_downs[name] for a, b in pairwise(ordered))


def test_plan_fills_ordinary_weekdays_and_leaves_gaps():
    weekdays = [day for day in YEAR if day.weekday() < 5 and not roster.closures(day)]
    sizes = [len(days.plan(day)) for day in weekdays]
    assert min(sizes) >= 40
    assert max(sizes) <= 90


def test_roster_has_a_night_shift_split_days_and_two_facilities_for_one():
    assert {who for who, _, _, starts, ends in roster.WEEK if ends <= starts} == {"samuel"}
    assert len({where for who, where, *_ in roster.WEEK if who == "lena"}) == 2
    assert [(s, e) for who, _, on, s, e in roster.WEEK if who == "mei" and 0 in on] == [
        (time(9), time(12)),
        (time(13), time(17, 30)),
    ]
    three_weeks = [TODAY + timedelta(days=n) for n in range(-10, 11)]
    assert any(roster.closures(day) for day in three_weeks)
    assert any(roster.extra_shifts(day) for day in three_weeks)


# ------------------------------------------------------------------------------------------------- calendars


def calendar_of(who):
    return CalendarConnection.objects.get(staff__user__username=who)


def rows():
    return list(CalendarSync.objects.order_by("pk").values_list())


@pytest.mark.django_db
def test_accounts_are_those_of_everyone_who_takes_appointments():
    takers = {colleague.username for colleague in people.STAFF if colleague.takes_appointments}
    assert set(sample_calendars.ACCOUNTS) == takers


@pytest.mark.django_db
def test_calendars_are_connected_but_for_one_who_may_try(loaded):
    states = dict(CalendarConnection.objects.values_list("account", "state"))
    assert states == {
        "dana": CalendarConnection.State.ACTIVE,
        "priya": CalendarConnection.State.ACTIVE,
        "tomas": CalendarConnection.State.BROKEN,
    }
    free = {who for who in SHOWN if who in sample_calendars.ACCOUNTS} - states.keys()
    assert free == {"marcus"}
    dana = calendar_of("dana")
    assert (dana.server, dana.calendar, dana.calendar_name, dana.key) == (
        SERVER,
        f"{SERVER}dana/appointments/",
        "Appointments",
        "localhost:8001/dana/appointments",
    )
    assert credentials.read(dana) == {
        "kind": "password",
        "username": "dana",
        "password": sample_calendars.PASSWORD,
    }


@pytest.mark.django_db
def test_what_lies_ahead_of_each_waits_to_be_brought_there(loaded):
    for who, now in (("dana", NOW), ("priya", NOW), ("tomas", calendar_of("tomas").broken_at)):
        ahead = Appointment.objects.live().filter(staff__user__username=who, ends_at__gt=now)
        waiting = CalendarSync.objects.of(calendar_of(who))
        assert set(waiting.values_list("reason", "state", "created_at")) == {("backfill", "pending", now)}
        assert sorted(waiting.values_list("appointment", flat=True)) == sorted(a.pk for a in ahead)


@pytest.mark.django_db
def test_the_stopped_one_says_why_and_nobody_is_written_to(loaded):
    stopped = calendar_of("tomas")
    assert stopped.broken_at == stopped.told_at == stopped.last_error_at == NOW - timedelta(hours=20)
    assert stopped.last_error == dav.REFUSED
    assert not Message.objects.filter(kind=Message.Kind.COLLEAGUE).exists()


@pytest.mark.django_db
def test_a_second_start_changes_nothing_and_connects_nobody_again_who_disconnected(loaded):
    CalendarConnection.objects.filter(account="priya").update(
        state=CalendarConnection.State.DISCONNECTED, disconnected_at=NOW, **credentials.NONE
    )
    before, calendars = rows(), list(CalendarConnection.objects.order_by("pk").values_list())
    seeding.seed(now=NOW + timedelta(hours=2), calendar_server=SERVER)
    assert rows() == before
    assert list(CalendarConnection.objects.order_by("pk").values_list()) == calendars


@pytest.mark.django_db
def test_calendars_follow_the_server_to_another_port(loaded):
    CalendarConnection.objects.filter(account="dana").update(retry_at=NOW + timedelta(hours=1), failures=4)
    elsewhere = {"server": "https://dav.example.org/", "key": "dav.example.org/priya"}
    CalendarConnection.objects.filter(account="priya").update(**elsewhere)
    entry = SyncedEvent.objects.create(
        appointment=Appointment.objects.filter(staff__user__username="dana").first(),
        connection=calendar_of("dana"),
        external_id=f"{SERVER}dana/appointments/1.ics",
        revision=0,
        digest=b"",
        written_at=NOW,
    )
    before = rows()
    seeding.seed(now=NOW, calendar_server="http://localhost:8021/")
    dana, tomas, priya = calendar_of("dana"), calendar_of("tomas"), calendar_of("priya")
    assert (dana.server, dana.calendar, dana.key, dana.retry_at, dana.failures) == (
        "http://localhost:8021/",
        "http://localhost:8021/dana/appointments/",
        "localhost:8021/dana/appointments",
        None,
        0,
    )
    entry.refresh_from_db()
    assert entry.external_id == "http://localhost:8021/dana/appointments/1.ics"
    assert tomas.key == "localhost:8021/tomas/appointments"
    assert (priya.server, priya.key) == tuple(elsewhere.values())
    assert rows() == before


@pytest.mark.django_db
def test_a_later_start_has_waited_for_nothing_that_happened_before(loaded):
    already = CalendarSync.objects.latest("pk").pk
    later = NOW + timedelta(days=2)
    seeding.seed(now=later, calendar_server=SERVER)
    new = CalendarSync.objects.filter(pk__gt=already)
    assert set(new.values_list("reason", "created_at", "due_at")) == {("change", later, later)}
    booked = new.filter(event__kind="booked", connection__account="dana")
    assert {row.appointment.local_date for row in booked.select_related("appointment__facility")} == {
        date(2026, 12, 4)
    }


@pytest.mark.django_db
def test_what_people_change_is_wanted_when_they_do(loaded):
    dana = User.objects.get(username="dana")
    soon = Appointment.objects.live().filter(staff__user=dana, starts_at__gt=NOW).first()
    booking.cancel(appointment=soon, reason="Called", by=dana, now=NOW + timedelta(minutes=5))
    seeding.seed(now=NOW + timedelta(hours=2), calendar_server=SERVER)
    row = CalendarSync.objects.latest("pk")
    assert (row.appointment, row.reason, row.created_at) == (soon, "change", NOW + timedelta(minutes=5))


@pytest.mark.django_db
def test_without_a_server_no_calendar_is_connected(loaded):
    CalendarSync.objects.all().delete()
    CalendarConnection.objects.all().delete()
    seeding.seed(now=NOW)
    assert not CalendarConnection.objects.exists()
    call_command("seed_demo", "--calendar-server", SERVER)
    assert CalendarConnection.objects.count() == 3
