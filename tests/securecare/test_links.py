import base64
import hashlib
from typing import Any

from securecare import links


def test_tokens_differ_and_hold_256_bits() -> None:
    tokens = {links.new_token() for _ in range(100)}

    assert len(tokens) == 100
    assert {len(base64.urlsafe_b64decode(token + "=")) for token in tokens} == {32}


def test_digest_is_what_any_sha256_gives() -> None:
    assert links.digest("a token") == hashlib.sha256(b"a token").digest()


def test_token_from_a_seed_is_the_same_each_time_and_safe_in_an_address() -> None:
    token = links.token_from("a form's secret", purpose="manage")

    assert links.token_from("a form's secret", purpose="manage") == token
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert not set(token) & set("+/=")


def test_token_from_a_seed_is_another_for_another_seed_or_purpose() -> None:
    tokens = {
        links.token_from(seed, purpose=purpose)
        for seed in ("one", "two")
        for purpose in ("manage", "sign-in")
    }

    assert len(tokens) == 4
    assert "one" not in "".join(tokens)


def test_keyed_digest_needs_the_sites_own_key(settings: Any) -> None:
    digest = links.keyed_digest("123456", purpose="code")
    settings.SECRET_KEY = "another"

    assert links.keyed_digest("123456", purpose="code") != digest
    assert digest != hashlib.sha256(b"123456").digest()


def test_purpose_and_text_do_not_run_into_each_other() -> None:
    assert links.keyed_digest("bc", purpose="a") != links.keyed_digest("c", purpose="ab")
