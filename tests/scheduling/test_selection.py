"""What a user chose stays chosen, and outlives whoever left and whatever they may no longer see."""

import pytest

from appointments.access import Access
from appointments.models import Facility, StaffMember
from scheduling.models import SchedulerView
from scheduling.selection import STATUSES, remember, selection_of, toggled
from tests import factories as make
from tests.scheduling.desk import DAY, Desk, part, signed_in
from tests.scheduling.grid_page import GridPage

VIEW = "/schedule/view/"
PAGE = f"/schedule/?date={DAY}"


@pytest.fixture
def desk(db):
    return Desk.open(name="Northside")


@pytest.fixture
def manager(desk):
    return make.staff(at=desk.facility, role="manager", takes_appointments=False)


@pytest.fixture
def client(manager):
    return signed_in(manager)


def stored(manager):
    return SchedulerView.objects.get(user=manager.user)


def heads(client):
    return GridPage.of(client.get(PAGE)).heads


def test_view_without_a_choice_shows_everyone_who_works_in_all_facilities(manager, desk):
    selection = selection_of(SchedulerView(user=manager.user), Access(manager.user))

    assert (selection.staff, selection.facilities) == (None, [desk.facility])
    assert (selection.orientation, selection.statuses) == ("vertical", frozenset(STATUSES))
    assert selection.zone == "America/New_York"


def test_chosen_people_stay_for_the_next_session(client, manager, desk):
    idle = make.staff(at=desk.facility, display_name="Idle Ida")
    assert heads(client) == [desk.staff.display_name]

    client.post(VIEW, {"choose": "staff", "staff": [idle.pk], "date": DAY.isoformat()})

    assert heads(signed_in(manager)) == ["Idle Ida"]
    assert heads(desk.signed_in()) == [desk.staff.display_name]


def test_clear_and_everyone(client, desk, manager):
    client.post(VIEW, {"choose": "nobody"})
    assert "Nobody is chosen" in client.get(PAGE).content.decode()
    assert stored(manager).staff == []

    client.post(VIEW, {"choose": "everyone"})
    assert heads(client) == [desk.staff.display_name]
    assert stored(manager).staff is None


def test_choice_outlives_a_person_who_left(client, desk, manager):
    gone = desk.colleague()
    remember(user=manager.user, staff=[desk.staff.pk, gone.pk, 987654])
    StaffMember.objects.filter(pk=gone.pk).update(is_active=False)

    assert heads(client) == [desk.staff.display_name]


def test_choice_outlives_a_facility_that_is_lost(client, desk, manager):
    other = make.facility(name="Harbor House", time_zone="America/Chicago")
    ruth = make.staff(at=other, display_name="Ruth Adeyemi")
    make.week(staff=ruth, at=other)
    manager.facilities.add(other)
    client.post(VIEW, {"choose": "facilities", "facility": [other.pk]})
    assert heads(client) == ["Ruth Adeyemi"]

    manager.facilities.remove(other)

    assert heads(client) == [desk.staff.display_name]
    assert stored(manager).facilities == [other.pk]


def test_facility_of_others_cannot_be_chosen(client, manager):
    stranger = make.facility()

    client.post(VIEW, {"choose": "facilities", "facility": [stranger.pk]})

    assert stored(manager).facilities is None


def test_closed_facility_is_not_offered(client, desk, manager):
    closed = make.facility(name="Old House", is_active=False)
    manager.facilities.add(closed)

    assert "Old House" not in client.get(PAGE).content.decode()
    assert Facility.objects.count() == 2


def test_status_chip_hides_and_shows_again(client, manager):
    client.post(VIEW, {"status": "cancelled"})
    assert set(STATUSES) - set(stored(manager).statuses) == {"cancelled"}

    client.post(VIEW, {"status": "cancelled"})
    assert stored(manager).statuses is None


def test_toggled_adds_and_removes_in_the_usual_order():
    assert toggled(["cancelled"], "scheduled") == ["scheduled", "cancelled"]
    assert toggled(["scheduled"], "scheduled") == []


def test_zone_of_the_axis_is_one_of_the_users_facilities(client, desk, manager):
    other = make.facility(time_zone="America/Chicago")
    manager.facilities.add(other)
    client.post(VIEW, {"choose": "zone", "zone": "America/Chicago"})
    assert GridPage.of(client.get(PAGE)).root["data-zone"] == "America/Chicago"

    client.post(VIEW, {"choose": "zone", "zone": "Europe/Paris"})
    assert stored(manager).zone == "America/Chicago"

    manager.facilities.remove(other)
    assert GridPage.of(client.get(PAGE)).root["data-zone"] == "America/New_York"


def test_whole_day_is_remembered(client):
    client.post(VIEW, {"choose": "hours", "whole_day": "1"})
    assert GridPage.of(client.get(PAGE)).root["data-shown"] == "96"

    client.post(VIEW, {"choose": "hours", "whole_day": "0"})
    assert GridPage.of(client.get(PAGE)).root["data-shown"] == "32"


def test_view_in_the_address_is_remembered(client, manager):
    client.get(f"{PAGE}&view=horizontal")

    assert stored(manager).orientation == "horizontal"
    assert GridPage.of(client.get(PAGE)).root["data-orientation"] == "horizontal"


def test_page_that_refreshes_keeps_its_own_view(client, manager):
    """Two tabs, one vertical, one horizontal, do not turn each other."""
    client.get(f"{PAGE}&view=horizontal")

    answer = client.get(f"{PAGE}&view=vertical&known=old", headers=part("day-grid"))

    assert GridPage.of(answer).root["data-orientation"] == "vertical"
    assert stored(manager).orientation == "horizontal"


def test_choice_without_javascript_leads_back_to_the_day(client):
    answer = client.post(VIEW, {"choose": "everyone", "date": "2026-11-25"})

    assert (answer.status_code, answer["Location"]) == (302, "/schedule/?date=2026-11-25")


def test_choice_with_htmx_answers_with_the_part_asked_for(client):
    answer = client.post(VIEW, {"status": "arrived", "date": DAY.isoformat()}, headers=part("day-grid"))

    assert answer.content.decode().lstrip().startswith('<section id="day-grid"')
    assert 'id="chip-arrived" class="chip arrived" name="status" value="arrived" aria-pressed="false"' in (
        answer.content.decode()
    )


def test_nonsense_chosen_changes_nothing(client):
    sent = {"choose": "staff", "staff": ["x", "-1", "9" * 30, "²"], "date": DAY.isoformat()}
    assert client.post(VIEW, sent).status_code == 302
    assert client.post(VIEW, {"choose": "nonsense", "status": "nonsense"}).status_code == 302
    assert client.post(VIEW, {"choose": "everyone", "date": "tomorrow"}).status_code == 400
    assert SchedulerView.objects.get().staff == []
