"""Google's accounts: the page that asks people for their permission, and the tokens that come of it.

https://developers.google.com/identity/protocols/oauth2/web-server and …/service-account.
"""

import base64
import binascii
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.contracts.doubles import Answer, Asked

SCOPE = "https://www.googleapis.com/auth/calendar.events"
TOKEN, REVOKE, CONSENT = "/token", "/revoke", "/o/oauth2/v2/auth"
# Whatever the address of the token endpoint: google-auth names this one.
AUDIENCE = "https://oauth2.googleapis.com/token"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME = 3599
CLOCKS_DIFFER = 300


class OAuthRefused(Exception):
    def __init__(self, error: str, words: str = "", status: int = 400) -> None:
        self.answer = Answer(status, {"error": error, "error_description": words})


@dataclass
class Access:
    """What an access token opens, and until when."""

    email: str
    scopes: set[str]
    ends: float


@dataclass(frozen=True)
class Grant:
    """Behind a code: to whom it was given, and what they must know who come with it."""

    email: str
    scope: str
    redirect_uri: str
    challenge: str
    is_offline: bool


@dataclass
class Accounts:
    """`person` sits before the page that asks, and does what `consent` says: grant, refuse, untick (agree, but not to the
    scope) or less. `lifetime` is that of access tokens, in seconds; `ahead`, by how many this clock differs."""

    client_id: str = "client-of-the-double.apps.googleusercontent.com"
    client_secret: str = "secret-of-the-double"
    service_account: str = "calendars@double.iam.gserviceaccount.com"
    person: str = ""
    consent: str = "grant"
    lifetime: float = LIFETIME
    ahead: float = 0
    gives_refresh_token: bool = True
    may_delegate: bool = True
    refreshed: int = 0
    revoked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._people: set[str] = set()
        self._refresh: dict[str, str] = {}
        self._access: dict[str, Access] = {}
        self._codes: dict[str, Grant] = {}

    def reset(self) -> None:
        with self._lock:
            self.person, self.consent, self.lifetime, self.ahead = "", "grant", LIFETIME, 0
            self.gives_refresh_token = self.may_delegate = True
            self.refreshed, self.revoked = 0, []
            for kept in (self._people, self._refresh, self._access, self._codes):
                kept.clear()

    # ------------------------------------------------------------------------------------------- people

    def open(self, email: str) -> None:
        with self._lock:
            self._people.add(email)

    def permission(self, email: str) -> str:
        """A refresh token, as if this person had given their permission."""
        with self._lock:
            self.open(email)
            token = f"1//{next(self._numbers)}-{secrets.token_urlsafe(24)}"
            self._refresh[token] = email
            return token

    def revoke(self, email: str) -> None:
        """The person takes every permission back."""
        with self._lock:
            self._refresh = {token: whose for token, whose in self._refresh.items() if whose != email}
            self._access = {token: each for token, each in self._access.items() if each.email != email}

    def expire(self) -> None:
        """Access tokens that were given until now are no longer accepted."""
        with self._lock:
            self._access.clear()

    def access(self, asked: Asked) -> Access | None:
        """Who is asking; None if nobody knows."""
        kind, _, token = asked.headers.get("Authorization", "").partition(" ")
        with self._lock:
            found = self._access.get(token) if kind == "Bearer" else None
            return found if found and found.ends > time.monotonic() else None

    # ---------------------------------------------------------------------------------------- addresses

    def respond(self, asked: Asked) -> Answer | None:
        """None if the address is none of these."""
        served = {
            ("POST", TOKEN): self._token,
            ("POST", REVOKE): self._revoke,
            ("GET", CONSENT): self._consent,
        }
        if (answer := served.get((asked.method, asked.path))) is None:
            return None
        try:
            with self._lock:
                return answer(asked)
        except OAuthRefused as refused:
            return refused.answer

    def _consent(self, asked: Asked) -> Answer:
        given = asked.query
        if problem := self._problem(given):
            return Answer(400, f"<html><body><h1>Access blocked</h1>{problem}</body></html>")
        back: dict[str, str] = {"state": given.get("state", "")}
        if self.consent == "refuse" or not self.person:
            back["error"] = "access_denied"
        else:
            scope = {"untick": "openid", "less": f"{SCOPE}.readonly"}.get(self.consent, given["scope"])
            code = f"4/{secrets.token_urlsafe(32)}"
            is_offline = given.get("access_type") == "offline" and given.get("prompt") == "consent"
            self._codes[code] = Grant(
                self.person, scope, given["redirect_uri"], given["code_challenge"], is_offline
            )
            back |= {"code": code, "scope": scope}
        return Answer(302, "", {"Location": f"{given['redirect_uri']}?{urlencode(back)}"})

    def _problem(self, given: dict[str, str]) -> str:
        if given.get("client_id") != self.client_id:
            return "Error 401: invalid_client"
        if urlsplit(given.get("redirect_uri", "")).hostname not in ("localhost", "127.0.0.1", "testserver"):
            return "Error 400: redirect_uri_mismatch"
        if given.get("response_type") != "code" or not given.get("scope"):
            return "Error 400: invalid_request"
        if given.get("code_challenge_method") != "S256" or not given.get("code_challenge"):
            return "Error 400: PKCE is asked for here"
        return ""

    def _token(self, asked: Asked) -> Answer:
        form = asked.form
        grants = {
            "refresh_token": self._by_refresh_token,
            "authorization_code": self._by_code,
            JWT_GRANT: self._by_assertion,
        }
        kind = form.get("grant_type", "")
        if kind not in grants:
            raise OAuthRefused("unsupported_grant_type", f"Invalid grant_type: {kind}")
        if kind != JWT_GRANT:
            self._check_client(asked, form)
        self.refreshed += kind != "authorization_code"
        return Answer(200, grants[kind](form))

    def _check_client(self, asked: Asked, form: dict[str, str]) -> None:
        given = (form.get("client_id"), form.get("client_secret"))
        kind, _, coded = asked.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            name, _, secret = base64.b64decode(coded).decode().partition(":")
            given = (name, secret)
        if given != (self.client_id, self.client_secret):
            raise OAuthRefused("invalid_client", "The OAuth client was not found.", 401)

    def _by_refresh_token(self, form: dict[str, str]) -> dict[str, Any]:
        email = self._refresh.get(form.get("refresh_token", ""))
        if email is None:
            raise OAuthRefused("invalid_grant", "Token has been expired or revoked.")
        return self._given(email, SCOPE)

    def _by_code(self, form: dict[str, str]) -> dict[str, Any]:
        # Once, however it ends.
        grant = self._codes.pop(form.get("code", ""), None)
        if grant is None:
            raise OAuthRefused("invalid_grant", "Malformed auth code.")
        if form.get("redirect_uri") != grant.redirect_uri:
            raise OAuthRefused("redirect_uri_mismatch", "Bad Request")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != grant.challenge:
            raise OAuthRefused("invalid_grant", "Invalid code verifier.")
        answer = self._given(grant.email, grant.scope)
        if grant.is_offline and self.gives_refresh_token:
            answer["refresh_token"] = self.permission(grant.email)
        return answer

    def _by_assertion(self, form: dict[str, str]) -> dict[str, Any]:
        claims = self._claims(form.get("assertion", ""))
        now = time.time() + self.ahead
        if claims.get("aud") != AUDIENCE or claims.get("iss") != self.service_account:
            raise OAuthRefused("invalid_grant", "Invalid JWT Signature.")
        issued, ends = claims.get("iat", 0), claims.get("exp", 0)
        if not (now - ends < 0 <= ends - issued <= 3600 and issued - now < CLOCKS_DIFFER):
            raise OAuthRefused(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            )
        if not self.may_delegate or claims.get("scope") != SCOPE:
            raise OAuthRefused(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
                "of the scopes requested.",
                401,
            )
        if claims.get("sub") not in self._people:
            raise OAuthRefused("invalid_grant", "Invalid email or User ID")
        return self._given(claims["sub"], SCOPE)

    def _given(self, email: str, scope: str) -> dict[str, Any]:
        token = f"ya29.{secrets.token_urlsafe(48)}"
        self._access[token] = Access(email, set(scope.split()), time.monotonic() + self.lifetime)
        return {
            "access_token": token,
            "expires_in": int(self.lifetime),
            "scope": scope,
            "token_type": "Bearer",
        }

    def _revoke(self, asked: Asked) -> Answer:
        token = asked.form.get("token", "")
        email = self._refresh.get(token) or getattr(self._access.get(token), "email", None)
        if email is None:
            raise OAuthRefused("invalid_token", "Token expired or revoked")
        self.revoke(email)
        self.revoked.append(email)
        return Answer(200, {})

    # ---------------------------------------------------------------------------------- service account

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(65537, 2048)

    def key_file(self) -> dict[str, str]:
        """As an administrator downloads it."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "double",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": self.service_account,
            "client_id": "1",
            "token_uri": AUDIENCE,
        }

    def _claims(self, assertion: str) -> dict[str, Any]:
        signed, _, signature = assertion.rpartition(".")
        try:
            header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
            self._key.public_key().verify(
                _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (ValueError, binascii.Error, InvalidSignature) as error:
            raise OAuthRefused("invalid_grant", "Invalid JWT Signature.") from error
        if header.get("alg") != "RS256":
            raise OAuthRefused("invalid_grant", "Invalid JWT Signature.")
        return dict(claims)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
