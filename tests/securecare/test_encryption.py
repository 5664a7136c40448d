"""Sealing, checked by a second computation: HKDF from `hmac` alone, GCM from single AES blocks (RFC 5869, SP 800-38D)."""

import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from securecare.encryption import CannotOpen, KeyRing, Sealed, key_ring

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
RING = KeyRing(current="k2", keys={"k2": NEW, "k1": OLD})
PLACE = ("private-note", "0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d10")
TEXT = "Prefers mornings. Brother: Luis – call him first."


def encoded(key):
    return base64.urlsafe_b64encode(key).decode()


# ------------------------------------------------------------------------------------- a second computation


def prefixed(*parts):
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def derived(master, salt, info):
    extracted = hmac.digest(salt, master, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def gcm(key, nonce, text, associated):
    """Ciphertext and tag, block by block."""
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    counters = (nonce + count.to_bytes(4, "big") for count in range(1, 3 + len(text) // 16))
    pads = [ecb.update(counter) for counter in counters]
    body = bytes(a ^ b for a, b in zip(text, b"".join(pads[1:]), strict=False))
    lengths = (len(associated) * 8).to_bytes(8, "big") + (len(body) * 8).to_bytes(8, "big")
    hashed = ghash(ecb.update(bytes(16)), padded(associated) + padded(body) + lengths)
    return body + bytes(a ^ b for a, b in zip(hashed, pads[0], strict=True))


def padded(data):
    return data + bytes(-len(data) % 16)


def ghash(key, data):
    state, factor = 0, int.from_bytes(key, "big")
    for at in range(0, len(data), 16):
        state = multiplied(state ^ int.from_bytes(data[at : at + 16], "big"), factor)
    return state.to_bytes(16, "big")


def multiplied(left, right):
    product = 0
    for bit in range(127, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (0xE1 << 120 if right & 1 else 0)
    return product


def sealed_by_hand(text, *, key_id, master, salt, nonce, place):
    key = derived(master, salt, prefixed(b"securecare/sealed/v1", place[0].encode()))
    associated = prefixed(b"\x01", key_id.encode(), salt, *(part.encode() for part in place))
    return Sealed(b"\x01" + nonce + gcm(key, nonce, text.encode(), associated), salt, key_id)


def test_the_second_computation_agrees_with_published_vectors():
    """RFC 5869 A.1 (first 32 bytes of its key) and the GCM specification's test case 16."""
    salt, info = bytes(range(13)), bytes(range(0xF0, 0xFA))
    key = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    assert derived(b"\x0b" * 22, salt, info).hex() == key
    tag = gcm(
        bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2),
        bytes.fromhex("cafebabefacedbaddecaf888"),
        bytes.fromhex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ),
        bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
    )[-16:]
    assert tag.hex() == "76fc6ece0f4e1768cddf8853bb2d551b"


@given(
    text=st.text(max_size=200),
    salt=st.binary(min_size=32, max_size=32),
    nonce=st.binary(min_size=12, max_size=12),
)
def test_open_reads_what_the_second_computation_seals(text, salt, nonce):
    sealed = sealed_by_hand(text, key_id="k1", master=OLD, salt=salt, nonce=nonce, place=PLACE)
    assert RING.open(sealed, place=PLACE) == text


@given(text=st.text(max_size=200))
def test_seal_writes_what_the_second_computation_writes(text):
    sealed = RING.seal(text, place=PLACE)
    nonce = sealed.ciphertext[1:13]
    assert sealed == sealed_by_hand(text, key_id="k2", master=NEW, salt=sealed.salt, nonce=nonce, place=PLACE)


def test_a_text_sealed_long_ago_still_opens():
    """Frozen bytes: a change of the stored form must bring a new version, not break what is stored."""
    sealed = Sealed(
        bytes.fromhex("01000102030405060708090a0b0724b8ed6f8f462593592dd8aca3695c65f7381d8344a4690040"),
        bytes(32),
        "k1",
    )
    assert RING.open(sealed, place=PLACE) == "Call first"


# ---------------------------------------------------------------------------------------- what sealing promises


def test_every_write_has_its_own_salt_and_nonce_and_the_current_key():
    first, second = (RING.seal(TEXT, place=PLACE) for _ in range(2))
    assert first.salt != second.salt
    assert first.ciphertext[1:13] != second.ciphertext[1:13]
    assert (first.key_id, second.key_id) == ("k2", "k2")


def test_nothing_of_the_text_is_in_what_is_stored():
    sealed = RING.seal(TEXT, place=PLACE)
    stored = sealed.ciphertext + sealed.salt + sealed.key_id.encode()
    assert [word for word in TEXT.split() if word.encode() in stored] == []
    assert len(sealed.ciphertext) == 1 + 12 + len(TEXT.encode()) + 16


def cannot_open(sealed, place=PLACE, ring=RING):
    with pytest.raises(CannotOpen) as error:
        ring.open(sealed, place=place)
    return str(error.value)


BELONGS_ELSEWHERE = "The sealed text does not belong here or was changed."


@pytest.mark.parametrize(
    "place",
    [
        ("private-note", "0b6a8f7e-5f2e-4b7e-9a53-1c2f7a9e4d11"),
        ("credentials", PLACE[1]),
        ("private-note",),
        (*PLACE, ""),
        ("private-note0b6a8f7e", PLACE[1][8:]),
    ],
)
def test_a_sealed_text_opens_only_in_its_own_place(place):
    assert cannot_open(RING.seal(TEXT, place=PLACE), place) == BELONGS_ELSEWHERE


@given(st.data())
def test_any_flipped_bit_is_refused(data):
    sealed = RING.seal(TEXT, place=PLACE)
    stored = bytearray(sealed.ciphertext + sealed.salt)
    bit = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[bit // 8] ^= 1 << bit % 8
    assert cannot_open(Sealed(bytes(stored[:-32]), bytes(stored[-32:]), sealed.key_id))


@given(st.data())
def test_any_truncation_or_addition_is_refused(data):
    sealed = RING.seal(TEXT, place=PLACE)
    keep = data.draw(st.integers(0, len(sealed.ciphertext) - 1))
    assert cannot_open(Sealed(sealed.ciphertext[:keep], sealed.salt, "k2"))
    assert cannot_open(Sealed(sealed.ciphertext + data.draw(st.binary(min_size=1)), sealed.salt, "k2"))
    assert cannot_open(Sealed(sealed.ciphertext, sealed.salt[: data.draw(st.integers(0, 31))], "k2"))


def test_a_key_is_looked_up_by_its_id_and_never_tried():
    sealed = RING.seal(TEXT, place=PLACE)
    renamed = KeyRing(current="k3", keys={"k3": NEW})
    assert cannot_open(sealed, ring=renamed) == "The key ring has no key 'k2'."
    assert cannot_open(Sealed(sealed.ciphertext, sealed.salt, "k3"), ring=renamed) == BELONGS_ELSEWHERE
    assert cannot_open(Sealed(sealed.ciphertext, sealed.salt, "k1")) == BELONGS_ELSEWHERE


def test_what_the_database_returns_opens_too():
    sealed = RING.seal(TEXT, place=PLACE)
    assert (
        RING.open(Sealed(memoryview(sealed.ciphertext), memoryview(sealed.salt), "k2"), place=PLACE) == TEXT
    )


# --------------------------------------------------------------------------------------------------- the key ring


def test_the_first_key_seals_and_all_of_them_open():
    ring = KeyRing.parse(f"k2:{encoded(NEW)}, k1:{encoded(OLD)},")
    assert ring == RING
    assert ring.open(KeyRing.parse(f"k1:{encoded(OLD)}").seal(TEXT, place=PLACE), place=PLACE) == TEXT


def test_both_spellings_of_base64_are_read():
    key = b"\xfb\xff" * 16
    standard = base64.b64encode(key).decode()
    assert "+" in standard or "/" in standard
    assert KeyRing.parse(f"a:{standard}") == KeyRing.parse(f"a:{encoded(key)}") == KeyRing("a", {"a": key})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "NOTE_KEY_RING holds no key."),
        (" , ", "NOTE_KEY_RING holds no key."),
        (f":{encoded(OLD)}", "NOTE_KEY_RING: key id '' is empty, too long or used twice."),
        (
            f"{'k' * 17}:{encoded(OLD)}",
            f"NOTE_KEY_RING: key id '{'k' * 17}' is empty, too long or used twice.",
        ),
        (f"a:{encoded(OLD)},a:{encoded(NEW)}", "NOTE_KEY_RING: key id 'a' is empty, too long or used twice."),
        ("a:not base64", "NOTE_KEY_RING: key 'a' is not base64."),
        ("a:ключ", "NOTE_KEY_RING: key 'a' is not base64."),
        (f"a:{encoded(OLD)[:-1]}", "NOTE_KEY_RING: key 'a' is not base64."),
        (f"a:{encoded(OLD[:31])}", "NOTE_KEY_RING: key 'a' has 31 bytes, not 32."),
        ("a", "NOTE_KEY_RING: key 'a' has 0 bytes, not 32."),
    ],
)
def test_a_malformed_key_ring_is_refused_with_its_reason(text, message):
    with pytest.raises(ImproperlyConfigured) as error:
        KeyRing.parse(text)
    assert str(error.value) == message


@pytest.mark.parametrize("text", [f"a:{encoded(OLD)[:20]}", f"a:{encoded(OLD)},b:{encoded(NEW)[:-4]}"])
def test_a_refused_key_ring_shows_no_key(text):
    with pytest.raises(ImproperlyConfigured) as error:
        KeyRing.parse(text)
    assert encoded(NEW)[:8] not in str(error.value)
    assert encoded(OLD)[:8] not in str(error.value)


def test_a_printed_key_ring_shows_no_key():
    assert repr(RING) == "KeyRing(current='k2')"


def test_the_ring_in_use_is_the_one_in_settings(settings):
    settings.NOTE_KEY_RING = f"k1:{encoded(OLD)}"
    assert key_ring() == KeyRing("k1", {"k1": OLD})
    settings.NOTE_KEY_RING = f"k2:{encoded(NEW)},k1:{encoded(OLD)}"
    assert key_ring() == RING
