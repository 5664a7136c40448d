"""The certificate that seals: given, or made here; and what is said when there is something wrong with it."""

import os
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.core.checks import Info, Warning, run_checks

from signatures import certificate
from tests.factories import NOW
from tests.signatures import certificates


@pytest.fixture
def own(settings, tmp_path):
    """Nothing is given: one is made below the returned folder."""
    settings.SEALING_CERTIFICATE_FILE = ""
    settings.DATA_DIR = tmp_path
    return tmp_path / "signing"


@pytest.fixture
def given(settings, tmp_path):
    """Puts a file where settings name it."""

    def put(data: bytes, passphrase: str = "") -> Path:
        path = tmp_path / "given.p12"
        path.write_bytes(data)
        settings.SEALING_CERTIFICATE_FILE = str(path)
        settings.SEALING_CERTIFICATE_PASSPHRASE = passphrase
        return path

    return put


# ----------------------------------------------------------------------------------------- of our own


def test_one_is_made_on_first_use_and_kept(own):
    made = certificate.current(now=NOW)
    assert (made.name, made.is_own_making) == ("SecureCare seal", True)
    assert (made.not_before, made.not_after) == (
        NOW - timedelta(days=1),
        NOW - timedelta(days=1) + timedelta(days=3650),
    )
    assert certificate.current(now=NOW + timedelta(days=900)).sha256 == made.sha256
    assert sorted(path.name for path in own.iterdir()) == ["seal.lock", "seal.p12"]


def test_nobody_else_reads_the_one_that_is_made(own):
    certificate.current(now=NOW)
    assert stat.S_IMODE((own / "seal.p12").stat().st_mode) == 0o600
    assert stat.S_IMODE(own.stat().st_mode) == 0o700


def test_the_one_that_is_made_may_sign_and_nothing_else(own):
    made = certificate.current(now=NOW).certificate
    assert made.key_usage_value.native == {"digital_signature", "non_repudiation"}
    assert made.ca is False
    assert (made.public_key.algorithm, made.public_key.bit_size) == ("ec", 256)


MAKE = """
import django, sys
django.setup()
from datetime import datetime, UTC
from django.core.cache import cache
from appointments import branding
cache.set(branding.KEY, branding.Brand("SecureCare", "customer", "customers", "", ()), None)
from signatures import certificate
print("ready", flush=True)
sys.stdin.readline()
print(certificate.current(now=datetime.now(UTC)).sha256.hex())
"""


def test_processes_that_start_at_once_make_one(tmp_path):
    environment = {
        **os.environ,
        "DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "securecare.settings",
        "SEALING_CERTIFICATE_FILE": "",
        "LOG_LEVEL": "ERROR",
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=30)[0] for process in started]
    assert len(set(said)) == 1
    assert len(said[0].strip()) == 64
    assert sorted(path.name for path in (tmp_path / "signing").iterdir()) == ["seal.lock", "seal.p12"]


def test_asking_whether_something_is_wrong_makes_none(own):
    assert (certificate.at_hand(now=NOW), certificate.problem(now=NOW)) == (None, "")
    assert not own.exists()
    made = certificate.current(now=NOW)
    assert certificate.at_hand(now=NOW) is made


def test_an_expired_one_of_our_own_says_how_to_get_another(own):
    certificate.current(now=NOW)
    later = NOW + timedelta(days=3651)
    words = f"The sealing certificate expired on 2036-11-19. Remove {own / 'seal.p12'}: another is made."
    assert certificate.problem(now=later) == words
    (own / "seal.p12").unlink()
    assert certificate.current(now=later).not_after > later


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(own):
    own.parent.chmod(0o500)
    words = f"A certificate to seal with cannot be made in {own}: Permission denied."
    with pytest.raises(certificate.CertificateProblem, match=re.escape(words)):
        certificate.current(now=NOW)


def test_a_path_that_is_taken_is_told(own):
    own.write_text("a file where the folder should be")
    words = f"A certificate to seal with cannot be made in {own}: File exists. Let SecureCare write there, "
    with pytest.raises(certificate.CertificateProblem, match=re.escape(words)):
        certificate.current(now=NOW)


# --------------------------------------------------------------------------------------------- given


@pytest.mark.parametrize("passphrase", ["", "open-sesame", "contraseña"])
def test_the_given_one_is_taken_with_its_chain(given, passphrase):
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = certificates.certificate(authority_key, name="An authority")
    given(
        certificates.pkcs12_bytes(
            passphrase=passphrase, chain=[authority], issuer=(authority, authority_key)
        ),
        passphrase,
    )
    found = certificate.current(now=NOW)
    assert (found.name, found.is_own_making) == ("Riverton Services seal", False)
    assert [one.subject.native for one in found.chain] == [{"common_name": "An authority"}]
    assert found.certificate.sha256 == found.sha256
    assert isinstance(found.certificate, x509.Certificate)
    assert certificate.problem(now=NOW) == ""


def test_rsa_serves_as_well(given):
    given(certificates.pkcs12_bytes(key=rsa.generate_private_key(65537, 2048)))
    assert certificate.current(now=NOW).key.algorithm == "rsa"


def test_a_renewed_file_is_read_without_a_restart(given):
    given(certificates.pkcs12_bytes(name="First"))
    first = certificate.current(now=NOW)
    assert certificate.current(now=NOW) is first
    given(certificates.pkcs12_bytes(name="The second"))
    assert certificate.current(now=NOW).name == "The second"


def test_its_last_month_is_told_before_it_ends(given):
    given(certificates.pkcs12_bytes(not_after=NOW + timedelta(days=29)))
    found = certificate.current(now=NOW)
    assert found.expires_soon(NOW)
    assert not found.expires_soon(NOW - timedelta(days=2))
    assert not found.expires_soon(NOW + timedelta(days=30))


def refusal() -> str:
    with pytest.raises(certificate.CertificateProblem) as error:
        certificate.current(now=NOW)
    assert str(error.value) == certificate.problem(now=NOW)
    return str(error.value)


def test_a_missing_file_is_told(settings, tmp_path):
    settings.SEALING_CERTIFICATE_FILE = str(tmp_path / "gone.p12")
    assert refusal() == (
        f"There is no sealing certificate at {tmp_path / 'gone.p12'}. Put it there, or change SEALING_CERTIFICATE_FILE."
    )


def test_a_folder_in_its_place_is_told(settings, tmp_path):
    settings.SEALING_CERTIFICATE_FILE = str(tmp_path)
    assert refusal() == (
        f"The sealing certificate {tmp_path} cannot be read: Is a directory. Let the user that runs SecureCare read it."
    )


def test_a_wrong_passphrase_is_told_and_not_written_out(given):
    path = given(certificates.pkcs12_bytes(passphrase="right-one"), "wrong-one")
    assert refusal() == f"The passphrase does not open {path}. Correct SEALING_CERTIFICATE_PASSPHRASE."


def test_a_missing_passphrase_is_told(given):
    path = given(certificates.pkcs12_bytes(passphrase="right-one"))
    assert refusal() == f"{path} needs a passphrase. Set SEALING_CERTIFICATE_PASSPHRASE."


@pytest.mark.parametrize(
    "data", [b"", b"-----BEGIN CERTIFICATE-----\n", bytes(2000)], ids=["empty", "PEM", "zeros"]
)
def test_another_kind_of_file_is_told(given, data):
    path = given(data)
    assert refusal().startswith(f"{path} is not a PKCS #12 file (.p12, .pfx), or was damaged.")


def test_a_file_without_a_key_is_told(given):
    path = given(certificates.pkcs12_bytes(with_key=False))
    assert refusal().startswith(f"{path} holds no private key. Export both together as PKCS #12")


def test_a_file_without_a_certificate_is_told(given):
    path = given(certificates.pkcs12_bytes(with_certificate=False))
    assert refusal().startswith(f"{path} holds no certificate that belongs to its key.")


@pytest.mark.parametrize(
    "generate",
    [ed25519.Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 1024)],
    ids=["Ed25519", "RSA of 1,024 bits"],
)
def test_a_key_that_readers_of_pdfs_do_not_take_is_told(given, generate):
    signer = ec.generate_private_key(ec.SECP256R1())
    authority = certificates.certificate(signer, name="An authority")
    path = given(certificates.pkcs12_bytes(key=generate(), issuer=(authority, signer)))
    assert refusal().startswith(f"The key in {path} is of no kind that PDFs are sealed with.")


def test_a_certificate_that_may_not_sign_is_told(given):
    path = given(certificates.pkcs12_bytes(may_sign=False))
    assert refusal().startswith(f"The certificate in {path} is not for signing.")


def test_an_expired_one_is_told(given):
    path = given(certificates.pkcs12_bytes(not_after=datetime(2026, 11, 22, tzinfo=UTC)))
    assert refusal() == (
        "The sealing certificate expired on 2026-11-22. "
        f"Put one that is valid at {path}: nothing need be restarted."
    )


def test_one_that_is_not_valid_yet_is_told(given):
    given(certificates.pkcs12_bytes(not_before=NOW + timedelta(hours=1)))
    assert refusal().startswith(
        "The sealing certificate is not valid before 2026-11-23 15:00 UTC. Check this machine’s clock, or else: "
    )


# -------------------------------------------------------------------------------------------- checks


def found_by_checks(prefix: str = "signatures.", **options) -> list:
    return [message for message in run_checks(**options) if message.id.startswith(prefix)]


def test_a_good_certificate_leaves_the_checks_nothing_to_say(given):
    given(certificates.pkcs12_bytes(passphrase="right-one"), "right-one")
    assert found_by_checks(include_deployment_checks=True) == []


def test_a_certificate_that_cannot_be_used_is_a_warning_and_stops_nothing(given):
    path = given(certificates.pkcs12_bytes(passphrase="right-one"), "wrong-one")
    (found,) = found_by_checks()
    assert (type(found), found.id) == (Warning, "signatures.W001")
    assert found.msg == f"The passphrase does not open {path}. Correct SEALING_CERTIFICATE_PASSPHRASE."


def test_settings_that_cannot_work_are_told(own, settings):
    settings.SEALING_CERTIFICATE_PASSPHRASE = "x"
    settings.SEALING_TIMESTAMP_URL = "timestamp.example"
    assert [found.msg for found in found_by_checks()] == [
        "SEALING_CERTIFICATE_PASSPHRASE is set without SEALING_CERTIFICATE_FILE.",
        "SEALING_TIMESTAMP_URL is an address such as https://timestamp.example.",
    ]


def test_a_deployment_without_one_is_told_what_that_means(own):
    (found,) = found_by_checks(include_deployment_checks=True)
    assert (type(found), found.id) == (Info, "signatures.I001")
    assert found_by_checks() == []
    assert not own.exists()
