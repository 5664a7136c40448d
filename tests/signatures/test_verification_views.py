"""The pages on which staff check signed documents."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from signatures import vault
from signatures.models import SignedDocument
from signatures.views import verification as views
from tests import factories as make
from tests.scheduling.desk import Desk, part, text_of
from tests.signatures import certificates, papers, sealed
from tests.signatures.test_verification import APPENDED, DIGEST

pytestmark = pytest.mark.django_db
ALL = "/documents/verify/"


@pytest.fixture
def desk():
    return Desk.open(name="Northside")


@pytest.fixture
def client(desk):
    return desk.signed_in("front_desk")


@pytest.fixture
def of_desk(desk):
    """Makes signed documents at its facility, all in one version."""
    version = papers.template()

    def made(**fields) -> SignedDocument:
        customer = make.customer(at=desk.facility, given_name="Ada", family_name="Nguyen")
        return sealed.document(of=version, facility=desk.facility, customer=customer, **fields)

    return made


def spoil(document: SignedDocument) -> None:
    sealed.put(document, vault.open_copy(document) + b"\n")


def address(document: SignedDocument) -> str:
    return f"/documents/{document.request.reference}/verify/"


def hidden(response) -> dict[str, str]:
    """What the page would post next by itself."""
    page = response.content.decode()
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


# --------------------------------------------------------------------------------------------- one


def test_one_that_is_sound_is_said_to_be(client, of_desk):
    response = client.post(address(of_desk()))
    assert "Sound. The copy is byte for byte the one that was sealed" in text_of(response)
    assert 'role="alert"' not in response.content.decode()


def test_one_that_is_not_is_named_with_what_is_wrong(client, of_desk):
    document = of_desk()
    spoil(document)
    response = client.post(address(document))
    page = text_of(response)
    assert "This document is not as it was sealed." in page
    assert f"{DIGEST} {APPENDED}" in page


def test_the_part_of_a_documents_page_is_the_same_as_on_the_page_by_itself(client, of_desk):
    document = of_desk()
    whole = client.post(address(document)).content.decode()
    answered = client.post(address(document), headers=part("verified"))
    shown = re.sub(r"Checked [^<]*|value=\"[^\"]*\"", "", answered.content.decode()).strip()
    assert shown in re.sub(r"Checked [^<]*|value=\"[^\"]*\"", "", whole)
    assert shown.startswith('<div id="verified" class="checking">')


def test_a_documents_own_page_holds_the_part_that_is_answered(client, of_desk):
    page = client.get(f"/documents/{of_desk().request.reference}/").content.decode()
    assert page.count('id="verified"') == 1
    assert "Check seal and evidence" in page


def test_one_of_another_facility_is_not_there(client):
    elsewhere = sealed.document()
    assert client.post(address(elsewhere)).status_code == 404


def test_one_that_is_not_sealed_yet_is_not_there(client, desk):
    waiting = papers.signed(facility=desk.facility)
    assert client.post(f"/documents/{waiting.reference}/verify/").status_code == 404


def test_checking_is_no_get(client, of_desk):
    assert client.get(address(of_desk())).status_code == 405


def test_billing_may_not_check(desk, of_desk):
    client = desk.signed_in("billing")
    assert client.post(address(of_desk())).status_code == 403
    assert client.get(ALL).status_code == 403
    assert client.post(ALL).status_code == 403


# --------------------------------------------------------------------------------------------- all


def test_the_page_says_what_is_checked_before_it_checks_anything(client, of_desk):
    spoil(of_desk())
    page = text_of(client.get(ALL))
    assert "Check 1 document" in page
    assert DIGEST not in page


def test_the_page_says_so_when_there_is_nothing_to_check(client):
    sealed.document()  # of another facility
    page = client.get(ALL)
    assert "There are no signed documents yet." in text_of(page)
    assert "Check all" not in text_of(page)
    assert "All are sound. " in text_of(client.post(ALL))


def test_all_that_one_sees_are_checked_and_the_bad_ones_named(client, of_desk):
    good, bad = of_desk(), of_desk()
    spoil(bad)
    spoil(sealed.document())
    page = text_of(client.post(ALL))
    assert "Checked 2 of 2" in page
    assert "1 not as sealed." in page
    assert (str(bad.reference) in page, str(good.reference) in page) == (True, False)
    assert f"{DIGEST} {APPENDED}" in page


def test_digests_alone_say_nothing_of_the_seal(client, of_desk):
    spoil(of_desk())
    page = text_of(client.post(ALL, {"hashes_only": "on"}))
    assert "Checked 1 of 1, digests only" in page
    assert (DIGEST in page, APPENDED in page) == (True, False)


def test_many_are_checked_batch_by_batch_and_what_failed_first_is_still_named(client, of_desk):
    made = [of_desk() for _ in range(views.BATCH + 2)]
    bad = [made[0], made[-1]]
    for document in bad:
        spoil(document)
    answer = client.post(ALL, headers=part("verifying"))
    assert f"Checked {views.BATCH} of {views.BATCH + 2}" in text_of(answer)
    posted = hidden(answer)
    assert {name: posted[name] for name in ("last", "checked", "failed")} == {
        "last": str(made[views.BATCH - 1].pk),
        "checked": str(views.BATCH),
        "failed": str(bad[0].pk),
    }
    answer = client.post(ALL, posted, headers=part("verifying"))
    page = text_of(answer)
    assert f"Checked {views.BATCH + 2} of {views.BATCH + 2}" in page
    assert [document for document in made if str(document.reference) in page] == bad
    assert "Go on" not in page


def test_a_part_of_the_check_is_the_same_as_on_the_whole_page(client, of_desk):
    spoil(of_desk())
    whole = client.post(ALL).content.decode()
    answered = client.post(ALL, headers=part("verifying")).content.decode()
    without_tokens = [re.sub(r'name="csrf\w+" value="[^"]*"', "", page).strip() for page in (answered, whole)]
    assert without_tokens[0] in without_tokens[1]


@pytest.mark.parametrize(
    "posted",
    [{"last": "x"}, {"last": "-1"}, {"last": "9" * 30}, {"failed": "1,,2"}, {"failed": "1 OR 1=1"}],
)
def test_nonsense_that_is_posted_starts_from_the_beginning(client, of_desk, posted):
    of_desk()
    response = client.post(ALL, posted)
    assert response.status_code == 200
    assert "Check 1 document" in text_of(response)


def test_what_is_posted_names_no_document_that_is_sound_or_elsewhere(client, of_desk):
    good, elsewhere = of_desk(), sealed.document()
    spoil(elsewhere)
    page = text_of(client.post(ALL, {"last": "0", "failed": f"{good.pk},{elsewhere.pk}"}))
    assert "All are sound." in page
    assert str(elsewhere.reference) not in page


def test_a_check_that_finds_too_much_stops_and_says_how_to_go_on(client, of_desk):
    for _ in range(views.MOST_NAMED + 1):
        spoil(of_desk())
    page = text_of(client.post(ALL))
    assert "The check stopped here" in page
    assert "Go on" not in page


# -------------------------------------------------------------------------------------- certificate


def test_the_certificate_is_shown_as_readers_of_pdfs_show_it(client):
    page = text_of(client.get(ALL))
    assert re.search(r"SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}", page)
    assert "Riverton Services seal" in page
    assert "Nothing can be sealed" not in page


def test_a_certificate_that_cannot_seal_is_an_alarm(client, settings, tmp_path):
    settings.SEALING_CERTIFICATE_FILE = str(tmp_path / "gone.p12")
    page = text_of(client.get(ALL))
    assert f"Nothing can be sealed. There is no sealing certificate at {tmp_path / 'gone.p12'}." in page


def test_looking_at_the_page_makes_no_certificate(client, settings, tmp_path):
    settings.SEALING_CERTIFICATE_FILE, settings.DATA_DIR = "", tmp_path
    assert "The sealing certificate" not in text_of(client.get(ALL))
    assert list(tmp_path.iterdir()) == []


def test_a_certificate_that_expires_soon_is_told(client, settings, tmp_path):
    path = tmp_path / "short.p12"
    path.write_bytes(certificates.pkcs12_bytes(not_after=timezone.now() + timedelta(days=9)))
    settings.SEALING_CERTIFICATE_FILE = str(path)
    assert "Have it renewed before then" in text_of(client.get(ALL))
