"""The pages behind a link to documents, without scripts."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from portal.papers import StrokesBroken, strokes_in
from signatures import answers, links, requests, sealing, signing
from signatures.models import Sealing, SignatureEvent, SignatureLink, SignedDocument
from tests import factories as make
from tests.signatures import papers

pytestmark = pytest.mark.django_db

FIELDS = "Hello {customer_name}.\n\n[[text*: Emergency contact]]\n\n[[tick*: I have read it]]"
STROKES = json.dumps([[[100 + 10 * n, 150] for n in range(20)]])


class Holder:
    """Whoever holds the link of this request's next signer."""

    def __init__(self, request, *, channel="email", others=(), client=None, by=None):
        self.request = request
        self.client = client or Client()
        signers = [papers.next_signer(each) for each in (request, *others)]
        self.token = links.make(
            signers=signers, channel=channel, now=timezone.now(), address="ada@example.org", by=by
        )

    @property
    def home(self):
        return f"/s/{self.token}/"

    @property
    def page(self):
        return f"{self.home}{self.request.reference}/"

    def begin(self):
        return self.client.post(self.home)

    def agree(self):
        disclosure = self.client.get(self.page).context["disclosure"]
        return self.client.post(self.page, {"disclosure": disclosure, "agree": "yes"})

    def sign(self, **fields):
        return self.client.post(self.page, {"step": "sign", "how": "type", "name": "Ada Nguyen", **fields})

    def ready(self):
        self.begin()
        self.agree()
        return self


def kinds(request):
    return list(
        SignatureEvent.objects.filter(request=request).order_by("number").values_list("kind", flat=True)
    )


def test_from_the_link_to_the_signed_copy():
    request = papers.request(body=FIELDS)
    holder = Holder(request)
    first = holder.client.get(holder.home)
    assert b"Consent to care" in first.content
    assert first.headers["Cache-Control"].count("no-store") == 1
    assert holder.begin().headers["Location"] == holder.page
    assert b"electronically" in holder.client.get(holder.page).content
    assert holder.agree().status_code == 303
    paper = holder.client.get(holder.page).content.decode()
    assert "Hello Ada Nguyen." in paper
    assert 'name="f1"' in paper
    assert holder.sign(f1="Grace", f2="yes").status_code == 303
    done = holder.client.get(holder.page).content.decode()
    assert "You have signed" in done
    assert "being sealed" in done
    sealing.seal_request(Sealing.objects.get().pk, clock=timezone.now)
    assert f"{holder.page}copy.pdf" in holder.client.get(holder.page).content.decode()
    copy = holder.client.get(f"{holder.page}copy.pdf")
    assert copy.content.startswith(b"%PDF")
    assert kinds(request) == [
        "created", "opened", "disclosed", "consented", "viewed", "signed", "sealed", "downloaded",
    ]  # fmt: skip


def test_looking_changes_nothing_however_often():
    request = papers.request(body=FIELDS)
    holder = Holder(request)
    before = kinds(request)
    for _ in range(5):
        for address in (holder.home, holder.page, f"{holder.page}document.pdf", f"{holder.page}decline/"):
            for method in (holder.client.get, holder.client.head, holder.client.options):
                assert method(address).status_code in (200, 302, 303, 405)
    assert kinds(request) == before


def test_a_drawn_signature_is_kept_as_it_was_drawn():
    request = papers.request()
    Holder(request).ready().sign(how="draw", strokes=STROKES)
    signer = request.signers.get()
    assert answers.read(signer).mark.strokes == (tuple((100 + 10 * n, 150) for n in range(20)),)


@pytest.mark.parametrize(
    "strokes",
    [
        "", "[]", "{}", "x", "[[1,2]]", '[[["a","b"]]]', "[[[1,2,3]]]", "[[[1001,2]]]", "[[[-1,2]]]", "[[[1.5,2]]]",
        "[[[true,2]]]", "null", "5", "[" * 50_000, json.dumps([[[1, 1]] * 20_000]), json.dumps([[[1, 1], [2, 2]]]),
        json.dumps([[[n % 1000, n % 300] for n in range(6_500)]]),
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_no_drawing_is_refused_and_nothing_is_lost(strokes):
    request = papers.request(body=FIELDS)
    holder = Holder(request).ready()
    answer = holder.sign(how="draw", strokes=strokes, f1="Grace <b>", f2="yes")
    assert answer.status_code == 422
    assert "Grace &lt;b&gt;" in answer.content.decode()
    request.refresh_from_db()
    assert request.state == "sent"


@pytest.mark.parametrize(
    "text", ["[[[true,2],[3,4]]]", "{}", '{"ab":1}', '[0,null,""]', "[[]]", '"[[[1,2]]]"', "[[[1,NaN]]]"]
)
def test_strokes_are_lists_of_points_and_nothing_else(text):
    with pytest.raises(StrokesBroken):
        strokes_in(text)


def test_a_drawing_is_not_lost_over_what_is_missing():
    holder = Holder(papers.request(body=FIELDS)).ready()
    said = holder.sign(how="draw", strokes=STROKES).content.decode()
    assert 'name="how" value="draw" checked' in said
    assert f'name="strokes" value="{STROKES}"' in said


def test_what_is_missing_is_marked_and_said():
    holder = Holder(papers.request(body=FIELDS)).ready()
    answer = holder.sign(name="")
    said = answer.content.decode()
    assert answer.status_code == 422
    assert "3 things are missing" in said
    assert said.count('aria-invalid="true"') == 3


def test_script_in_a_field_is_text():
    request = papers.request(body=FIELDS)
    holder = Holder(request).ready()
    holder.client.post(f"{holder.page}save/", {"f1": "<script>alert(1)</script>", "name": "<i>"})
    said = holder.client.get(holder.page).content.decode()
    assert "<script>alert" not in said
    assert "&lt;script&gt;alert(1)" in said


def test_what_was_filled_in_is_there_on_another_device():
    request = papers.request(body=FIELDS)
    holder = Holder(request).ready()
    saved = holder.client.post(
        f"{holder.page}save/", {"f1": "Grace", "name": "Ada N"}, headers={"Accept": "application/json"}
    )
    assert saved.status_code == 204
    other = Holder(request)
    other.begin()
    said = other.client.get(other.page).content.decode()
    assert 'value="Grace"' in said
    assert 'value="Ada N"' in said


def test_without_the_button_or_consent_nothing_is_saved_declined_or_signed():
    request = papers.request(body=FIELDS)
    holder = Holder(request)
    for address in ("save/", "decline/", ""):
        holder.client.post(f"{holder.page}{address}", {"step": "sign", "name": "Ada Nguyen", "how": "type"})
    holder.begin()
    for address in ("save/", "decline/", ""):
        holder.client.post(f"{holder.page}{address}", {"step": "sign", "name": "Ada Nguyen", "how": "type"})
    request.refresh_from_db()
    signer = request.signers.get()
    assert (request.state, signer.signed_at, signer.saved_at) == ("sent", None, None)


def test_several_documents_come_one_after_the_other():
    first = papers.request()
    second = papers.request(customer=first.customer, facility=first.facility, title="Release")
    holder = Holder(first, others=[second]).ready()
    holder.sign()
    assert f"Next: {second.template.title}" in holder.client.get(holder.page).content.decode()
    other = f"{holder.home}{second.reference}/"
    assert b"I sign" in holder.client.get(other).content


# ---------------------------------------------------------------------------------- links that do not


def test_an_unknown_link_is_not_found():
    assert Client().get("/s/" + "A" * 43 + "/").status_code == 404


def test_a_link_opens_no_other_document():
    mine, other = papers.request(), papers.request()
    holder = Holder(mine).ready()
    for address in ("", "document.pdf", "copy.pdf", "save/", "decline/", "pages/0.png"):
        assert holder.client.get(f"{holder.home}{other.reference}/{address}").status_code == 404


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_link_that_has_ended_says_what_to_do(how):
    request = papers.request()
    request.facility.phone = "(212) 555-0143"
    request.facility.save()
    holder = Holder(request)
    ended = {"expired": {"expires_at": timezone.now()}, "revoked": {"revoked_at": timezone.now()}}[how]
    SignatureLink.objects.update(**ended)
    for act in (holder.client.get, holder.client.post):
        answer = act(holder.home)
        assert answer.status_code == 410
        assert "(212) 555-0143" in answer.content.decode()


def test_a_voided_document_says_so_also_while_it_is_open():
    request = papers.request()
    holder = Holder(request).ready()
    requests.void(request=request, reason="", by=None, now=timezone.now())
    assert holder.sign().status_code == 303
    assert "no longer asked for" in holder.client.get(holder.page).content.decode()


def test_declining_says_it_was_not_signed():
    request = papers.request()
    holder = Holder(request).ready()
    assert holder.client.get(f"{holder.page}decline/").status_code == 200
    holder.client.post(f"{holder.page}decline/", {"reason": "Point 3"})
    request.refresh_from_db()
    assert (request.state, request.closed_reason) == ("declined", "Point 3")
    assert "was not signed" in holder.client.get(holder.page).content.decode()


def test_a_reason_is_words():
    request = papers.request()
    holder = Holder(request).ready()
    assert holder.client.post(f"{holder.page}decline/", {"reason": "Point\x00 3"}).status_code == 303
    request.refresh_from_db()
    assert request.closed_reason == "Point 3"


def test_a_second_tab_finds_it_signed():
    request = papers.request()
    holder = Holder(request).ready()
    assert [holder.sign().status_code, holder.sign().status_code] == [303, 303]
    assert kinds(request).count("signed") == 1


# ---------------------------------------------------------------------------------------- birth dates


def birth(holder, year="1991", month="4", day="12"):
    return holder.client.post(holder.page, {"year": year, "month": month, "day": day})


def test_the_birth_date_comes_first_and_is_known_to_this_browser_alone():
    request = papers.request(body=FIELDS, asks_birth_date=True)
    holder = Holder(request)
    holder.begin()
    assert b"birth date" in holder.client.get(holder.page).content
    assert holder.client.get(f"{holder.page}document.pdf").status_code == 303
    assert birth(holder, year="1990").status_code == 422
    answer = birth(holder)
    cookie = answer.cookies["sign-birth"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (holder.home, True, "Lax")
    holder.agree()
    assert b"Hello Ada Nguyen" in holder.client.get(holder.page).content
    assert b"Hello" not in Client().get(holder.page).content
    assert [kind for kind in kinds(request) if "identity" in kind] == ["no_identity", "identity"]


@pytest.mark.parametrize(
    "given", [("", "", ""), ("x", "1", "1"), ("1991", "13", "1"), ("99999999999", "1", "1")]
)
def test_what_is_no_date_is_no_try(given):
    request = papers.request(asks_birth_date=True)
    holder = Holder(request)
    holder.begin()
    assert birth(holder, *given).status_code == 422
    assert "no_identity" not in kinds(request)


def test_after_many_wrong_ones_nobody_is_asked_any_more(settings):
    settings.BIRTH_DATES_PER_ADDRESS = "100/hour"
    holder = Holder(papers.request(asks_birth_date=True))
    holder.begin()
    for _ in range(signing.MOST_WRONG_DATES):
        birth(holder, year="1990")
    assert birth(holder).status_code == 429


def test_who_has_no_birth_date_on_record_is_told_so_and_not_asked():
    request = papers.request(asks_birth_date=True)
    request.customer.date_of_birth = None
    request.customer.save()
    holder = Holder(request)
    holder.begin()
    assert "no birth date of yours" in holder.client.get(holder.page).content.decode()
    birth(holder)
    assert "no_identity" not in kinds(request)
    assert holder.client.get(f"{holder.page}document.pdf").status_code == 303


def test_tries_from_one_network_are_counted(settings):
    settings.BIRTH_DATES_PER_ADDRESS = "3/hour"
    holder = Holder(papers.request(asks_birth_date=True))
    holder.begin()
    assert [birth(holder, year="1990").status_code for _ in range(4)] == [422, 422, 422, 429]


# ---------------------------------------------------------------------------------------------- kiosk


def test_a_device_that_is_handed_over_leads_nowhere_else_and_gives_no_copy():
    request = papers.request(asks_birth_date=True)
    holder = Holder(request, channel="kiosk").ready()
    pages = [holder.client.get(holder.home).content.decode(), holder.client.get(holder.page).content.decode()]
    holder.sign()
    sealing.seal_request(Sealing.objects.get().pk, clock=timezone.now)
    assert SignedDocument.objects.count() == 1
    pages.append(holder.client.get(holder.page).content.decode())
    assert "hand this device back" in pages[-1]
    for page in pages:
        assert 'href="/portal' not in page
        assert "copy.pdf" not in page
    assert holder.client.get(f"{holder.page}copy.pdf").status_code == 303
    assert "identity" in kinds(request)


def test_the_link_of_a_device_ends_soon():
    holder = Holder(papers.request(), channel="kiosk")
    SignatureLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert holder.client.get(holder.home).status_code == 410


def test_a_device_shows_nobody_what_was_filled_in_before_and_hands_out_no_file():
    request = papers.request(body=FIELDS)
    request.facility.phone = "(212) 555-0143"
    request.facility.save()
    at_home = Holder(request).ready()
    at_home.client.post(f"{at_home.page}save/", {"f1": "Private words", "name": "Ada"})
    holder = Holder(request, channel="kiosk")
    holder.begin()
    holder.client.post(f"{holder.page}save/", {"f1": "Other words", "name": "Ada"})
    for address in (holder.home, holder.page):
        said = holder.client.get(address).content.decode()
        for kept_back in ("Private words", "Other words", "document.pdf", "tel:", "finish later"):
            assert kept_back not in said
    assert holder.client.get(f"{holder.page}document.pdf").status_code == 303
    assert answers.read(request.signers.get()).values == {"f1": "Private words"}


# ------------------------------------------------------------------------------------- staff who sign


def test_a_link_to_sign_as_staff_is_of_no_use_to_anybody_else():
    request = papers.request(version={"signers": ["staff"]})
    user = make.user()
    theirs = Holder(request, channel="desk", by=user)
    other = Client()
    other.force_login(make.user())
    for browser in (Client(), other):
        for address in (theirs.home, theirs.page):
            assert browser.get(address).status_code == 404
            assert browser.post(address).status_code == 404
    theirs.client.force_login(user)
    theirs.ready().sign(name="Dana Reyes")
    signer = request.signers.get()
    assert (signer.signed_as, signer.signed_by) == ("Dana Reyes", user)
