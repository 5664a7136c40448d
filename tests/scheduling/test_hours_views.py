from datetime import time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment, AppointmentEvent
from scheduling import staffing
from scheduling.models import Closure, ExtraShift, Shift, TimeOff
from securecare import localtime
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, alerts_of, errors_of, part, signed_in, text_of, value_of

pytestmark = pytest.mark.django_db
TODAY = DAY - timedelta(days=7)


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def manager(desk):
    return desk.signed_in("manager")


def url(name, *args):
    return reverse(f"hours-{name}", args=args)


def week_url(desk):
    return url("week", desk.staff.pk, desk.facility.pk)


def week_form(desk, days=range(7), starts="09:00", ends="17:00", **fields):
    known = staffing.fingerprint(staff=desk.staff, facility=desk.facility)
    sent = {"first_day": TODAY.isoformat(), "last_day": "", "known": known, "agreed": ""}
    for day in days:
        sent |= {f"starts_{day}_0": starts, f"ends_{day}_0": ends}
    return {**sent, **fields}


def plan(desk):
    rows = Shift.objects.filter(staff=desk.staff, facility=desk.facility)
    return [
        (version.first_day, len(version.shifts), version.until)
        for version in staffing.versions(rows, day=TODAY)
    ]


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


# Overview and person


def test_overview_shows_the_week_with_extra_shifts_time_off_and_closures(desk, manager):
    monday = DAY - timedelta(days=DAY.weekday())
    Shift.objects.all().delete()
    make.shift(staff=desk.staff, at=desk.facility, weekday=0)
    make.shift(staff=desk.staff, at=desk.facility, weekday=4, starts=time(22), ends=time(6))
    make.extra_shift(staff=desk.staff, at=desk.facility, date=monday + timedelta(days=1), ends=time(12))
    make.time_off(staff=desk.staff, first_day=monday, starts=time(13), ends=time(15), reason="Dentist")
    make.closure(at=desk.facility, date=monday + timedelta(days=4), reason="Snow")
    shown = text_of(manager.get("/hours/", {"week": DAY.isoformat()}))
    row = f"{desk.staff} 9:00 AM–5:00 PM Off 1:00 PM–3:00 PM: Dentist 9:00 AM–12:00 PM extra"
    assert row in shown
    assert "10:00 PM–6:00 AM ends the next day Closed: Snow" in shown


def test_overview_refuses_a_malformed_week(desk, manager):
    for week in ("2026-99-99", "zz", "9999999-01-01"):
        shown = manager.get("/hours/", {"week": week})
        assert (shown.status_code, "cannot be read" in text_of(shown)) == (400, True)


def test_overview_without_a_week_is_this_week(desk, manager):
    shown = manager.get("/hours/", {"facility": "x"})
    assert shown.context["days"][0] == TODAY - timedelta(days=TODAY.weekday())


def test_overview_shows_only_own_facilities(desk, manager):
    stranger = make.staff(at=make.facility(name="Elsewhere House"), display_name="Hidden Person")
    make.time_off(staff=stranger, first_day=DAY, state="requested", reason="Secret")
    make.closure(at=stranger.facilities.get(), date=DAY)
    shown = text_of(manager.get("/hours/"))
    assert [word in shown for word in ("Hidden Person", "Elsewhere House", "Secret")] == [False] * 3
    assert str(desk.staff) in shown


@pytest.mark.parametrize("count", [1, 30])
def test_overview_takes_a_fixed_number_of_queries(desk, manager, count, django_assert_num_queries):
    for _ in range(count):
        member = desk.colleague()
        make.time_off(staff=member, first_day=DAY, state="requested")
        make.time_off(staff=member, first_day=DAY + timedelta(days=1))
    manager.get("/hours/")
    with django_assert_num_queries(9):
        assert str(member) in text_of(manager.get("/hours/"))


def test_person_shows_hours_in_force_and_to_come(desk, manager):
    later = TODAY + timedelta(days=30)
    Shift.objects.filter(weekday__gt=0).delete()
    Shift.objects.update(valid_until=later)
    make.shift(staff=desk.staff, at=desk.facility, weekday=1, ends=time(12), valid_from=later)
    shown = text_of(manager.get(url("person", desk.staff.pk)))
    until = later - timedelta(days=1)
    assert f"Every week, until {until:%A, %B %-d, %Y} Monday 9:00 AM–5:00 PM" in shown
    assert f"From {later:%A, %B %-d, %Y} Tuesday 9:00 AM–12:00 PM" in shown


def test_person_of_two_facilities_shows_only_the_one_that_is_seen(desk, manager):
    other = make.facility(name="Elsewhere House")
    desk.staff.facilities.add(other)
    make.shift(staff=desk.staff, at=other, weekday=0, starts=time(18), ends=time(21))
    shown = text_of(manager.get(url("person", desk.staff.pk)))
    assert ("Elsewhere House" in shown, "6:00 PM" in shown, "Northside" in shown) == (False, False, True)


def test_requests_are_seen_by_their_person_and_by_who_decides(desk, manager):
    make.time_off(staff=desk.staff, first_day=DAY, state="requested", reason="Family")
    make.time_off(staff=desk.staff, first_day=DAY + timedelta(days=1), state="declined", reason="Garden")
    make.time_off(staff=desk.staff, first_day=DAY + timedelta(days=2), reason="Vacation")
    pages = ("/hours/", url("person", desk.staff.pk))
    seen = {
        name: [
            [word in text_of(client.get(page)) for word in ("Family", "Garden", "Vacation")] for page in pages
        ]
        for name, client in {
            "own": signed_in(desk.staff),
            "manager": manager,
            "colleague": desk.signed_in("provider"),
        }.items()
    }
    assert seen == {
        "own": [[True, False, True], [True, True, True]],
        "manager": [[True, False, True], [True, True, True]],
        "colleague": [[False, False, True], [False, False, True]],
    }


# Week editor


def test_week_editor_starts_from_the_hours_in_force(desk, manager):
    shown = manager.get(week_url(desk))
    next_monday = TODAY + timedelta(days=7 - TODAY.weekday())
    assert [value_of(shown, name) for name in ("starts_0_0", "ends_6_0", "first_day", "starts_0_1")] == [
        "09:00",
        "17:00",
        next_monday.isoformat(),
        None,
    ]


def test_week_is_saved_at_once_when_it_strands_nothing(desk, manager):
    response = manager.post(week_url(desk), week_form(desk, range(3)), follow=True)
    assert plan(desk) == [(TODAY, 3, None)]
    assert messages_of(response) == [f"{desk.staff}’s hours at Northside are set from {TODAY:%a, %b %-d} on."]
    assert response.redirect_chain == [(url("person", desk.staff.pk), 302)]


def test_week_that_strands_asks_first_and_saves_when_agreed(desk, manager):
    made = desk.appointment(15)
    asked = manager.post(week_url(desk), week_form(desk, ends="12:00"))
    assert asked.status_code == 409
    assert "1 appointment would be left without working hours" in text_of(asked)
    assert f"{DAY:%a, %b %-d}, 3:00 PM , {made.customer} {made.program}, with {desk.staff}" in text_of(asked)
    assert "Save, leaving 1 to reassign" in text_of(asked)
    assert (plan(desk), made.events.count()) == ([(TODAY, 7, None)], 1)
    sent = week_form(desk, ends="12:00", agreed=value_of(asked, "agreed"))
    done = manager.post(week_url(desk), sent, follow=True)
    made.refresh_from_db()
    assert made.status == Appointment.Status.PENDING_REASSIGNMENT
    assert messages_of(done)[0].endswith("on. 1 appointment waits for reassignment.")


def test_week_check_tells_the_effect_without_saving(desk, manager):
    desk.appointment(15)
    checked = manager.post(week_url(desk), week_form(desk, [], check="1"), headers=part("hours-week"))
    assert checked.status_code == 200
    assert checked.content.decode().strip().startswith('<section id="hours-week"')
    assert "1 appointment would be left without working hours" in text_of(checked)
    calm = manager.post(week_url(desk), week_form(desk, check="1"))
    assert "No appointment would be left without working hours." in text_of(calm)
    assert (plan(desk), AppointmentEvent.objects.count()) == ([(TODAY, 7, None)], 1)


def test_week_effect_names_nobody_at_facilities_that_are_not_seen(desk, manager):
    other = make.facility(name="Elsewhere House")
    desk.staff.facilities.add(other)
    make.shift(staff=desk.staff, at=other, weekday=DAY.weekday(), starts=time(18), ends=time(21))
    program = make.program(at=other, staff=desk.staff)
    there = make.customer(family_name="Hidden")
    desk.appointment(18, program=program, customer=there)
    desk.appointment(10)
    asked = manager.post(url("time-off", desk.staff.pk), {"first_day": DAY.isoformat()})
    shown = text_of(asked)
    assert ("Hidden" in shown, "1 at other facilities" in shown) == (False, True)
    assert "2 appointments would be left without working hours" in shown


def test_stale_week_shows_what_is_now_and_keeps_what_was_typed(desk, manager):
    form = week_form(desk, range(2), ends="13:15")
    staffing.set_week(
        staff=desk.staff,
        facility=desk.facility,
        shifts=[staffing.PlannedShift(3, time(8), time(11))],
        first_day=TODAY,
        by=desk.staff.user,
        now=timezone.now(),
    )
    stale = manager.post(week_url(desk), form)
    assert stale.status_code == 409
    assert "Someone changed these hours in the meantime." in text_of(stale)
    assert "Thursday 8:00 AM–11:00 AM" in text_of(stale)
    assert (value_of(stale, "ends_1_0"), plan(desk)) == ("13:15", [(TODAY, 1, None)])
    assert manager.post(week_url(desk), form | {"known": value_of(stale, "known")}).status_code == 302
    assert plan(desk) == [(TODAY, 2, None)]


def test_week_adds_rows_and_copies_monday_without_losing_what_was_typed(desk, manager):
    added = manager.post(week_url(desk), week_form(desk, [0], add="0"), headers=part("hours-week"))
    assert [value_of(added, name) for name in ("starts_0_0", "starts_0_1")] == ["09:00", None]
    assert 'name="starts_0_1"' in added.content.decode()
    split = week_form(desk, [0], ends="12:00", starts_0_1="13:00", ends_0_1="x", spread="0")
    spread = manager.post(week_url(desk), split)
    assert [value_of(spread, f"starts_{day}_1") for day in range(7)] == ["13:00"] * 5 + [None, None]
    assert [value_of(spread, f"ends_{day}_1") for day in (0, 4)] == ["x", "x"]
    assert plan(desk) == [(TODAY, 7, None)]


def test_week_copies_a_colleagues_week_with_extra_shifts(desk, manager):
    colleague = make.staff(at=desk.facility)
    make.shift(staff=colleague, at=desk.facility, weekday=2, starts=time(22), ends=time(6))
    monday = TODAY - timedelta(days=TODAY.weekday() + 7)
    make.extra_shift(staff=colleague, at=desk.facility, date=monday, starts=time(8), ends=time(10))
    shown = manager.get(
        week_url(desk), {"copy": colleague.pk, "week": (monday + timedelta(days=3)).isoformat()}
    )
    assert [value_of(shown, f"starts_{day}_0") for day in range(7)] == ["08:00", None, "22:00"] + [None] * 4
    assert "ends the next day" in text_of(shown)


def test_week_does_not_copy_people_of_other_facilities(desk, manager):
    stranger = make.staff(at=make.facility())
    make.week(staff=stranger, at=desk.facility, starts=time(3))
    shown = manager.get(week_url(desk), {"copy": stranger.pk, "week": DAY.isoformat()})
    assert value_of(shown, "starts_0_0") == "09:00"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"starts_0_0": "9:07"}, ["Hours go by quarter hours: :00, :15, :30 or :45."]),
        (
            {"ends_0_0": "09:00"},
            ["It ends when it starts. For a whole day enter 12:00 AM–12:00 PM and 12:00 PM–12:00 AM."],
        ),
        ({"ends_0_0": ""}, ["Enter when it ends."]),
        ({"starts_0_0": ""}, ["Enter when it starts."]),
        ({"starts_0_0": "25:00"}, ["This is not a time of day. Enter it as 10:15 AM."]),
        ({"first_day": "2026-13-01"}, ["This is not a date. Enter it as 11/24/2026."]),
        ({"first_day": ""}, ["Enter the date from which these hours hold."]),
        ({"first_day": "0001-01-01"}, ["Enter a date between 2000 and 2100."]),
        (
            {"first_day": (TODAY - timedelta(days=1)).isoformat()},
            [f"This lies in the past, where hours stay as they were. Enter {TODAY:%a, %b %-d} or later."],
        ),
        ({"last_day": "2020-01-01"}, ["The last day is before the first."]),
    ],
)
def test_bad_week_is_told_beside_the_field(desk, manager, fields, errors):
    response = manager.post(week_url(desk), week_form(desk, [0, 1], **fields))
    assert (response.status_code, errors_of(response)) == (422, errors)
    assert (value_of(response, "starts_1_0"), plan(desk)) == ("09:00", [(TODAY, 7, None)])


def test_overlap_in_the_week_is_told_on_top(desk, manager):
    sent = week_form(desk, [0], starts_0_1="16:45", ends_0_1="20:00")
    response = manager.post(week_url(desk), sent)
    assert alerts_of(response) == ["Monday 9:00 AM–5:00 PM and Monday 4:45 PM–8:00 PM overlap."]


def test_clash_with_a_facility_that_is_not_seen_does_not_name_it(desk, manager):
    other = make.facility(name="Elsewhere House")
    desk.staff.facilities.add(other)
    Shift.objects.update(facility=other)
    response = manager.post(week_url(desk), week_form(desk))
    assert alerts_of(response) == [
        "They work at another facility then. Ask a manager there, or change these hours."
    ]
    assert "Elsewhere House" not in text_of(response)


def test_junk_in_the_week_form_is_no_error_of_ours(desk, manager):
    junk = week_form(desk, [0], add="9", spread="x", starts_0_99="1", starts_7_0="2", starts_0_9="3")
    assert manager.post(week_url(desk), junk).status_code == 200
    assert manager.post(week_url(desk), week_form(desk, known="x" * 65)).status_code == 422
    assert manager.post(week_url(desk), {}).status_code == 422


# Extra shifts


def test_extra_shift_is_entered_and_removed(desk, manager):
    Shift.objects.all().delete()
    sent = {"facility": desk.facility.pk, "date": DAY.isoformat(), "starts": "22:00", "ends": "6:00 AM"}
    manager.post(url("extra", desk.staff.pk), sent)
    shift = ExtraShift.objects.get()
    assert (shift.date, shift.starts, shift.ends, shift.staff) == (DAY, time(22), time(6), desk.staff)
    made = desk.appointment(23)
    remove = url("extra-remove", shift.pk)
    asked = manager.get(remove)
    assert "1 appointment would be left without working hours" in text_of(asked)
    assert ExtraShift.objects.count() == 1
    assert manager.post(remove).status_code == 409
    done = manager.post(remove, {"agreed": value_of(asked, "agreed")}, follow=True)
    assert messages_of(done) == ["Extra shift removed. 1 appointment waits for reassignment."]
    made.refresh_from_db()
    assert (made.status, ExtraShift.objects.count()) == ("pending_reassignment", 0)
    assert manager.get(remove).status_code == 404


def test_extra_shift_inside_hours_is_told_beside_the_time(desk, manager):
    sent = {"facility": desk.facility.pk, "date": DAY.isoformat(), "starts": "10:00", "ends": "12:00"}
    response = manager.post(url("extra", desk.staff.pk), sent)
    assert errors_of(response) == [
        f"{desk.staff} already works {DAY:%a, %b %-d}, 9:00 AM–5:00 PM. Enter only what comes on top."
    ]


def test_extra_shift_at_somebody_elses_facility_is_refused(desk, manager):
    other = make.facility()
    desk.staff.facilities.add(other)
    sent = {"facility": other.pk, "date": DAY.isoformat(), "starts": "20:00", "ends": "21:00"}
    response = manager.post(url("extra", desk.staff.pk), sent)
    assert errors_of(response) == ["Choose one of the facilities listed."]


# Time off


def test_staff_ask_and_a_manager_of_one_facility_approves(desk, manager):
    other = make.facility()
    desk.staff.facilities.add(other)
    made = desk.appointment(10)
    own = signed_in(desk.staff)
    sent = {"first_day": DAY.isoformat(), "reason": "Family"}
    asked = own.post(url("time-off", desk.staff.pk), sent, follow=True)
    assert messages_of(asked) == ["Asked. A manager decides; until then your hours stay as they are."]
    request = TimeOff.objects.get()
    assert (request.state, request.requested_by, request.last_day) == ("requested", desk.staff.user, DAY)
    assert f"{desk.staff} , {DAY:%a, %b %-d} Family Decide" in text_of(manager.get("/hours/"))
    shown = manager.get(url("decide", request.pk))
    assert "1 appointment would be left without working hours" in text_of(shown)
    assert made.events.count() == 1
    agreed = value_of(shown, "agreed")
    assert manager.post(url("decide", request.pk), {"decision": "approve"}).status_code == 409
    done = manager.post(url("decide", request.pk), {"decision": "approve", "agreed": agreed}, follow=True)
    assert messages_of(done) == [f"Approved for {desk.staff}. 1 appointment waits for reassignment."]
    made.refresh_from_db()
    request.refresh_from_db()
    assert (made.status, request.state) == ("pending_reassignment", "approved")


def test_second_decision_is_told_that_it_comes_late(desk, manager):
    one = make.time_off(staff=desk.staff, first_day=DAY, state="requested")
    staffing.approve(time_off=one, by=desk.staff.user, now=timezone.now())
    late = manager.post(url("decide", one.pk), {"decision": "decline", "answer": "No"})
    assert (late.status_code, alerts_of(late)) == (422, ["This time off is already approved."])


def test_declining_needs_a_reason_that_the_person_then_reads(desk, manager):
    one = make.time_off(staff=desk.staff, first_day=DAY, state="requested")
    refused = manager.post(url("decide", one.pk), {"decision": "decline"})
    assert errors_of(refused) == ["Say why, so that the person can plan."]
    manager.post(url("decide", one.pk), {"decision": "decline", "answer": "Two are away already."})
    shown = text_of(signed_in(desk.staff).get(url("person", desk.staff.pk)))
    assert "Declined by" in shown
    assert ": Two are away already." in shown


def test_manager_enters_time_off_and_withdraws_it(desk, manager):
    made = desk.appointment(10)
    sent = {"first_day": DAY.isoformat(), "starts": "09:30", "ends": "12:00"}
    asked = manager.post(url("time-off", desk.staff.pk), sent)
    assert (asked.status_code, TimeOff.objects.count()) == (409, 0)
    manager.post(url("time-off", desk.staff.pk), sent | {"agreed": value_of(asked, "agreed")})
    one = TimeOff.objects.get()
    assert (one.state, one.requested_by) == ("approved", None)
    assert "1 appointment waiting for reassignment would be back" in text_of(
        manager.get(url("withdraw", one.pk))
    )
    done = manager.post(url("withdraw", one.pk), follow=True)
    assert messages_of(done) == ["Withdrawn. 1 appointment is back on schedule."]
    made.refresh_from_db()
    one.refresh_from_db()
    assert (made.status, one.state) == ("scheduled", "withdrawn")
    assert alerts_of(manager.post(url("withdraw", one.pk))) == ["This time off is already withdrawn."]


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"first_day": ""}, ["Enter the first day."]),
        ({"first_day": "soon"}, ["This is not a date. Enter it as 11/24/2026."]),
        ({"last_day": TODAY.isoformat()}, ["The last day is before the first."]),
        ({"starts": "12:00", "ends": "09:00"}, ["Time off must end after it begins."]),
        ({"starts": "12:10"}, ["Hours go by quarter hours: :00, :15, :30 or :45."]),
        ({"reason": "x" * 81}, ["Keep it to 80 characters."]),
    ],
)
def test_bad_time_off_is_told_beside_the_field(desk, manager, fields, errors):
    response = manager.post(url("time-off", desk.staff.pk), {"first_day": DAY.isoformat(), **fields})
    assert (response.status_code, errors_of(response), TimeOff.objects.count()) == (422, errors, 0)


# Closures


def test_closure_strands_over_all_staff_and_reopening_restores(desk, manager):
    colleague = desk.colleague()
    mine = desk.appointment(10)
    theirs = desk.appointment(10, staff=colleague, customer=make.customer(at=desk.facility))
    sent = {"facility": desk.facility.pk, "first_day": DAY.isoformat(), "reason": "Snow"}
    asked = manager.post(url("closures"), sent)
    assert "2 appointments would be left without working hours" in text_of(asked)
    done = manager.post(url("closures"), sent | {"agreed": value_of(asked, "agreed")}, follow=True)
    assert messages_of(done) == ["Northside is closed then. 2 appointments wait for reassignment."]
    closure = Closure.objects.get()
    back = manager.post(url("reopen", closure.pk), follow=True)
    assert messages_of(back) == ["Northside is open then. 2 appointments are back on schedule."]
    assert [Appointment.objects.get(pk=a.pk).status for a in (mine, theirs)] == ["scheduled"] * 2


# Who may


PAGES = ["week", "extra", "extra-remove", "time-off", "decide", "withdraw", "closures", "reopen", "person"]


def addresses(staff, facility):
    """Every page about this person's hours, with rows for those that need one."""
    shift = make.extra_shift(staff=staff, at=facility, date=DAY, starts=time(18), ends=time(19))
    asked = make.time_off(staff=staff, first_day=DAY, state="requested")
    closure = make.closure(at=facility, date=DAY + timedelta(days=20))
    return {
        "week": url("week", staff.pk, facility.pk),
        "extra": url("extra", staff.pk),
        "extra-remove": url("extra-remove", shift.pk),
        "time-off": url("time-off", staff.pk),
        "decide": url("decide", asked.pk),
        "withdraw": url("withdraw", asked.pk),
        "closures": url("closures"),
        "reopen": url("reopen", closure.pk),
        "person": url("person", staff.pk),
    }


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("front_desk", {"person"}),
        ("provider", {"person"}),
        ("billing", {"person"}),
        ("manager", set(PAGES)),
        ("administrator", set(PAGES)),
    ],
)
def test_roles_may_change_others_hours_only_as_their_permissions_say(desk, role, allowed):
    client = desk.signed_in(role)
    found = {name: client.get(at).status_code for name, at in addresses(desk.staff, desk.facility).items()}
    assert found == {name: 200 if name in allowed else 403 for name in PAGES}


@pytest.mark.parametrize("role", ["front_desk", "provider"])
def test_own_time_off_may_be_asked_for_and_withdrawn(desk, role):
    desk.staff.role = role
    desk.staff.save()
    found = {
        name: signed_in(desk.staff).get(at).status_code
        for name, at in addresses(desk.staff, desk.facility).items()
    }
    own = {"person", "time-off", "withdraw"}
    assert found == {name: 200 if name in own else 403 for name in PAGES}


def test_posts_without_permission_change_nothing(desk):
    client = desk.signed_in("provider")
    pages = addresses(desk.staff, desk.facility)
    before = (Shift.objects.count(), ExtraShift.objects.count(), Closure.objects.count())
    sent = week_form(desk, []) | {"decision": "approve", "facility": desk.facility.pk}
    found = {name: client.post(at, sent).status_code for name, at in pages.items() if name != "person"}
    assert set(found.values()) == {403}
    assert (Shift.objects.count(), ExtraShift.objects.count(), Closure.objects.count()) == before
    assert TimeOff.objects.get().state == "requested"


def test_hours_of_other_facilities_are_not_found(desk, manager):
    stranger = make.staff(at=make.facility())
    pages = addresses(stranger, stranger.facilities.get())
    del pages["closures"]
    assert {manager.get(at).status_code for at in pages.values()} == {404}
    assert {manager.post(at).status_code for name, at in pages.items() if name != "person"} == {404}
    assert manager.get(url("week", desk.staff.pk, stranger.facilities.get().pk)).status_code == 404


def test_unknown_hours_are_not_found(manager):
    names = ["person", "extra", "extra-remove", "time-off", "decide", "withdraw", "reopen"]
    assert {manager.get(url(name, 999_999)).status_code for name in names} == {404}


def test_hours_are_judged_by_the_facilitys_own_date():
    """Kiritimati is up to a day ahead of most of us."""
    desk = Desk.open(time_zone="Pacific/Kiritimati")
    manager = desk.signed_in("manager")
    today = localtime.local_date(timezone.now(), "Pacific/Kiritimati")
    yesterday = week_form(desk, first_day=(today - timedelta(days=1)).isoformat())
    assert manager.post(week_url(desk), yesterday).status_code == 422
    assert manager.post(week_url(desk), week_form(desk, [], first_day=today.isoformat())).status_code == 302
