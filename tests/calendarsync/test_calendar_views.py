"""The pages of calendars: one's own, those of colleagues, and what can be done about them."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from calendarsync.models import CalendarConnection, CalendarSync, SyncedEvent
from tests import factories as make
from tests.calendarsync.shelf import connection
from tests.calendarsync.written import comparison, row
from tests.scheduling.desk import Desk, part, signed_in, text_of

pytestmark = pytest.mark.django_db

NOW = make.NOW
BROKEN = {"state": "broken", "broken_at": NOW, "last_error": "The password was refused."}
GONE = {"state": "disconnected", "disconnected_at": NOW, "ciphertext": None, "salt": None, "key_id": ""}
VERBS = {
    "test": {},
    "retry": {},
    "titles": {"title_style": "busy"},
    "disconnect": {"entries": "leave"},
}


@pytest.fixture
def desk() -> Desk:
    return Desk.open(name="Northside")


@pytest.fixture
def calendar(desk: Desk) -> CalendarConnection:
    return connection(desk.staff)


@pytest.fixture
def owner(desk: Desk):
    return signed_in(desk.staff)


@pytest.fixture
def manager(desk: Desk):
    return desk.signed_in("manager")


@pytest.fixture
def appointment(desk: Desk):
    made = desk.appointment()
    CalendarSync.objects.all().delete()
    return made


def page(calendar, verb=""):
    return f"/calendars/{calendar.reference}/" + (f"{verb}/" if verb else "")


def notices(response):
    return re.findall(
        r'<p class="notice (\w+)" role="status">(.*?)</p>', response.content.decode(), re.DOTALL
    )


def told(client, calendar, verb, **given):
    """What the page says after this button."""
    return notices(client.post(page(calendar, verb), given, follow=True))


def states(calendar):
    return list(CalendarSync.objects.of(calendar).order_by("pk").values_list("reason", "state"))


# --------------------------------------------------------------------------------------------- one's own


@pytest.mark.parametrize(("client_id", "ways"), [("ours", ["google", "caldav"]), ("", ["caldav", "google"])])
def test_page_without_a_calendar_says_how_to_connect_one(owner, settings, client_id, ways):
    """First what works: Google needs a client of this site."""
    settings.GOOGLE_CLIENT_ID = settings.GOOGLE_CLIENT_SECRET = client_id
    response = owner.get("/calendars/")
    assert "See your appointments in your own calendar" in text_of(response)
    found = re.findall(r'class="button( primary)?" href="/calendars/(\w+)/"', response.content.decode())
    assert found[:2] == [(" primary", ways[0]), ("", ways[1])]


def test_card_says_how_a_calendar_is_doing(desk, owner, appointment):
    now = timezone.now()
    calendar = connection(desk.staff, calendar_name="At work", last_synced_at=make.NOW)
    row(appointment, calendar, "pending", at=now - timedelta(hours=3, minutes=1))
    row(appointment, calendar, "pending", at=now)
    comparison(calendar, missing=2, stray=1)
    shown = text_of(owner.get("/calendars/"))
    for words in (
        "At work",
        "CalDAV",
        "Catching up",
        "Last written Nov 23, 2026, 9:00 AM EST",
        "Waiting 2 changes, the oldest for 3 hours",
        "Failed Nothing",
        "Compared Mon, Nov 23, 9:00 AM : put right 2 missing, 1 stray of 40",
    ):
        assert words in shown


@pytest.mark.parametrize(
    ("fields", "words", "led_to"),
    [
        (BROKEN, "Stopped Mon, Nov 23, 9:00 AM The password was refused.", "calendar-password"),
        ({**BROKEN, "provider": "google"}, "The password was refused.", "calendar-google"),
        (
            {"retry_at": NOW + timedelta(days=9999), "last_error": "It cannot be reached."},
            "It cannot be reached. It is tried again by itself then",
            "",
        ),
    ],
)
def test_card_says_what_is_wrong_and_what_to_do(desk, owner, fields, words, led_to):
    calendar = connection(desk.staff, **fields)
    response = owner.get("/calendars/")
    assert words in text_of(response)
    links = {
        "calendar-password": f'href="{page(calendar, "password")}"',
        "calendar-google": "give permission",
    }
    assert {name for name, link in links.items() if link in response.content.decode()} == {led_to} - {""}


def test_card_of_failures_says_how_many_and_why_and_tries_again(desk, owner, calendar, appointment):
    row(appointment, calendar, "given_up", last_error="<b>Too long</b>")
    content = owner.get("/calendars/").content.decode()
    assert "<strong>1 entry could not be written.</strong> &lt;b&gt;Too long&lt;/b&gt;" in content
    assert f'action="{page(calendar, "retry")}"' in content


def test_unfinished_one_is_gone_on_with_or_forgotten(desk, owner):
    begun = connection(desk.staff, state="new", account="dana@example.org")
    content = owner.get("/calendars/").content.decode()
    assert f'href="{page(begun, "choose")}"' in content
    assert "See your appointments in your own calendar" not in content
    assert told(owner, begun, "disconnect", entries="leave") == [
        ("success", "Forgotten. Nothing was written to it.")
    ]
    assert not CalendarConnection.objects.exists()


def test_part_that_tells_of_a_back_fill_polls_while_it_runs(owner, calendar, appointment):
    last = row(appointment, calendar, "pending", reason="backfill")
    row(appointment, calendar, "done", reason="backfill")
    target = f"standing-{calendar.reference}"

    polled = f"{page(calendar)}?was=active"
    for address, asked in (("/calendars/", polled), (page(calendar), f"{polled}&on=page")):
        whole = owner.get(address).content.decode()
        shown = owner.get(asked, headers=part(target))
        found = shown.content.decode().strip()
        assert _without_token(found) in _without_token(whole)
        assert f'hx-get="{asked.replace("&", "&amp;")}" hx-trigger="every 2s" hx-target="this"' in found
        assert "Adding appointments: 1 of 2" in text_of(shown)
        assert 'max="2" value="1"' in found
        assert shown.headers["Vary"] == "HX-Request, HX-Target, Cookie"

    CalendarSync.objects.filter(pk=last.pk).update(state="done", settled_at=NOW, outcome="added")
    over = owner.get(page(calendar), headers=part(target)).content.decode()
    assert "hx-get" not in over
    assert "progress" not in over

    CalendarConnection.objects.update(**BROKEN)
    assert owner.get(polled, headers=part(target)).headers["HX-Refresh"] == "true"


def _without_token(content):
    return re.sub(r'(csrfmiddlewaretoken" value=)"\w+"', r"\1", content)


def test_polling_asks_for_little(owner, calendar, appointment, django_assert_num_queries):
    for _ in range(30):
        row(appointment, calendar, "pending", reason="backfill")
    # session, user, permissions, calendar, figures, facilities
    with django_assert_num_queries(6):
        owner.get(page(calendar), headers=part(f"standing-{calendar.reference}"))


# -------------------------------------------------------------------------------------------------- buttons


def test_test_asks_the_calendar_and_has_a_stopped_one_go_on(desk, owner, appointment, caldav_harness):
    stopped = caldav_harness.connection(desk.staff, **BROKEN)
    row(appointment, stopped, "pending", due_at=timezone.now() + timedelta(days=1))
    [(kind, words)] = told(owner, stopped, "test")
    stopped.refresh_from_db()
    assert (kind, words) == (
        "success",
        f"{stopped.calendar_name} answers and may be written to. What waited is being written now.",
    )
    assert (stopped.state, stopped.last_error) == ("active", "")
    assert CalendarSync.objects.get().due_at <= timezone.now()


def test_test_tells_what_is_wrong_and_stops_the_calendar(desk, owner, caldav_harness):
    calendar = caldav_harness.connection(desk.staff)
    caldav_harness.refuse(calendar)
    [(kind, words)] = told(owner, calendar, "test")
    calendar.refresh_from_db()
    assert (kind, calendar.state) == ("error", "broken")
    assert words == calendar.last_error != ""


def test_tests_are_not_for_wearing_out_a_server(owner, calendar):
    disconnected = {"state": "leaving"}
    CalendarConnection.objects.filter(pk=calendar.pk).update(**disconnected)
    said = [told(owner, calendar, "test")[0][1] for _ in range(41)]
    assert len({*said[:40]}) == 1
    assert said[40] == "Calendar servers were asked too often. Wait an hour, then try again."


def test_retry_tries_again_what_failed(owner, calendar, appointment):
    row(appointment, calendar, "given_up")
    assert told(owner, calendar, "retry") == [("success", "1 entry is tried again now.")]
    assert states(calendar) == [("change", "given_up"), ("retry", "pending")]


def test_retry_with_nothing_to_do_says_so(owner, calendar):
    assert told(owner, calendar, "retry") == [("success", "Nothing was left to try again.")]


def test_retry_of_a_stopped_one_says_what_to_do_first(desk, owner, appointment):
    stopped = connection(desk.staff, **BROKEN)
    row(appointment, stopped, "given_up")
    [(kind, words)] = told(owner, stopped, "retry")
    assert (kind, words.startswith("This calendar has stopped.")) == ("error", True)
    assert states(stopped) == [("change", "given_up")]


def test_titles_are_changed_for_what_stands_there(owner, calendar, appointment):
    SyncedEvent.objects.create(
        appointment=appointment,
        connection=calendar,
        external_id="x",
        revision=0,
        digest=b"0" * 32,
        written_at=NOW,
    )
    [(kind, _)] = told(owner, calendar, "titles", title_style="full_name")
    calendar.refresh_from_db()
    assert (kind, calendar.title_style) == ("success", "full_name")
    assert states(calendar) == [("style", "pending")]
    assert re.findall(r'value="(\w+)"[^>]*checked', owner.get("/calendars/").content.decode()) == [
        "full_name"
    ]


@pytest.mark.parametrize(("verb", "given"), [("titles", {"title_style": "diagnosis"}), ("disconnect", {})])
def test_what_cannot_be_read_changes_nothing(owner, calendar, verb, given):
    assert told(owner, calendar, verb, **given) == [
        ("error", "This cannot be read. Use the buttons on the page.")
    ]
    calendar.refresh_from_db()
    assert (calendar.state, calendar.title_style) == ("active", "initials")


def test_disconnect_leaves_entries_or_has_them_removed(desk, owner, calendar, appointment):
    left = connection(desk.staff)
    row(appointment, calendar, "pending")
    told(owner, calendar, "disconnect", entries="remove")
    told(owner, left, "disconnect", entries="leave")
    calendar.refresh_from_db()
    left.refresh_from_db()
    assert (calendar.state, left.state, left.ciphertext) == ("leaving", "disconnected", None)
    assert states(calendar) == [("change", "pending"), ("disconnect", "pending")]

    shown = owner.get("/calendars/")
    assert "Leave the rest there and disconnect now" in text_of(shown)
    assert page(left) not in shown.content.decode()
    told(owner, calendar, "disconnect", entries="leave")
    calendar.refresh_from_db()
    assert calendar.state == "disconnected"


def test_buttons_of_the_calendars_page_lead_back_to_it(owner, calendar):
    assert owner.post(page(calendar, "retry"), {"on": "page"}).headers["Location"] == page(calendar)
    assert owner.post(page(calendar, "retry")).headers["Location"] == "/calendars/"


@pytest.mark.parametrize("verb", VERBS)
def test_looking_changes_nothing(owner, calendar, verb):
    assert owner.get(page(calendar, verb)).status_code == 405


# -------------------------------------------------------------------------------------------- who may do what


def test_nobody_else_reaches_a_calendar(desk, calendar):
    strangers = {
        "colleague": (desk.signed_in("provider"), 404),
        "manager elsewhere": (Desk.open().signed_in("manager"), 404),
        "billing": (desk.signed_in("billing"), 403),
    }
    answers = {
        (name, verb): client.post(page(calendar, verb), given).status_code
        if verb
        else client.get(page(calendar)).status_code
        for name, (client, _) in strangers.items()
        for verb, given in [("", {}), *VERBS.items()]
    }
    assert answers == {(name, verb): code for name, (_, code) in strangers.items() for verb in ("", *VERBS)}
    assert strangers["billing"][0].get("/calendars/").status_code == 403
    calendar.refresh_from_db()
    assert (calendar.state, calendar.title_style) == ("active", "initials")


def test_manager_disconnects_for_a_colleague_but_leaves_titles_to_them(manager, calendar):
    content = manager.get(page(calendar)).content.decode()
    assert [verb for verb in VERBS if page(calendar, verb) in content] == ["test", "disconnect"]
    assert manager.post(page(calendar, "titles"), {"title_style": "full_name"}).status_code == 403
    told(manager, calendar, "disconnect", entries="leave")
    calendar.refresh_from_db()
    assert (calendar.state, calendar.title_style) == ("disconnected", "initials")


# ---------------------------------------------------------------------------------------------- colleagues


def rows_of(response):
    """The table, as texts."""
    table = response.content.decode().partition('class="calendar-table"')[2].partition("</table>")[0]
    found = re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in found]


def test_table_tells_managers_what_needs_them(desk, manager, calendar, appointment):
    now = timezone.now()
    stopped = connection(make.staff(at=desk.facility, display_name="Zoe"), calendar_name="Home", **BROKEN)
    row(appointment, stopped, "pending", at=now - timedelta(days=2))
    row(appointment, calendar, "given_up", last_error="Too long.")
    comparison(calendar, changed=3)
    make.staff(at=desk.facility, display_name="Amy")
    make.staff(at=Desk.open().facility, display_name="Far Away")

    response = manager.get("/calendars/")
    first, second = rows_of(response)
    assert first == (
        "Zoe Home CalDAV Stopped Mon, Nov 23, 9:00 AM The password was refused. 1, the oldest for 2 days Nothing"
        " Not yet Test Zoe’s Home"
    )
    assert second == (
        f"{desk.staff} Work CalDAV Not everything could be written Nothing 1 Too long."
        f" Mon, Nov 23, 9:00 AM : put right 3 changed of 40 Try again {desk.staff}’s Work"
    )
    assert "Without a calendar: Amy." in text_of(response)
    assert "Far Away" not in text_of(response)


def test_providers_see_no_table(owner, desk):
    connection(desk.colleague(), calendar_name="Not yours")
    shown = text_of(owner.get("/calendars/"))
    assert "Calendars of colleagues" not in shown
    assert "Not yours" not in shown


@pytest.mark.parametrize("count", [1, 30])
def test_list_takes_the_same_queries_for_one_and_thirty(desk, appointment, count, django_assert_num_queries):
    member = make.staff(at=desk.facility, role="manager", takes_appointments=False)
    for _ in range(count):
        calendar = connection(make.staff(at=desk.facility), **BROKEN)
        for owned in (calendar, connection(member)):
            row(appointment, owned, "given_up")
            row(appointment, owned, "pending")
            comparison(owned)
    client = signed_in(member)
    # session, user, own, figures, comparisons, facilities, colleagues', figures, comparisons, people, feed, bar
    with django_assert_num_queries(12):
        response = client.get("/calendars/")
    assert len(rows_of(response)) == count
    assert response.content.decode().count('class="standing"') == count


# -------------------------------------------------------------------------------------------------- one page


def entries(response, section):
    content = response.content.decode().partition(f'id="{section}"')[2].partition("</section>")[0]
    found = re.findall(r"<li>(.*?)</li>", content, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in found]


def test_page_tells_the_facts_and_what_was_written(desk, owner, appointment):
    calendar = connection(desk.staff, account="dana@example.org", title_style="busy", tested_at=make.NOW)
    [event] = appointment.events.all()
    row(appointment, calendar, event=event)
    row(appointment, calendar, "closed", covered_by=row(appointment, calendar, "done", reason="style"))
    row(appointment, calendar, "pending", reason="reconcile", note="It was gone.", last_error="No answer.")
    row(appointment, calendar, "claimed", reason="retry")
    comparison(calendar)
    comparison(calendar, finished_at=None, error="No answer in time.")

    response = owner.get(page(calendar))
    shown = text_of(response)
    for words in (
        "Opened as dana@example.org",
        "Address https://calendars.example.org/dana/",
        "Entries show Busy, and nothing else",
        "Tested Nov 23, 2026, 9:00 AM EST",
        "Mon, Nov 23, 9:00 AM : not finished. No answer in time. Mon, Nov 23, 9:00 AM : all 40 as they should be",
    ):
        assert words in shown
    about = f"{desk.customer}, {appointment.starts_at.astimezone(desk.facility.zone):%a, %b %-d, 10:00 AM}"
    when = "Mon, Nov 23, 9:00 AM"
    assert entries(response, "written") == [
        f"{when} {about} Tried again by a person Being written",
        f"{when} {about} The calendar differed: It was gone. To be tried again {when} No answer.",
        f"{when} {about} The appointment changed Covered {when} Another row brought the entry up to date.",
        f"{when} {about} What entries show was changed Updated {when}",
        f"{when} {about} Booked Updated {when}",
    ]
    assert f'href="/appointments/{appointment.reference}/"' in response.content.decode()
    assert entries(response, "failures") == []


def test_failures_stand_apart_until_they_are_made_good(owner, calendar, appointment):
    failed = row(appointment, calendar, "given_up", last_error="Too long.")
    row(appointment, calendar, "given_up", last_error="Made good.", resolved_at=NOW)
    first = owner.get(page(calendar))
    [line] = entries(first, "failures")
    assert line.endswith("Failed Mon, Nov 23, 9:00 AM Too long.")
    assert "Failed, made good since" in entries(first, "written")[0]
    CalendarSync.objects.filter(pk=failed.pk).update(resolved_at=NOW)
    assert entries(owner.get(page(calendar)), "failures") == []


def test_failures_are_bounded_and_say_of_how_many(owner, calendar, appointment):
    for _ in range(51):
        row(appointment, calendar, "given_up")
    response = owner.get(page(calendar))
    assert len(entries(response, "failures")) == 50
    assert "The newest 50 of 51." in text_of(response)


def test_appointments_at_other_facilities_stay_closed(desk, manager, calendar, appointment):
    other = Desk.open(name="Far")
    other.facility.staff.add(desk.staff)
    make.week(staff=desk.staff, at=other.facility)
    other.program.staff.add(desk.staff)
    hidden = other.appointment(14, staff=desk.staff)
    CalendarSync.objects.all().delete()
    row(hidden, calendar, "given_up")
    response = manager.get(page(calendar))
    [line] = entries(response, "failures")
    assert "An appointment at another facility" in line
    content = response.content.decode()
    assert (str(hidden.reference) in content, other.customer.full_name in content) == (False, False)


def test_rows_are_paged_without_gap_or_repetition(owner, calendar, appointment):
    made = [str(row(appointment, calendar, note=f"number {n}", reason="command").note) for n in range(120)]
    seen, address, pages = [], page(calendar), 0
    while address:
        response = owner.get(address)
        seen += [re.search(r"number \d+", line)[0] for line in entries(response, "written")]
        found = re.search(r'href="(\?before=\d+)#written"', response.content.decode())
        address, pages = (page(calendar) + found[1] if found else ""), pages + 1
    assert (seen, pages) == (made[::-1], 3)


@pytest.mark.parametrize("before", ["0", "x", "-1", "٣", "9" * 30, "9" * 5000])
def test_page_survives_any_beginning(owner, calendar, appointment, before):
    row(appointment, calendar)
    response = owner.get(page(calendar), {"before": before})
    assert response.status_code == 200
    assert len(entries(response, "written")) == (0 if before == "0" else 1)


@pytest.mark.parametrize("count", [1, 30])
def test_page_takes_the_same_queries_however_much_happened(desk, calendar, count, django_assert_num_queries):
    booked = [desk.appointment(9 + n // 4, n % 4 * 15, minutes=15) for n in range(count)]
    CalendarSync.objects.all().delete()
    for one in booked:
        row(one, calendar, "done", event=one.events.get())
        row(one, calendar, "given_up")
        comparison(calendar)
    client = signed_in(desk.staff)
    # session, user, permissions, calendar, figures, comparison, facilities, failures, rows, comparisons, bar
    with django_assert_num_queries(11):
        response = client.get(page(calendar))
    assert len(entries(response, "failures")) == count


def test_disconnected_one_can_still_be_read_but_not_used(desk, owner, appointment):
    gone = connection(desk.staff, **GONE)
    row(appointment, gone, "given_up")
    response = owner.get(page(gone))
    assert "Disconnected Mon, Nov 23, 9:00 AM" in text_of(response)
    assert [verb for verb in VERBS if page(gone, verb) in response.content.decode()] == []
    assert [kind for kind, _ in told(owner, gone, "test")] == ["error"]
